"""What people say of contrastive prompts, what reward models do with them, and what TextNorm gains without some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tia2.analysis.entries import Entries, panel_of
from tia2.calibration.member_rewards import MemberRewards
from tia2.calibration.single_models import TextNorm
from tia2.errors import ResultError, StudyError
from tia2.evaluation.bootstrap import RESAMPLES, Interval
from tia2.evaluation.people.agreement import krippendorff_alpha
from tia2.people.comparing.clustered import ClusteredMean, clustered_mean
from tia2.people.comparing.pair_votes import codes_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.people.store.study import Study
    from tia2.scoring import ScoreTable

METRIC = "auroc"
ASPECTS = ("different", "failure")


@dataclass(frozen=True)
class JudgedContrasts:
    """Contrastive prompts as people judge them.

    Attributes:
        frame: One row per contrastive prompt that has votes: prompt, contrastive_prompt, votes, different and failure
            (mean worths, 1 for yes, 0.5 for unsure), paraphrase (most votes say that it isn't different), no_failure.
        paraphrases: Share of votes for "no difference", unsure half, with an interval over prompts and raters.
        alpha: Krippendorff's alpha of each question.
        unasked: Number of contrastive prompts without votes yet.
    """

    frame: pd.DataFrame
    paraphrases: ClusteredMean
    alpha: dict[str, float]
    unasked: int


@dataclass(frozen=True)
class ContrastEffect:
    """What contrastive prompts do to one reward model.

    Attributes:
        name: Name of the reward model.
        high: Share of aligned images on which a paraphrase scores as high as its prompt or higher; ties half.
        high_others: The same for the contrastive prompts that people call different.
        with_all: AUROC of TextNorm over all contrastive prompts.
        without: AUROC of TextNorm without those that people call paraphrases.
        gain: The difference, with its interval over prompts.
    """

    name: str
    high: float
    high_others: float
    with_all: float
    without: float
    gain: Interval


def judged_contrasts(study: Study) -> JudgedContrasts:
    """Return what people say of the contrastive prompts of a study.

    Args:
        study: The study.

    Raises:
        StudyError: It asks something else.
        ResultError: Nobody has voted yet.
    """
    import pandas as pd

    question = study.settings.question
    if question.kind != "contrast":
        raise StudyError(f"{study.folder} asks about {question.kind!r}, not about contrastive prompts.")
    items = {item.key: item for item in study.items() if item.gold is None}
    votes = study.votes()
    votes = votes[(votes["slot"] == "item") & votes["item"].isin(list(items))]
    if not len(votes):
        raise ResultError(f"{study.settings.name}: nobody has voted yet.")
    worths = {aspect: votes[aspect].map(question.worth).to_numpy(np.float64) for aspect in ASPECTS}
    rows, alpha = [], {}
    numbers = codes_of(votes["item"].tolist())
    keys = list(dict.fromkeys(votes["item"]))
    for number, key in enumerate(keys):
        of_item = numbers == number
        means = {aspect: float(worths[aspect][of_item].mean()) for aspect in ASPECTS}
        rows.append(
            {
                "prompt": items[key].prompt,
                "contrastive_prompt": items[key].texts[0],
                "votes": int(of_item.sum()),
                **means,
                "paraphrase": means["different"] < 0.5,
                "no_failure": means["failure"] < 0.5,
            }
        )
    for aspect in ASPECTS:
        matrix = np.full((1, len(keys), int(np.bincount(numbers).max())), np.nan)
        for number in range(len(keys)):
            given = worths[aspect][numbers == number]
            matrix[0, number, : len(given)] = given
        alpha[aspect] = krippendorff_alpha(matrix)
    prompts = codes_of([items[key].prompt for key in votes["item"]])
    raters = codes_of(votes["rater"].tolist())
    share = clustered_mean(1 - worths["different"], prompts, raters, bounds=(0.0, 1.0))
    return JudgedContrasts(pd.DataFrame(rows), share, alpha, len(items) - len(keys))


def contrast_effects(
    judged: JudgedContrasts,
    tables: Sequence[ScoreTable],
    *,
    textnorm: TextNorm | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[ContrastEffect]:
    """Return what the contrastive prompts do to reward models.

    People judged the texts alone and saw neither images nor labels, so what TextNorm gains without the paraphrases that
    they name isn't chosen on what it is measured by. X stays as it is where nobody was asked.

    Args:
        judged: Verdicts of people.
        tables: Score tables of one benchmark with these contrastive prompts.
        textnorm: TextNorm with its temperature; None for the one that each model's card documents.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Raises:
        ResultError: The tables don't belong together or hold none of the contrastive prompts; no temperature is known.
    """
    entries = Entries.of(tables)
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    verdicts = {
        (row["prompt"], row["contrastive_prompt"]): bool(row["paraphrase"]) for row in judged.frame.to_dict("records")
    }
    first = tables[0]
    paraphrase, asked = np.zeros(first.mask.shape, np.bool_), np.zeros(first.mask.shape, np.bool_)
    for row, (prompt, texts) in enumerate(zip(first.items["prompt"], first.items["texts"], strict=True)):
        for column, text in enumerate(texts[1:], start=1):
            verdict = verdicts.get((prompt, text))
            asked[row, column], paraphrase[row, column] = verdict is not None, bool(verdict)
    if not asked.any():
        raise ResultError(f"{first.name} holds none of the contrastive prompts that people were asked about.")
    aligned = entries.items["label"].to_numpy(np.bool_)[:, None] & entries.scored[:, None]
    effects = []
    for table in tables:
        leads = np.sign(np.nan_to_num(table.rewards) - np.nan_to_num(table.rewards[:, :1]))
        high = (leads + 1) / 2
        rewards = MemberRewards.of_tables([table], entries.scored)
        kept = (first.mask, first.mask & ~paraphrase)
        values = [_textnorm(textnorm or TextNorm(), rewards, texts, entries.scored) for texts in kept]
        figures = [panel.figure(value, METRIC) for value in values]
        scope = panel.scopes[-1]
        means = [panel.interval(figure, scope).mean for figure in figures]
        effects.append(
            ContrastEffect(
                name=table.name,
                high=_share(high, paraphrase & aligned),
                high_others=_share(high, asked & ~paraphrase & aligned),
                with_all=means[0],
                without=means[1],
                gain=panel.interval(figures[1] - figures[0], scope),
            )
        )
    return effects


def _textnorm(
    textnorm: TextNorm, rewards: MemberRewards, texts: NDArray[np.bool_], scored: NDArray[np.bool_]
) -> NDArray[np.float64]:
    values = np.full(len(scored), np.nan)
    values[scored] = textnorm.values(rewards.over(texts[scored]))
    return values


def _share(high: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    return float(high[chosen].mean()) if chosen.any() else float("nan")
