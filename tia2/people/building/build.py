"""A benchmark made of a study's votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tia2.benchmark import export, make
from tia2.errors import StudyError
from tia2.people.building.dawid_skene import RaterModel, dawid_skene
from tia2.people.building.notes import notes_of
from tia2.people.quality import rater_qualities
from tia2.people.store.study import IMAGES, Study
from tia2.people.store.table import VoteTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark

VOTES = {"yes": 1, "no": 0, "unsure": -1}
PRIOR = 1.0
"""Votes that a rater is taken to have given to each answer beforehand: who voted little isn't taken for perfect."""


class BuiltBenchmark(NamedTuple):
    """A benchmark made of votes.

    Attributes:
        benchmark: The benchmark.
        folder: Where it was written.
        model: Dawid and Skene's model of the raters; None for ratings.
        changed: Ids of the items whose label it would change.
    """

    benchmark: Benchmark
    folder: Path
    model: RaterModel | None
    changed: list[str]


def build(
    study: Study,
    folder: Path,
    *,
    name: str | None = None,
    contrastive: bool = True,
    without: tuple[str, ...] = (),
) -> BuiltBenchmark:
    """Make a benchmark of a study's votes, as `load_dataset` and `tia2.benchmark.load` know it.

    Its card says who was asked, how many and how they agree; raters have numbers for names. Items with a known answer
    and repeated votes check raters, and are no part of it.

    Args:
        study: The study.
        folder: A folder that is new or empty.
        name: Name of the benchmark; the folder's if None.
        contrastive: Whether prompts for which rules know contrastive prompts get them.
        without: Names of raters whose votes are left out.

    Returns:
        The benchmark, and what a rater model would change.

    Raises:
        StudyError: The study asks about pairs, has no votes, or no rater of such a name.
        BenchmarkError: The folder isn't empty.
    """
    question = study.settings.question
    if question.kind not in ("aligned", "rating", "elements"):
        raise StudyError(f"A benchmark is made of votes on single images; this study asks about a {question.kind}.")
    names = {rater.name for rater in study.raters()}
    if unknown := [rater for rater in without if rater not in names]:
        raise StudyError(f"No rater is called {unknown[0]!r}; there are {', '.join(sorted(names))}.")
    table = VoteTable.of(study)
    numbers = [number for number, rater in enumerate(table.raters) if rater not in without]
    chosen = table.counting & np.isin(table.rater, numbers)
    if not chosen.any():
        raise StudyError(f"The study {study.settings.name!r} has no votes yet.")
    rows = _rows(study, table, numbers, contrastive)
    scale = None
    if question.kind == "rating":
        scale = {"low": question.low, "high": question.high}
    elif question.kind == "elements":
        # A rater finds an image aligned when it shows every element.
        scale = {"low": 0, "high": 1, "majority_from": 1}
    benchmark = make(
        rows,
        prompt="prompt",
        image="image",
        item="item",
        prompt_id="prompt_id",
        subset="subset",
        contrastive="contrastive" if any(row["contrastive"] for row in rows) else None,
        scale=scale,
        images_dir=study.folder / IMAGES,
        name=name or Path(folder).resolve().name,
        votes=("judged",) if scale is None else (),
        ratings=() if scale is None else ("judged",),
    )
    model, changed = (None, []) if scale else _modelled(table, chosen, benchmark, rows)
    qualities = [rater_qualities(table, [table.matrix(k) for k in range(len(table.aspects))])[n] for n in numbers]
    benchmark.notes = notes_of(study, benchmark, table, chosen, qualities, model, changed, len(without))
    return BuiltBenchmark(benchmark, export(benchmark, folder), model, changed)


def pseudonyms(study: Study) -> dict[str, str]:
    """Return numbered names for a study's raters, in an order that tells nothing."""
    raters = sorted(study.raters(), key=lambda rater: rater.id)
    return {rater.name: f"rater {number}" for number, rater in enumerate(raters, 1)}


def _rows(study: Study, table: VoteTable, numbers: list[int], contrastive: bool) -> list[dict[str, Any]]:
    """Return one row per item that has votes."""
    from tia2.prompts.rules.contrastive import contrastive_prompts

    question = study.settings.question
    matrix = table.matrix(0)[:, numbers]
    sets: dict[str, list[str]] = {}
    rows = []
    for item in study.items():
        worths = matrix[item.number][np.isfinite(matrix[item.number])].tolist()
        if item.gold is not None or not worths:
            continue
        judged: list[float] = worths
        if question.kind == "aligned":
            judged = [{1.0: 1, 0.0: 0, 0.5: -1}[worth] for worth in worths]
        elif question.kind == "rating":
            judged = [question.low + worth * (question.high - question.low) for worth in worths]
        given = item.facts.get("contrastive_prompts")
        if given is None and contrastive:
            given = sets.setdefault(item.prompt, contrastive_prompts(item.prompt))
        subset = str(item.facts.get("subset", "all-items"))
        rows.append(
            {
                "item": item.key,
                "prompt": item.prompt,
                "prompt_id": str(item.facts.get("prompt_id", item.prompt)),
                "subset": subset,
                "image": item.images[0],
                "judged": judged,
                "contrastive": list(given or []),
            }
        )
    return rows


def _modelled(
    table: VoteTable, chosen: NDArray[np.bool_], benchmark: Benchmark, rows: list[dict[str, Any]]
) -> tuple[RaterModel, list[str]]:
    """Return the rater model of yes, no and unsure, and the items whose label it would change."""
    positions = np.unique(table.item[chosen], return_inverse=True)[1]
    answers = np.select([table.worths[chosen, 0] == 1, table.worths[chosen, 0] == 0], [1, 0], 2)
    meaning = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    model = dawid_skene(positions, table.rater[chosen], answers, meaning, PRIOR)
    labels = dict(zip(benchmark.items["item_id"], benchmark.items["label"], strict=True))
    modelled = dict(zip((row["item"] for row in rows), model.posteriors[:, 1] > 0.5, strict=True))
    return model, [item for item, label in labels.items() if bool(modelled[item]) != bool(label)]
