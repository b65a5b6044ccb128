"""The ranks between which entries lie over resamples, for few entries or a thousand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.comparing.simultaneous import Floats
from tia2.evaluation.metrics.ranks import rank

Ints = NDArray[np.intp]

BLOCK = 2**19
"""Resampled means that are ranked at once, which bounds the memory that it takes."""


def rank_intervals(means: Floats, confidence: float = 0.95) -> tuple[Ints, Ints]:
    """Return the ranks between which each entry's lies in this share of the resamples.

    Args:
        means: Resampled means, shape (resamples, entries), at least one entry; higher is better.
        confidence: Share of the resamples to cover.

    Returns:
        Best and worst rank, 1 for the best entry, shape (entries,) each. Tied entries share the better rank for the
        best end and the worse one for the worst.

    Example:
        >>> best, worst = rank_intervals(np.array([[0.9, 0.5], [0.8, 0.6]]))
        >>> best.tolist(), worst.tolist()
        ([1, 2], [1, 2])
    """
    resamples = len(means)
    first, alike = _alike(means)
    sizes = np.bincount(alike)
    better, not_worse = _counts(means, first, sizes)
    tail = (1 - confidence) / 2
    best = _at(better, tail, resamples)[alike] + 1
    worst = (_at(not_worse, 1 - tail, resamples) + sizes)[alike]
    return best, worst


def _alike(means: Floats) -> tuple[Ints, Ints]:
    """Return one column of each set of equal columns, and the number of the set that each column is in.

    Two calibrations that order images alike tie in every resample. That is common, and no reason to look for ties.
    """
    _, first, candidates = np.unique(means[:2].T, axis=0, return_index=True, return_inverse=True)
    candidates = candidates.reshape(-1)
    differs = [
        column
        for column, position in enumerate(first[candidates])
        if column != position and not np.array_equal(means[:, column], means[:, position])
    ]
    first = np.concatenate([first, np.array(differs, np.intp)])
    candidates[differs] = np.arange(len(first) - len(differs), len(first))
    return first, candidates


def _counts(means: Floats, first: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Return in how many resamples each number of entries is better than those of a set, and not worse than they.

    The sets themselves aren't counted. Both have shape (sets, entries).
    """
    entries, sets = means.shape[1], len(first)
    rows = max(1, BLOCK // entries)
    start_of = np.arange(sets) * entries
    better, more = np.zeros((2, sets * entries), np.intp)
    for start in range(0, len(means), rows):
        block = means[start : start + rows]
        order, unsure = _best_first(block[:, first])
        of_set = sizes.take(order)
        ahead = of_set.cumsum(axis=1)
        ahead -= of_set
        order *= entries
        ahead += order
        if unsure.any():
            ahead = ahead[~unsure]
            ranking = rank(block[unsure], None)
            tied_better = start_of + ranking.in_item_order(ranking.first)[:, first]
            tied_last = start_of + ranking.in_item_order(ranking.last)[:, first] - sizes
            better += np.bincount(tied_better.ravel(), minlength=len(better))
            more += np.bincount(tied_last.ravel(), minlength=len(better))
            more -= np.bincount(tied_better.ravel(), minlength=len(better))
        better += np.bincount(ahead.ravel(), minlength=len(better))
    return better.reshape(sets, entries), (better + more).reshape(sets, entries)


def _best_first(values: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the columns of each row by descending value, and which rows have values that are equal or nearly so.

    The order of such a row isn't that of its values. Columns are sorted as whole numbers: the bits of a value, the
    last ones replaced by the column. That takes half the time of sorting positions by values.
    """
    descending = 0.0 - values  # 0.0 rather than -0.0 where a value is 0
    bits = descending.view(np.int64)
    # Negative numbers' bits grow with their size.
    bits ^= (bits >> 63) & np.iinfo(np.int64).max
    low = max(1, int(values.shape[1] - 1).bit_length())
    bits >>= low
    bits <<= low
    bits |= np.arange(values.shape[1])
    bits.sort(axis=1)
    order = bits & ((1 << low) - 1)
    bits >>= low
    return order, (bits[:, 1:] == bits[:, :-1]).any(axis=1)


def _at(counts: Ints, share: float, resamples: int) -> Ints:
    """Return the least number that this share of the resamples doesn't exceed, for each row of counts of numbers."""
    position = np.quantile(np.arange(resamples), share, method="inverted_cdf")
    return np.asarray((counts.cumsum(axis=1) <= position).sum(axis=1), np.intp)
