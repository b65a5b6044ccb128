"""From values, or score tables and a calibration, to a result."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.assembly import prompt_results, subset_results
from tia2.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from tia2.evaluation.panel import Panel, PromptsBy
from tia2.evaluation.people.reference_rows import people
from tia2.evaluation.result import Entry, Result
from tia2.evaluation.values import Calibrates, Function, Values, values_of
from tia2.storage import is_url

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_SCORE_FIRST = "A reward model is scored first: tia2.evaluate(tia2.score(reward, benchmark))."


def evaluate(
    values: Values | ScoreTable | str | os.PathLike[str] | Sequence[ScoreTable | str | os.PathLike[str]],
    calibration: Calibrates | Function | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    prompts: PromptsBy | Literal["defined"] = "metric",
) -> Result:
    """Measure how well values agree with people.

    Each metric is computed within each prompt and averaged over the prompts of a subset, with a 95 % interval from a
    bootstrap over prompts; `overall` is the mean of the subsets. Left out is what a metric can't be computed on:
    prompts whose labels are all equal, for rank correlations those whose human scores are all equal. Each estimate says
    over how many prompts it is. A prompt whose *values* are all equal is not left out: it gets what chance gives, AUROC
    0.5, and 0 for the rank correlations, which SciPy leaves undefined. Leaving it out would favour a reward that is
    silent where it is at a loss. `prompts_constant` says how often that was.

    Args:
        values: Values that `tia2.calibrate` made; or a score table; or the path of either; or a list of score tables
            for an ensemble.
        calibration: Calibration of the score tables, such as `tia2.calibration.TextNorm()`, or a function from a score
            table to one value per item, whose arguments bound with `functools.partial` become the entry's settings;
            None for the reward of each item's own prompt. Values have theirs already.
        seed: Seed of the bootstrap. Entries on one benchmark see the same resamples under the same seed.
        resamples: Number of resamples of the prompts.
        prompts: "metric", or "label" to leave out the prompts whose labels are all equal for rank correlations, too:
            the released figures are like that, and are compared with like that; or "defined" to leave out, from all
            figures, the prompts whose values are all equal, as other publications do.

    Returns:
        The result; equal arguments give an equal result.

    Raises:
        ResultError: Values are missing, not finite, or not one per item; the table is incomplete; there are several
            tables and the calibration makes no ensemble of them; or a reward model was given instead of its scores.
        Tia2Error: The table can't be loaded.

    Example:
        >>> import tia2
        >>> result = tia2.evaluate("runs/quickstart/scores/mini-strong")  # doctest: +SKIP
        >>> print(result.overall.metrics["auroc"])  # doctest: +SKIP
        0.816 (0.781 to 0.849)
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ResultError(f"The seed must be a whole number of at least 0, got {seed!r}.")
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 1:
        raise ResultError(f"The number of resamples must be a whole number of at least 1, got {resamples!r}.")
    if prompts not in ("metric", "label", "defined"):
        raise ResultError(f"prompts is {prompts!r}; expected 'metric', 'label' or 'defined'.")
    return _result(_values(values, calibration), seed, resamples, prompts)


def load_table(table: Any) -> ScoreTable:
    """Return the score table in a folder.

    Args:
        table: The folder, or the URL of one.

    Raises:
        ResultError: There is none, or it is no path.
        ScoreTableError: It is damaged or not complete.
    """
    from tia2.scoring import ScoreTable

    if not isinstance(table, str | os.PathLike):
        raise ResultError(f"Expected values or a score table, got {type(table).__name__}. {_SCORE_FIRST}")
    if not is_url(table) and not Path(table).exists():
        raise ResultError(f"There is no score table at {table}. Give a folder that `tia2 score` or tia2.score wrote.")
    return ScoreTable.load(table)


def _values(given: Any, calibration: Any) -> Values:
    """Return the values to evaluate, calibrated where score tables were given."""
    if calibration is not None and not isinstance(calibration, Calibrates) and not callable(calibration):
        raise ResultError(f"Expected a calibration, got {type(calibration).__name__}. {_SCORE_FIRST}")
    if isinstance(given, str | os.PathLike) and Path(given).is_file():
        given = Values.load(given)
    if isinstance(given, Values):
        if calibration is not None:
            raise ResultError(f"{given.name} is calibrated already: give the score tables to calibrate them otherwise.")
        return given
    tables = list(given) if isinstance(given, list | tuple) else [given]
    if not tables:
        raise ResultError("Expected at least one score table, got none.")
    return values_of([_table(table) for table in tables], calibration)


def _table(table: Any) -> ScoreTable:
    from tia2.scoring import ScoreTable

    return table if isinstance(table, ScoreTable) else load_table(table)


def _defined(items: pd.DataFrame, numbers: Floats) -> Bools:
    """Return which items are of prompts that have one item, or values that differ, shape (items,)."""
    groups = items.assign(value=numbers).groupby(["subset", "prompt_id"], sort=False, observed=True)["value"]
    kept = (groups.transform("nunique") > 1) | (groups.transform("size") == 1)
    defined: Bools = kept.to_numpy(np.bool_)
    return defined


def _result(values: Values, seed: int, resamples: int, prompts_by: PromptsBy | Literal["defined"]) -> Result:
    from tia2._version import __version__

    items, numbers, scored = values.items, values.values, values.scored
    if not scored.all():
        skipped = len(items) - int(scored.sum())
        # Of rewards that were computed elsewhere no image was seen.
        reason = "" if values.benchmark.images_fingerprint is None else ", since their images could not be read,"
        warnings.warn(
            f"{skipped:,} of {len(items):,} items of {values.name} have no reward{reason} and are left out: the "
            f"result is partial. The first is {items['item_id'][~scored].iloc[0]}.",
            stacklevel=3,
        )
        items, numbers = items[scored].reset_index(drop=True), numbers[scored]
    if prompts_by == "defined":
        kept = _defined(items, numbers)
        if not kept.any():
            raise ResultError(f"{values.name} gives all items of every prompt one value: no prompt is left.")
        items, numbers = items[kept].reset_index(drop=True), numbers[kept]
    by_metric: PromptsBy = "label" if prompts_by == "label" else "metric"
    panel = Panel.of(items, seed=seed, resamples=resamples, prompts_by=by_metric)
    figures = panel.figures(numbers)
    subsets, overall = subset_results(panel, figures, numbers)
    return Result(
        tia2_version=__version__,
        entry=Entry(
            name=values.name,
            rewards=list(values.rewards),
            calibration=values.calibration,
            settings=dict(values.settings),
            upper_bound=values.upper_bound,
        ),
        benchmark=values.benchmark,
        seed=seed,
        resamples=resamples,
        confidence=CONFIDENCE,
        prompts_by=prompts_by,
        subsets=subsets,
        overall=overall,
        people=people(items, seed, resamples, values.benchmark.scale),
        prompts=prompt_results(panel, figures, numbers),
    )
