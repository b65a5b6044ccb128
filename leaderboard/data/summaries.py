"""Entries' figures as arrays: how a board arranges them, and the files that keep them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.errors import LeaderboardError
from tia2.evaluation.summary import OVERALL
from tia2.files import replacing, write_atomically

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation.result import People, Result

Floats = NDArray[np.float64]
ESTIMATES = ("mean", "low", "high", "pooled", "pooled_low", "pooled_high")
COUNTS = ("prompts", "prompts_used", "prompts_constant", "items", "items_scored", "tied", "distinct")
MANY = 100
"""From more than so many files on, one that holds what all of them hold is written: it opens faster."""


@dataclass(frozen=True)
class Summary:
    """One entry's figures, as arrays over the benchmark's scopes and prompts.

    Attributes:
        estimates: (scopes, metrics, 6), in the order of `ESTIMATES`; NaN where unknown.
        counts: (scopes, 7), in the order of `COUNTS`; NaN where unknown.
        figures: (prompts, metrics); NaN where a prompt isn't used or covered.
        items: Number of items that the entry's tables hold.
        skipped: Number of these that have no value.
        upper_bound: Whether its settings saw the labels.
    """

    estimates: Floats
    counts: Floats
    figures: Floats
    items: int
    skipped: int
    upper_bound: bool


@dataclass(frozen=True)
class Outline:
    """What summaries on one benchmark are arranged by.

    Attributes:
        scopes: Subsets, then `overall` where there are several.
        prompts: One row per prompt: subset, prompt_id, prompt, items, aligned, used.
        people: Agreement of people, by scope; None without votes.
        metrics: Names of the metrics, in the order of the arrays.
    """

    scopes: tuple[str, ...]
    prompts: pd.DataFrame
    people: Mapping[str, People] | None
    metrics: tuple[str, ...]


def summary_of(result: Result, outline: Outline) -> Summary:
    """Return a result's figures, arranged as those of all entries on the benchmark.

    Args:
        result: The result.
        outline: Scopes, prompts and metrics of its benchmark, by which figures are arranged.
    """
    parts = {**result.subsets, OVERALL: result.overall}
    estimates = np.full((len(outline.scopes), len(outline.metrics), len(ESTIMATES)), np.nan)
    counts = np.full((len(outline.scopes), len(COUNTS)), np.nan)
    missing = set(outline.scopes) - {OVERALL} - set(result.subsets)
    for row, scope in enumerate(outline.scopes):
        if scope not in parts or (scope == OVERALL and missing):
            continue  # The mean of some subsets isn't the mean of all.
        part = parts[scope].model_dump()
        counts[row] = [np.nan if part[name] is None else part[name] for name in COUNTS]
        for column, metric in enumerate(outline.metrics):
            if metric in part["metrics"]:  # a published result may be older than the metric
                estimates[row, column] = [part["metrics"][metric][name] for name in ESTIMATES]
    figures = np.full((len(outline.prompts), len(outline.metrics)), np.nan)
    row_of = {prompt: row for row, prompt in enumerate(outline.prompts["prompt_id"])}
    for prompt in result.prompts:
        figures[row_of[prompt.prompt_id]] = [prompt.metrics.get(name, np.nan) for name in outline.metrics]
    info = result.benchmark
    return Summary(estimates, counts, figures, info.items, info.items_skipped, result.entry.upper_bound)


def write_summary(path: Path, summary: Summary) -> None:
    """Write an entry's figures, atomically.

    Raises:
        LeaderboardError: The file can't be written.
    """
    write_atomically(path, npz(_arrays(summary)), LeaderboardError)


def read_summaries(paths: Sequence[Path], together: Path) -> list[Summary]:
    """Read entries' figures, from one file as far as that has them.

    Where many had to be read from files of their own, all are written into the one file: of 4,000 entries it is read in
    a fifth of the time.

    Args:
        paths: One file per entry, as `write_summary` writes it. What a file holds never changes.
        together: The file of all; it may be missing, damaged, or of other entries.
    """
    at_once = _read_together(together)
    alone = {path.stem: _read(path) for path in paths if path.stem not in at_once}
    summaries = [alone.get(path.stem) or at_once[path.stem] for path in paths]
    if len(alone) > MANY:
        columns: dict[str, list[NDArray[Any]]] = {}
        for summary in summaries:
            for name, array in _arrays(summary).items():
                columns.setdefault(name, []).append(array)
        content = {"keys": np.array([path.stem for path in paths]), **{n: np.stack(c) for n, c in columns.items()}}
        # Only the next start is slower without it: the folder may be read-only, or the disk full.
        with (
            suppress(LeaderboardError),
            replacing(together, LeaderboardError) as unfinished,
            unfinished.open("wb") as sink,  # Given a path, NumPy would add an ending to it.
        ):
            np.savez(sink, **content)  # type: ignore[arg-type]
    return summaries


def npy(array: NDArray[Any]) -> bytes:
    """Return the bytes of a `.npy` file."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a `.npz` file."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    return sink.getvalue()


def _arrays(summary: Summary) -> dict[str, NDArray[Any]]:
    return {
        "estimates": summary.estimates,
        "counts": summary.counts,
        "figures": summary.figures,
        "facts": np.array([summary.items, summary.skipped, summary.upper_bound], np.int64),
    }


def _read(path: Path) -> Summary:
    with np.load(path, allow_pickle=False) as arrays:
        return _summary(*(arrays[name] for name in ("estimates", "counts", "figures", "facts")))


def _read_together(path: Path) -> dict[str, Summary]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rows = zip(*(arrays[name] for name in ("estimates", "counts", "figures", "facts")), strict=True)
            return {str(key): _summary(*row) for key, row in zip(arrays["keys"], rows, strict=True)}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


def _summary(estimates: Floats, counts: Floats, figures: Floats, facts: NDArray[np.int64]) -> Summary:
    items, skipped, upper_bound = facts.tolist()
    return Summary(estimates, counts, figures, items, skipped, bool(upper_bound))
