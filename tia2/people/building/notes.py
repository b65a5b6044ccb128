"""What a benchmark's card says about the people whose votes it is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import Tia2Error
from tia2.people.quality import RaterQuality, alpha_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark
    from tia2.people.building.dawid_skene import RaterModel
    from tia2.people.store.study import Study
    from tia2.people.store.table import VoteTable

LISTED = 10
RESAMPLES = 1000


def notes_of(
    study: Study,
    benchmark: Benchmark,
    table: VoteTable,
    chosen: NDArray[np.bool_],
    qualities: Sequence[RaterQuality],
    model: RaterModel | None,
    changed: Sequence[str],
    without: int,
) -> list[str]:
    """Return paragraphs for the card.

    Args:
        study: The study.
        benchmark: The benchmark that was made of it.
        table: The votes.
        chosen: Whether each vote is part of the benchmark.
        qualities: Qualities of the raters whose votes are part of it.
        model: Model of the raters, None for ratings.
        changed: Ids of the items whose label the model would change.
        without: Number of raters who were left out.
    """
    asked = study.settings.question
    given = np.bincount(table.item[chosen], minlength=table.size)
    given = given[given > 0]
    times = [datetime.fromtimestamp(float(at), timezone.utc).date() for at in (table.at[chosen].min(), table.at.max())]
    raters = np.unique(table.rater[chosen])
    each = f"{given.min()}" if given.min() == given.max() else f"{given.min()} to {given.max()}"
    notes = [
        f"{len(raters)} people gave {int(chosen.sum()):,} votes on {len(given):,} images, {each} on each, from "
        f"{times[0]} to {times[1]}. They were asked, without a name of a model or file: "
        + " ".join(f"“{asked.sentence(aspect)}”" for aspect in asked.aspects or ("each element",))
        + (f" The votes of {without} more were left out." if without else ""),
        _agreement(benchmark, table, raters),
        _base_rates(benchmark),
        _raters(qualities),
    ]
    if model is not None:
        notes.append(_modelled(model, changed, len(benchmark)))
    notes.append(_disputes(benchmark))
    return [note for note in notes if note]


def _agreement(benchmark: Benchmark, table: VoteTable, raters: NDArray[np.intp]) -> str:
    from tia2.evaluation.people.reference_rows import people

    alpha = alpha_of(table.matrix(0)[:, raters])
    text = f"Krippendorff's alpha of the votes is {alpha:.2f}." if math.isfinite(alpha) else ""
    try:
        figures = people(benchmark.items, 0, RESAMPLES, benchmark.scale)
    except Tia2Error:  # too few prompts or votes for a ceiling
        return text
    lines = []
    for subset, of in (figures or {}).items():
        ceiling = of.ceiling.get("auroc")
        if ceiling is not None and math.isfinite(ceiling.mean):
            lines.append(f"{ceiling.mean:.3f} ({subset})")
    if lines:
        text += f" The noise ceiling, the AUROC that no reward model can be expected to pass: {', '.join(lines)}."
    return text.strip()


def _base_rates(benchmark: Benchmark) -> str:
    rates = benchmark.items.groupby(["subset", "prompt_id"], sort=False)["label"].mean()
    mixed = int(((rates > 0) & (rates < 1)).sum())
    return (
        f"{benchmark.items['label'].mean():.1%} of the images are aligned; of {len(rates)} prompts, {mixed} have "
        "images of both kinds, and only these can tell reward models apart."
    )


def _raters(qualities: Sequence[RaterQuality]) -> str:
    lines = [
        "| rater | votes | seconds per vote | correlation with the others | known answers | same again |",
        "|---|---|---|---|---|---|",
    ]
    # By their agreement, so that the order of joining, which colleagues may remember, tells nothing.
    order = sorted(qualities, key=lambda quality: -quality.agreement if math.isfinite(quality.agreement) else 2)
    for number, quality in enumerate((quality for quality in order if quality.votes), 1):
        cells = [
            _number(quality.seconds, "{:.1f}"),
            _number(quality.agreement, "{:.2f}"),
            _number(quality.gold),
        ]
        apart = " (stands apart)" if quality.apart else ""
        lines.append(
            f"| rater {number}{apart} | {quality.votes:,} | {' | '.join(cells)} | {_number(quality.repeated)} |"
        )
    return "\n".join(lines)


def _number(value: float, form: str = "{:.0%}") -> str:
    return form.format(value) if math.isfinite(value) else "–"


def _modelled(model: RaterModel, changed: Sequence[str], items: int) -> str:
    share = len(changed) / items
    text = (
        f"Dawid and Skene's rater model, which weighs raters by how they err, would change {len(changed):,} labels "
        f"({share:.1%}); {float(model.classes[1]):.1%} of the images are aligned by it."
    )
    if changed:
        text += f" The first: {', '.join(changed[:LISTED])}{', …' if len(changed) > LISTED else ''}."
    return text


def _disputes(benchmark: Benchmark) -> str:
    scores = benchmark.items["human_score"].to_numpy(np.float64)
    doubt = np.abs(scores - 0.5)
    order = np.argsort(doubt, kind="stable")
    listed = [str(benchmark.items["item_id"].iloc[row]) for row in order[:LISTED] if doubt[row] < 0.25]
    count = int((doubt < 0.25).sum())
    if not count:
        return "No item is in dispute: every human score is 0.25 or more away from one half."
    more = ", …" if count > len(listed) else ""
    return f"{count:,} items are in dispute (human score between 0.25 and 0.75): {', '.join(listed)}{more}."
