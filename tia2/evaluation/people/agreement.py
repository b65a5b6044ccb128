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
    alpha = krippendorff_alpha(worths)
    sums = _sums(worths)
    n, total, squares, within = sums.sum(axis=0)
    spread = n * squares - total**2 or np.nan
    gradient = np.array([squares, -2 * total, n, 0.0]) * (n - 1) * within / spread**2
    gradient -= np.array([within, 0.0, 0.0, n - 1]) / spread
    drawn = over_resamples(lambda counts: counts @ sums, len(sums), resamples, seed, subset)
    return AlphaPart(alpha, _alpha(drawn), alpha + len(sums) * sums @ gradient)


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


def _sums(worths: Floats) -> Floats:
    """Return each prompt's votes in pairs, their sum, sum of squares, and squared differences within items."""
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
