"""The pooled AUROC over resamples of prompts, without pooling the items of each resample.

Pooled AUROC compares every aligned item with every other item of a subset, so it is a ratio of sums over pairs of
prompts. With wins and pairs counted once for each pair of prompts, a resample is a quadratic form in how often each
prompt is drawn: exact, with memory and time that grow with the square of the prompts.

Above `EXACT_PROMPTS` the wins of two prompts are taken as what their two totals foretell, in Hoeffding's sense:
W_ij ≈ A_i O_j (θ + a_i + b_j), where A and O are the prompts' numbers of aligned and other items, θ is the pooled
AUROC, θ + a_i what the aligned items of prompt i reach against all other prompts, and θ + b_j what the others of prompt
j let through. What is left out is the interaction of two prompts, whose share of the variance falls with their number.
A resample then is a few sums over prompts, from one sort of the items. `benchmarks/evaluate_scale.py` prints how far
that is from exact: of the standard deviation over resamples at most 0.5 % from 500 prompts on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import over_resamples

Floats = NDArray[np.float64]

EXACT_PROMPTS = 500
_COLUMNS = 64
"""How many prompts' items are counted at a time, which bounds the memory."""


def win_matrix(labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return how often an aligned item of one prompt exceeds another item of a second one, ties counted half.

    Args:
        labels: True for an aligned item, shape (prompts, items).
        values: Finite where the mask is True, same shape.
        mask: True where there is an item, same shape.

    Returns:
        Shape (prompts, prompts): row for the aligned items' prompt, column for the others'.

    Example:
        >>> labels, values = np.array([[True, False], [True, False]]), np.array([[0.9, 0.2], [0.5, 0.5]])
        >>> win_matrix(labels, values, np.ones((2, 2), bool)).tolist()
        [[1.0, 1.0], [1.0, 0.5]]
    """
    prompts = len(labels)
    owner, _ = np.nonzero(mask)
    aligned = labels[mask]
    level = np.unique(values[mask], return_inverse=True)[1].ravel()
    levels = int(level.max(initial=-1)) + 1
    wins = np.zeros((prompts, prompts))
    rows, first = np.unique(owner[aligned], return_index=True)
    if not len(rows):
        return wins
    for start in range(0, prompts, _COLUMNS):
        width = min(_COLUMNS, prompts - start)
        others = ~aligned & (owner >= start) & (owner < start + width)
        counts = np.zeros(levels * width, np.int32)
        np.add.at(counts, level[others] * width + owner[others] - start, 1)
        here = counts.reshape(levels, width)
        # Twice the items below a level, plus those on it: whole numbers until the division.
        doubled = 2 * np.cumsum(here, axis=0, dtype=np.int32) - here
        wins[rows, start : start + width] = np.add.reduceat(doubled[level[aligned]], first, axis=0, dtype=np.int64) / 2
    return wins


def pooled_auroc_resamples(
    labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_], resamples: int, seed: int, subset: str
) -> Floats:
    """Return a subset's pooled AUROC over resamples of its prompts, all prompts included.

    Exact up to `EXACT_PROMPTS` prompts; above from what the prompts' totals foretell, as the module describes.

    A prompt that is drawn twice is two prompts; its copies are not compared with each other, as no prompt is compared
    with a copy of itself in the benchmark either.

    Args:
        labels: True for an aligned item, shape (prompts, items).
        values: Finite where the mask is True, same shape.
        mask: True where there is an item, same shape.
        resamples: Number of resamples.
        seed: Same seed, same resamples, for every entry.
        subset: Name of the subset, which makes its resamples.

    Returns:
        Shape (resamples,); NaN where a resample holds items of one label only.

    Example:
        >>> labels, values = np.array([[True, False], [True, False]]), np.array([[0.9, 0.2], [0.8, 0.5]])
        >>> pooled_auroc_resamples(labels, values, np.ones((2, 2), bool), 3, 0, "a").tolist()
        [1.0, 1.0, 1.0]
    """
    aligned = (labels & mask).sum(axis=1).astype(np.float64)
    others = mask.sum(axis=1) - aligned
    won = exact_wins(labels, values, mask) if len(labels) <= EXACT_PROMPTS else foretold_wins(labels, values, mask)

    def shares(drawn: Floats) -> Floats:
        pairs = (drawn @ aligned) * (drawn @ others) - (drawn * (drawn - 1)) @ (aligned * others)
        auroc: Floats = np.divide(won(drawn), pairs, out=np.full(len(drawn), np.nan), where=pairs > 0)
        return auroc

    return over_resamples(shares, len(labels), resamples, seed, f"{subset} pooled")


def exact_wins(labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return a function from counts of prompts, shape (resamples, prompts), to the wins in each resample."""
    wins = win_matrix(labels, values, mask)
    within = np.diag(wins).copy()
    np.fill_diagonal(wins, 0.0)
    # Wins are halves of small whole numbers: single precision holds their sums exactly, or nearly so.
    between = wins.astype(np.float32)

    def won(drawn: Floats) -> Floats:
        crossed = drawn.astype(np.float32) @ between
        total: Floats = np.einsum("ij,ij->i", crossed.astype(np.float64), drawn) + drawn @ within
        return total

    return won


def foretold_wins(labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return the same from the prompts' totals alone, exact where every prompt is drawn once."""
    totals = win_totals(labels, values, mask)
    aligned = (labels & mask).sum(axis=1).astype(np.float64)
    others = mask.sum(axis=1) - aligned
    all_pairs = max(aligned.sum() * others.sum(), 1.0)
    share = totals.by_aligned.sum() / all_pairs
    # A_i a_i and O_j b_j of the formula above.
    above = totals.by_aligned / max(others.sum(), 1.0) - share * aligned
    below = totals.by_others / max(aligned.sum(), 1.0) - share * others
    # A prompt isn't compared with its copies, but with itself.
    modelled = share * aligned * others + above * others + aligned * below
    missing = float(modelled.sum() - totals.within.sum())

    def won(drawn: Floats) -> Floats:
        sums = drawn @ np.stack([aligned, others, above, below, totals.within], axis=1)
        every = share * sums[:, 0] * sums[:, 1] + sums[:, 2] * sums[:, 1] + sums[:, 0] * sums[:, 3]
        total: Floats = every - (drawn * drawn) @ modelled + sums[:, 4] + missing
        return total

    return won


class WinTotals(NamedTuple):
    """Sums of the matrix that `win_matrix` returns, ties counted half, shape (prompts,) each."""

    by_aligned: Floats
    """Wins of each prompt's aligned items over the other items of all prompts: sums of the rows."""
    by_others: Floats
    """Wins of all aligned items over each prompt's other items: sums of the columns."""
    within: Floats
    """Wins within each prompt: the diagonal."""


def win_totals(labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_]) -> WinTotals:
    """Return the sums and the diagonal of `win_matrix`, from two sorts of the items and without the matrix.

    Args:
        labels: True for an aligned item, shape (prompts, items).
        values: Finite where the mask is True, same shape.
        mask: True where there is an item, same shape.

    Example:
        >>> labels, values = np.array([[True, False], [True, False]]), np.array([[0.9, 0.2], [0.5, 0.5]])
        >>> totals = win_totals(labels, values, np.ones((2, 2), bool))
        >>> [column.tolist() for column in totals]
        [[2.0, 1.5], [2.0, 1.5], [1.0, 0.5]]
    """
    owner, _ = np.nonzero(mask)
    aligned, numbers = labels[mask], values[mask]
    prompts = len(labels)

    def by_prompt(wins: Floats, chosen: NDArray[np.bool_]) -> Floats:
        return np.bincount(owner[chosen], wins[chosen], prompts).astype(np.float64)

    below, above = _rivals(np.zeros_like(owner), numbers, aligned)
    within, _ = _rivals(owner, numbers, aligned)
    return WinTotals(by_prompt(below, aligned), by_prompt(above, ~aligned), by_prompt(within, aligned))


def _rivals(group: NDArray[np.intp], values: Floats, aligned: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return how many other items of its group lie below each item, and how many aligned ones above, ties half."""
    order = np.lexsort((values, group))
    ranked, groups = values[order], group[order]
    counts = np.stack([~aligned[order], aligned[order]]).cumsum(axis=1, dtype=np.int64)
    counts = np.concatenate([np.zeros((2, 1), np.int64), counts], axis=1)
    position = np.arange(len(order))
    new_group = np.diff(groups, prepend=-1) != 0
    new_run = new_group | (np.diff(ranked, prepend=np.nan) != 0)
    start = np.maximum.accumulate(np.where(new_run, position, 0))
    first = np.maximum.accumulate(np.where(new_group, position, 0))
    ends = np.append(np.flatnonzero(new_run)[1:], len(order))
    end = ends[np.cumsum(new_run) - 1]
    bounds = np.append(np.flatnonzero(new_group)[1:], len(order))
    last = bounds[np.cumsum(new_group) - 1]
    below, above = np.empty(len(order)), np.empty(len(order))
    below[order] = (counts[0, start] + counts[0, end]) / 2 - counts[0, first]
    above[order] = counts[1, last] - (counts[1, start] + counts[1, end]) / 2
    return below, above
