"""Best-of-n curves of an entry as arrays, so that a board of a thousand entries reads them in a moment."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.summary import OVERALL

from .finetuning import best_of_n_gold

if TYPE_CHECKING:
    from tia2.evaluation.values import Values


Floats = NDArray[np.float64]
VERSION = 1
"""Raised when the same values would give other arrays."""
GOLD = ("mean", "low", "high")
PEAK = ("n", "low", "high", "inside", "gain", "gain_low", "gain_high", "drop", "drop_low", "drop_high")


class BestOfNPart(NamedTuple):
    """People's mean score of the best of n by an entry, in one scope.

    Attributes:
        n: Numbers of images to choose from, the first of them 1, shape (numbers,).
        gold: Mean human score, its lower and its upper end, shape (numbers, 3).
        limit: Largest n at which a peak is looked for.
        peak: The n with the highest mean; NaN with too few prompts.
        peak_low: Least n that can't be told from it.
        peak_high: Largest n that can't be told from it.
        inside: Whether the gold at the limit is surely below the peak.
        gain: Gold gained at the peak over a random image, measured on prompts that had no part in its choice.
        gain_low: Lower end of its interval.
        gain_high: Upper end of its interval.
        drop: Gold lost from the peak to the limit, measured likewise.
        drop_low: Lower end of its interval.
        drop_high: Upper end of its interval.
    """

    n: NDArray[np.int64]
    gold: Floats
    limit: int
    peak: float
    peak_low: float
    peak_high: float
    inside: bool
    gain: float
    gain_low: float
    gain_high: float
    drop: float
    drop_low: float
    drop_high: float


def best_of_n_arrays(values: Values, scopes: Sequence[str], resamples: int) -> dict[str, NDArray[Any]]:
    """Return an entry's curves as the index keeps them; empty arrays where the benchmark allows none.

    Args:
        values: The entry's values.
        scopes: The benchmark's subsets, then overall.
        resamples: Number of resamples behind every interval.
    """
    try:
        with warnings.catch_warnings():
            # Of prompts that lack images, whose entries are marked as not complete already.
            warnings.simplefilter("ignore", UserWarning)
            curves = best_of_n_gold(values, resamples)
    except ResultError:
        curves = {}
    first = next(iter(curves.values()), None)
    n = np.zeros(0, np.int64) if first is None else first.n
    gold = np.full((len(scopes), len(n), len(GOLD)), math.nan)
    peaks = np.full((len(scopes), len(PEAK)), math.nan)
    for row, scope in enumerate(scopes):
        # The mean of some subsets isn't the mean of all.
        if scope in curves and (scope != OVERALL or len(curves) == len(scopes)):
            gold[row] = curves[scope].gold
            peaks[row] = _peak(curves[scope].peak)
    return {"n": n, "limit": np.array(1 if first is None else first.limit), "gold": gold, "peaks": peaks}


def best_of_n_part(arrays: Mapping[str, NDArray[Any]], row: int) -> BestOfNPart | None:
    """Return what arrays of `best_of_n_arrays` say of one scope; None where they say nothing.

    Args:
        arrays: The arrays.
        row: Position of the scope.
    """
    gold = arrays["gold"][row]
    if not len(gold) or not np.isfinite(gold[:, 0]).all():
        return None
    numbers = dict(zip(PEAK, arrays["peaks"][row].tolist(), strict=True))
    return BestOfNPart(
        arrays["n"], gold, int(arrays["limit"]), numbers["n"], numbers["low"], numbers["high"], numbers["inside"] == 1,
        *(numbers[name] for name in PEAK[4:]),
    )  # fmt: skip


def _peak(peak: Any) -> list[float]:
    if peak is None:
        return [math.nan] * len(PEAK)
    gain, drop = peak.gain, peak.drop
    ends = [gain.mean, gain.low, gain.high, drop.mean, drop.low, drop.high]
    return [peak.n, peak.low, peak.high, float(peak.inside), *ends]
