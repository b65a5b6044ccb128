"""Which contrastive prompts are no contrast: paraphrases, duplicates, and those that images prefer to their prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.analysis.outscoring import FEW, HIGH, Measured, suspicions
from tia2.calibration._textnorm import textnorm
from tia2.errors import ResultError
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.panel import Panel
from tia2.figures import FigureSpec, Scatter, ScatterPoint

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Bools = NDArray[np.bool_]

KINDS = {"text": "a paraphrase by its words", "rewards": "suspected by rewards", "": "nothing found"}
DUPLICATE = "a duplicate"
TOP = 15
_LABELLED = 3
_SHORT = 26


def contrastive(tables: Sequence[ScoreTable], *, seed: int = 0, resamples: int = RESAMPLES) -> Analysis:
    """Go through every contrastive prompt: does it contrast, and does TextNorm gain by it?

    A contrastive prompt out-scores its prompt on an image where its reward is higher; ties count half. On aligned
    images it should not. For each, averaged over the reward models whose reward depends on the text:

    - aligned, not_aligned, all: on which share of these images it out-scores the prompt.
    - margin: mean of (the prompt's reward − its own) / default temperature.
    - removal: by how much the AUROC of TextNorm within the prompt changes when it alone is left out of X, at the
      default temperature; above 0 where X is better without it.
    - duplicate_of: an earlier text of X with the same words (see `tia2.prompts.rules.meaning`), the same
      letters, or with rewards that for every image and model are within 1 % of the standard deviation of the leads.
    - paraphrase: "text" where it says the same as the prompt by its words; "rewards" where it out-scores the prompt on
      40 % or more of at least three aligned images for more than half of the models, which is a suspicion only.

    Args:
        tables: Score tables of one benchmark.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        How often contrastive prompts out-score theirs on aligned and on other images; and a table with one row for each
        subset, prompt and contrastive prompt, the most suspicious first, with the reason in `check`. What removing
        suspects gains was chosen on the labels and is an upper bound, apart from those found by their words.

    Raises:
        ResultError: The tables don't belong together; no reward depends on the text; no prompt has contrastive prompts.

    Example:
        >>> analysis = contrastive([tia2.ScoreTable.load("runs/mini-strong")])  # doctest: +SKIP
        >>> analysis.table[["prompt", "contrastive_prompt", "check"]].head()  # doctest: +SKIP
    """
    entries = Entries.of(tables)
    kept = [number for number, table in enumerate(tables) if table.manifest.reward.card.kind != "control"]
    if not kept:
        raise ResultError(f"{tables[0].name} scores the image alone, whatever the text: no text can out-score another.")
    left_out = [name for number, name in enumerate(entries.names) if number not in kept]
    entries = Entries.of([tables[number] for number in kept])
    if not (tables[0].mask.sum(axis=1) > 1).any():
        raise ResultError(
            f"No prompt of {tables[0].manifest.benchmark.name} has contrastive prompts. `tia2 prompts contrast` makes "
            "some; then score again."
        )
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    measured = Measured.of(panel, entries)
    frame = measured.frame(panel, entries)
    frame = frame.join(suspicions(frame, measured, entries.names))
    sentences = _findings(frame, panel, entries, measured)
    if left_out:
        sentences.append(f"Left out, since they score the image alone: {', '.join(left_out)}.")
    order = ["severity", "aligned", "removal"]
    ordered = frame.sort_values(order, ascending=[True, False, False], kind="stable", ignore_index=True)
    return Analysis(
        name="contrastive",
        findings=sentences,
        figure=_figure(ordered, panel.subsets),
        table=ordered.drop(columns=["severity", "row", "column"]),
        shown={"prompt": "prompt", "contrastive_prompt": "contrastive prompt", "aligned": "aligned",
               "not_aligned": "others", "removal": "removal", "paraphrase": "paraphrase"},
        top=TOP,
    )  # fmt: skip


def _findings(frame: pd.DataFrame, panel: Panel, entries: Entries, measured: Measured) -> list[str]:
    by_text = frame["paraphrase"] == "text"
    suspected = frame["paraphrase"] == "rewards"
    duplicates = frame["duplicate_of"] != ""
    prompts = frame.groupby(["subset", "prompt_id"], sort=False).ngroups
    models = "1 reward model" if len(entries) == 1 else f"{len(entries)} reward models"
    sentences = [
        f"Of {len(frame):,} contrastive prompts of {prompts:,} prompts, {int(by_text.sum())} say the same as their "
        f"prompt, {int(suspected.sum())} are suspected to, since they out-score it on {100 * HIGH:.0f} % or more of "
        f"its aligned images, and {int(duplicates.sum())} repeat another ({models})."
    ]
    worst = frame[frame["n_aligned"] >= FEW].nlargest(3, "aligned")
    if len(worst):
        listed = "; ".join(
            f"{row['contrastive_prompt']!r} for {row['prompt']!r} ({100 * row['aligned']:.0f} %)"
            for _, row in worst.iterrows()
        )
        sentences.append(f"Most often out-scoring on aligned images: {listed}.")
    means = frame[["aligned", "not_aligned"]].mean()
    sentences.append(
        f"On average a contrastive prompt out-scores its prompt on {100 * means['aligned']:.0f} % of the aligned "
        f"images and on {100 * means['not_aligned']:.0f} % of the others."
    )
    words = (by_text | (frame["duplicate_by"] == "text")).to_numpy()
    every = (by_text | suspected | duplicates).to_numpy()
    if measured.able:
        sentences.append(_effect(frame, panel, entries, measured, words, "found by their words, no label seen"))
        if (every & ~words).any():
            sentences.append(_effect(frame, panel, entries, measured, every, "suspects and duplicates"))
            sentences.append(
                "Suspects were chosen on the labels that judge TextNorm without them: an upper bound on what cleaning "
                "gains, not a result. Where nothing is gained they are hard contrasts rather than paraphrases."
            )
    else:
        sentences.append("No card documents a default temperature, so nothing is said of TextNorm without them.")
    return sentences


def _effect(frame: pd.DataFrame, panel: Panel, entries: Entries, measured: Measured, chosen: Bools, which: str) -> str:
    """Say what TextNorm gains when these contrastive prompts are left out of X."""
    if not chosen.any():
        return f"TextNorm has none to leave out that were {which}."
    positions, mask = panel.positions, entries.tables[0].mask
    drop = np.zeros((len(positions), mask.shape[1]), np.bool_)
    drop[frame["row"][chosen], frame["column"][chosen]] = True
    keep = mask.copy()
    rows, columns = np.nonzero(panel.mask)
    keep[positions[rows, columns]] &= ~drop[rows]
    gains = []
    for number in measured.able:
        table, temperature = entries.tables[number], measured.temperatures[number]
        values = np.full((2, len(mask)), np.nan)
        for variant, texts in enumerate((keep, mask)):
            values[variant, entries.scored] = textnorm(
                table.rewards[entries.scored], temperature, mask=texts[entries.scored]
            )
        gains.append(panel.figure(values[0], "auroc") - panel.figure(values[1], "auroc"))
    by_subset = []
    for subset in panel.scopes:
        mean, low, high = panel.interval(np.mean(gains, axis=0), subset)
        by_subset.append(f"{mean:+.4f} on {subset} ({low:+.4f} to {high:+.4f})")
    verdict = "" if mean > 0 else " Leaving them out does not help."
    return f"AUROC of TextNorm without the {int(chosen.sum())} {which}: {', '.join(by_subset)}.{verdict}"


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 1].rstrip() + "…"


def _figure(frame: pd.DataFrame, subsets: list[str]) -> FigureSpec:
    panels = []
    for subset in subsets:
        drawn = frame[frame["subset"] == subset].dropna(subset=["aligned", "not_aligned"])
        labelled = set(drawn[drawn["n_aligned"] >= FEW].nlargest(_LABELLED, "aligned").index)
        others = np.where(drawn["duplicate_of"] != "", DUPLICATE, KINDS[""])
        kinds = np.where(drawn["paraphrase"] != "", drawn["paraphrase"].map(KINDS), others)
        points = [
            ScatterPoint(
                row["not_aligned"],
                row["aligned"],
                str(kind),
                f"{row['prompt']} → {row['contrastive_prompt']}",
                _short(row["contrastive_prompt"]) if index in labelled else "",
            )
            for (index, row), kind in zip(drawn.iterrows(), kinds, strict=True)
        ]
        if points:
            panels.append(
                Scatter(
                    subset,
                    "share of the other images",
                    "share of aligned images",
                    sorted(points, key=lambda point: point.series != KINDS[""]),
                    diagonal=True,
                    levels={f"{100 * HIGH:.0f} %": HIGH},
                    background=[KINDS[""]],
                )
            )
    return FigureSpec(
        "How often a contrastive prompt out-scores its prompt",
        panels,
        "One point per contrastive prompt, averaged over the reward models. A text that says something else should "
        "seldom out-score the prompt on images that show the prompt.",
    )
