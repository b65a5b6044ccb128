"""From score tables to a result."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.aggregate import combine, subset_part
from tia2.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from tia2.evaluation.panel import Prompts
from tia2.evaluation.people.reference_rows import people
from tia2.evaluation.result import BenchmarkInfo, Entry, Result, RewardInfo
from tia2.evaluation.values import Calibrated, Calibration

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
_COLUMNS = ("item_id", "subset", "prompt_id", "prompt", "human_score", "label")


def evaluate(
    table: ScoreTable | str | os.PathLike[str] | Sequence[ScoreTable | str | os.PathLike[str]] | Any,
    benchmark: Any = None,
    *,
    calibration: Calibration | Callable[[ScoreTable], NDArray[Any]] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Result:
    """Measure how well the values of a score table agree with people.

    Each metric is computed within each prompt and averaged over the prompts of a subset, with a 95 % interval from a
    bootstrap over prompts; `overall` is the mean of the subsets. Prompts whose labels are all equal are left out. A
    prompt whose *values* are all equal is not: it gets what chance gets, AUROC 0.5, and 0 for the rank correlations,
    which SciPy leaves undefined. Leaving it out would favour a reward that is silent where it is at a loss.
    `prompts_constant` says how often that was.

    Args:
        table: A score table, or the folder of one; a list of them for an ensemble; or, with `benchmark`, a reward model
            or spec that is scored first.
        benchmark: What `tia2.score` takes; only with a reward model.
        calibration: `tia2.calibration.TextNorm(...)`, or a function from the score table to one value an item; None for
            the prompt's own reward. Arguments bound with `functools.partial` become the entry's settings.
        seed: Seed of the bootstrap. Entries on one benchmark see the same resamples under the same seed.
        resamples: How many.

    Returns:
        The result; equal arguments give an equal result.

    Raises:
        ResultError: If values are missing, not finite, or not one an item; if the table is incomplete; if there are
            several tables and the calibration makes no ensemble of them.
        Tia2Error: If the table, reward model or benchmark can't be loaded.

    Example:
        >>> import tia2
        >>> result = tia2.evaluate("runs/quickstart/scores/mini-strong")  # doctest: +SKIP
        >>> result.overall.metrics["auroc"]  # doctest: +SKIP
        Estimate(mean=0.81, low=0.79, high=0.83, pooled=0.78)
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ResultError(f"The seed must be a whole number of at least 0, got {seed!r}.")
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 1:
        raise ResultError(f"The number of resamples must be a whole number of at least 1, got {resamples!r}.")
    tables = _score_tables(table, benchmark)
    first = tables[0]
    _check_items(first.items)
    made = _calibrated(tables, calibration)
    values, items, skipped = _scored(made.values, made.name, tables)
    from tia2._version import __version__

    prompts = Prompts.of(items, _check_values(values, items))
    parts = {subset: subset_part(subset, prompts, seed, resamples) for subset in prompts.subsets}
    manifest = first.manifest
    rewards = [one.manifest.reward for one in tables]
    return Result(
        tia2_version=__version__,
        entry=Entry(
            name=made.name,
            rewards=[RewardInfo(name=one.name, spec=one.spec, fingerprint=one.fingerprint) for one in rewards],
            calibration=made.calibration,
            settings=dict(made.settings),
            upper_bound=made.upper_bound,
        ),
        benchmark=BenchmarkInfo(
            name=manifest.benchmark.name,
            fingerprint=manifest.benchmark.fingerprint,
            votes_fingerprint=manifest.benchmark.votes_fingerprint,
            items=manifest.benchmark.items,
            items_skipped=skipped,
            images_fingerprint=manifest.images_fingerprint,
        ),
        seed=seed,
        resamples=resamples,
        confidence=CONFIDENCE,
        subsets={subset: combine([part]) for subset, part in parts.items()},
        overall=combine(list(parts.values())),
        people=people(items, seed, resamples),
        prompts=prompts.records(),
    )


def _score_tables(table: Any, benchmark: Any) -> list[ScoreTable]:
    if not isinstance(table, list | tuple):
        return [_score_table(table, benchmark)]
    if not table:
        raise ResultError("Expected at least one score table, got none.")
    return [_score_table(one, benchmark) for one in table]


def _score_table(table: Any, benchmark: Any) -> ScoreTable:
    from tia2.scoring import ScoreTable, score

    if benchmark is not None:
        if isinstance(table, ScoreTable):
            raise ResultError("A score table brings its own benchmark; pass `benchmark` only with a reward model.")
        return score(table, benchmark)
    if isinstance(table, ScoreTable):
        return table
    return load_table(table)


def load_table(table: Any) -> ScoreTable:
    """Return the score table in a folder.

    Args:
        table: The folder.

    Raises:
        ResultError: There is none, or it is no path.
        ScoreTableError: It is damaged or not complete.
    """
    from tia2.scoring import ScoreTable

    if not isinstance(table, str | os.PathLike):
        raise ResultError(
            f"Expected a score table, got {type(table).__name__}; to score a reward model first, pass `benchmark`."
        )
    if not Path(table).exists():
        raise ResultError(
            f"There is no score table at {table}. Give a folder that tia2.score wrote, or, "
            "if this is a reward model, the benchmark to score it on."
        )
    return ScoreTable.load(table)


def _calibrated(tables: list[ScoreTable], calibration: Any) -> Calibrated:
    if isinstance(calibration, Calibration):
        return calibration.apply(tables)
    first = tables[0]
    if len(tables) > 1:
        raise ResultError(
            f"{len(tables)} score tables make one entry as an ensemble only: "
            "pass calibration=tia2.calibration.TextNorm(ensemble='mean')."
        )
    if calibration is None:
        return Calibrated(first.raw, first.name, "raw", {})
    name, settings = _describe(calibration)
    return Calibrated(np.asarray(calibration(first)), f"{first.name} + {name}", name, settings)


def _scored(values: NDArray[Any], name: str, tables: list[ScoreTable]) -> tuple[NDArray[Any], pd.DataFrame, int]:
    """Return values and items without those that have no reward, and how many these are; say so."""
    items = tables[0].items
    skipped = {item for table in tables for item in table.skipped}
    if not skipped:
        return values, items, 0
    if len(skipped) == len(items):
        raise ResultError(f"No item of {name} has a reward: none of the images could be read.")
    if values.shape != (len(items),):
        raise ResultError(f"Expected one value for each of the {len(items)} items, got shape {values.shape}.")
    kept = ~items["item_id"].isin(skipped).to_numpy()
    warnings.warn(
        f"{len(skipped):,} of {len(items):,} items of {name} have no reward, since their images could "
        f"not be read, and are left out: the result is partial. The first is {items['item_id'][~kept].iloc[0]}.",
        stacklevel=3,
    )
    return values[kept], items[kept].reset_index(drop=True), len(skipped)


def _describe(calibration: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    settings: dict[str, Any] = {}
    while isinstance(calibration, partial):
        settings = {**calibration.keywords, **settings}
        calibration = calibration.func
    for key, value in settings.items():
        if not isinstance(value, str | int | float | None):
            raise ResultError(
                f"Settings of a calibration must be plain numbers or text, {key} is {type(value).__name__}."
            )
    return str(getattr(calibration, "__name__", type(calibration).__name__)), settings


def _check_items(items: pd.DataFrame) -> None:
    missing = [column for column in _COLUMNS if column not in items.columns]
    if missing:
        raise ResultError(f"The score table's items lack the column(s) {', '.join(missing)}.")
    if not len(items):
        raise ResultError("The score table holds no items.")
    for column in _COLUMNS:
        empty = items[column].isna()
        if empty.any():
            first = items["item_id"][empty].iloc[0]
            raise ResultError(f"{column} is missing for {int(empty.sum())} items, the first is {first}.")


def _check_values(values: NDArray[Any], items: pd.DataFrame) -> Floats:
    if values.shape != (len(items),):
        raise ResultError(f"Expected one value for each of the {len(items)} items, got shape {values.shape}.")
    if values.dtype.kind not in "fiub":
        raise ResultError(f"Values must be real numbers, got dtype {values.dtype}.")
    bad = ~np.isfinite(values)
    if bad.any():
        raise ResultError(
            f"{np.count_nonzero(bad)} of {len(items)} values are NaN or infinite, the first is that of "
            f"{items['item_id'].iloc[int(bad.argmax())]}. Every item needs a finite reward."
        )
    return values.astype(np.float64)
