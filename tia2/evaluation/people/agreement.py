"""Krippendorff's alpha: how far the votes on an item agree, next to votes on items at random.

Votes are arrays of shape (prompts, items, votes) with their worths, 0 (not aligned), 0.5 (unsure) and 1 (aligned), and
NaN where there is no vote, so that items may differ in their number of votes, and prompts in their number of items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import interval, over_resamples
from tia2.evaluation.result import Agreement

Floats = NDArray[np.float64]

_MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class AlphaPart:
    """Alpha of one subset, ready to be reported alone or averaged with others.

    Attributes:
        alpha: Alpha of all votes of the subset; NaN where they are all equal.
        resampled: The same over resampled prompts, shape (resamples,).
        figures: Contribution of each prompt to alpha, to first order: their mean is alpha, shape (prompts,).
    """

    alpha: float
    resampled: Floats
    figures: Floats


def krippendorff_alpha(worths: Floats) -> float:
    """Return Krippendorff's alpha of votes, with squared differences (the interval level of measurement).

    α = 1 − D_o / D_e. D_o is the mean squared difference of two votes on one item, D_e that of any two votes. An item
    with a single vote has no pair, and counts in neither. 1 is full agreement, 0 what chance gives; it can be negative.

    Args:
        worths: Votes as numbers, NaN where there is none, shape (prompts, items, votes).

    Returns:
        Alpha; NaN where no two votes differ, or none can be paired.

    Raises:
        ResultError: If the array has another number of dimensions.

    Example:
        >>> round(krippendorff_alpha(np.array([[[1, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, np.nan]]])), 3)
        0.667

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, https://repository.upenn.edu/asc_papers/43
    """
    if worths.ndim != 3:
        raise ResultError(f"Votes must have shape (prompts, items, votes), got {worths.shape}.")
    return float(_alpha(_sums(worths).sum(axis=0)))


def alpha_part(subset: str, worths: Floats, seed: int, resamples: int) -> AlphaPart:
    """Return alpha of one subset's votes, and of resamples of its prompts.

    Args:
        subset: Name of the subset, which makes its resamples.
        worths: Votes as numbers, NaN where there is none, shape (prompts, items, votes).
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts.

    Returns:
        The subset's part in an `Agreement`.

    Raises:
        ResultError: If the array has another number of dimensions.

    Example:
        >>> alpha_part("x", np.array([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]]), 0, 10).alpha
        1.0
    """
    if worths.ndim != 3:
        raise ResultError(f"Votes must have shape (prompts, items, votes), got {worths.shape}.")
    sums = _sums(worths)
    alpha = float(_alpha(sums.sum(axis=0)))
    n, total, squares, within = sums.sum(axis=0)
    spread = n * squares - total**2 or np.nan
    gradient = np.array([squares, -2 * total, n, 0.0]) * (n - 1) * within / spread**2
    gradient -= np.array([within, 0.0, 0.0, n - 1]) / spread
    drawn = over_resamples(lambda counts: counts @ sums, len(sums), resamples, seed, subset)
    return AlphaPart(alpha, _alpha(drawn), alpha + len(sums) * sums @ gradient)


def ordinal_part(subset: str, ratings: Floats, seed: int, resamples: int) -> AlphaPart:
    """Return Krippendorff's alpha of one subset's ratings by their ranks alone, and of resamples of its prompts.

    The ordinal difference of two ratings is the number of ratings between them, counting half of those equal to either:
    δ(c, k) = n_c / 2 + n_(c+1) + … + n_k / 2. That is the distance of their mean ranks among all ratings that can be
    paired, so ordinal alpha is interval alpha of these ranks. Each resample has ranks of its own.

    Args:
        subset: Name of the subset, which makes its resamples.
        ratings: Ratings, NaN for gaps, shape (prompts, items, ratings).
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts.

    Returns:
        The subset's part in an `Agreement`.

    Example:
        >>> ratings = np.array([[[1.0, 1.0], [2.0, 2.0]], [[5.0, 5.0], [1.0, 2.0]]])
        >>> round(ordinal_part("x", ratings, 0, 10).alpha, 3)
        0.79

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, https://repository.upenn.edu/asc_papers/43
    """
    coincidences = _coincidences(ratings)
    levels = coincidences.shape[1]
    flat = coincidences.reshape(len(ratings), -1)
    # A few resamples at a time: with many levels, the coincidences of all of them don't fit in memory.
    step = max(1, _MOST_CELLS // max(1, levels**2))

    def alphas(counts: Floats) -> Floats:
        pieces = [counts[start : start + step] @ flat for start in range(0, len(counts), step)]
        return np.concatenate([_ordinal_alpha(piece.reshape(-1, levels, levels)) for piece in pieces])

    drawn = over_resamples(alphas, len(ratings), resamples, seed, subset)
    total = coincidences.sum(axis=0)
    alpha = float(_ordinal_alpha(total[None])[0])
    # To first order: what alpha changes by when a prompt weighs a little more (the infinitesimal jackknife).
    weight = 1e-4
    moved = _ordinal_alpha(total[None] + weight * coincidences)
    influence = len(ratings) * (moved - alpha) / weight
    return AlphaPart(alpha, drawn, alpha + influence - influence.mean())


def krippendorff_ordinal(ratings: Floats) -> float:
    """Return Krippendorff's alpha of ratings by their ranks alone (the ordinal level of measurement).

    Args:
        ratings: Ratings, NaN for gaps, shape (prompts, items, ratings).

    Returns:
        Alpha; NaN where no two ratings differ, or none can be paired.

    Example:
        >>> round(krippendorff_ordinal(np.array([[[1.0, 1.0], [2.0, 3.0], [3.0, 3.0], [1.0, np.nan]]])), 3)
        0.778
    """
    return float(_ordinal_alpha(_coincidences(ratings).sum(axis=0)[None])[0])


def combine_agreement(parts: list[AlphaPart]) -> Agreement:
    """Return the mean of the subsets' alphas with its interval; one subset's own when there is only one.

    Subsets whose votes are all equal are in no mean. Resamples in which alpha is undefined are left out.

    Args:
        parts: Alpha of each subset.

    Returns:
        Alpha with the ends of its interval over prompts.

    Raises:
        ResultError: If there are no parts.

    Example:
        >>> votes = np.array([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
        >>> combine_agreement([alpha_part("x", votes, 0, 10)])
        Agreement(alpha=1.0, low=1.0, high=1.0)
    """
    if not parts:
        raise ResultError("There are no subsets to average.")
    kept = [part for part in parts if np.isfinite(part.alpha)] or parts
    means = np.mean([part.resampled for part in kept], axis=0)
    means = means[np.isfinite(means)]
    low, high = interval(means, [part.figures for part in kept]) if len(means) else (float("nan"), float("nan"))
    return Agreement(alpha=float(np.mean([part.alpha for part in kept])), low=low, high=high)


def _coincidences(ratings: Floats) -> Floats:
    """Return how often two ratings of one item are of two levels, shape (prompts, levels, levels).

    An item of m ratings adds m to the sum over all cells: each of its ordered pairs counts 1 / (m − 1).
    """
    levels, codes = np.unique(ratings[np.isfinite(ratings)], return_inverse=True)
    numbers = np.full(ratings.shape, len(levels), dtype=np.intp)
    numbers[np.isfinite(ratings)] = codes
    tables = np.zeros((*ratings.shape[:2], len(levels) + 1))
    for column in range(ratings.shape[2]):
        np.add.at(tables, (*np.indices(ratings.shape[:2]), numbers[:, :, column]), 1)
    tables = tables[:, :, :-1]
    counts = tables.sum(axis=2)
    share = np.where(counts > 1, 1 / np.maximum(counts - 1, 1), 0.0)
    paired = np.einsum("pic,pik,pi->pck", tables, tables, share)
    alone = np.einsum("pic,pi->pc", tables, share)
    diagonal = np.arange(len(levels))
    paired[:, diagonal, diagonal] -= alone
    coincidences: Floats = paired
    return coincidences


def _ordinal_alpha(coincidences: Floats) -> Floats:
    """Return ordinal alpha of tables of coincidences, shape (..., levels, levels) to (...)."""
    totals = coincidences.sum(axis=-1)
    ranks = np.cumsum(totals, axis=-1) - totals / 2
    total = totals.sum(axis=-1)
    observed = 2 * (totals * ranks**2).sum(axis=-1) - 2 * np.einsum("rck,rc,rk->r", coincidences, ranks, ranks)
    expected = 2 * total * (totals * ranks**2).sum(axis=-1) - 2 * ((totals * ranks).sum(axis=-1)) ** 2
    alpha: Floats = 1 - np.divide(
        (total - 1) * observed, expected, out=np.full(total.shape, np.nan), where=expected > 1e-9 * np.maximum(total, 1)
    )
    return alpha


def _sums(worths: Floats) -> Floats:
    """Return each prompt's votes in pairs, their sum, sum of squares, and squared differences within items."""
    # Some prompts at a time: beside one with many items, all are as wide.
    rows = max(1, _MOST_CELLS // max(1, worths.shape[1] * worths.shape[2]))
    starts = range(0, max(1, len(worths)), rows)
    return np.concatenate([_sums_together(worths[start : start + rows]) for start in starts])


def _sums_together(worths: Floats) -> Floats:
    counts = np.isfinite(worths).sum(axis=2)
    paired = counts > 1
    filled = np.nan_to_num(worths)
    total, squares = filled.sum(axis=2), (filled**2).sum(axis=2)
    within = (counts * squares - total**2) / np.maximum(counts - 1, 1)
    return np.stack([(column * paired).sum(axis=1) for column in (counts, total, squares, within)], axis=1)


def _alpha(sums: Floats) -> Floats:
    """Return alpha from such sums, shape (..., 4) to (...)."""
    n, total, squares, within = np.moveaxis(sums, -1, 0)
    spread = n * squares - total**2
    alpha: Floats = 1 - np.divide((n - 1) * within, spread, out=np.full(n.shape, np.nan), where=spread > 0)
    return alpha
