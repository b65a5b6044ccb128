"""Rank correlations of human scores and values, within each prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.metrics.inversions import concordance
from tia2.evaluation.metrics.ranked_items import RankedItems

Floats = NDArray[np.float64]


def spearman(human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return Spearman's ρ: Pearson's correlation of the ranks, tied items sharing their average rank.

    From −1 to 1; 0 is no monotone relation.

    Args:
        human_scores: Finite, shape (prompts, items).
        values: Finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all human scores or all values of the prompt are equal.

    Raises:
        ResultError: If the arrays don't fit together or hold numbers that aren't finite.

    Example:
        >>> spearman([[0.0, 0.5, 1.0, 1.0]], [[1, 2, 4, 3]]).round(4).tolist()
        [0.9487]

    Source: `scipy.stats.spearmanr`
    """
    return spearman_of(RankedItems(values, mask, human_scores=human_scores))


def kendall(human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return Kendall's τ-b: concordant less discordant pairs, over the pairs that aren't tied.

    τ-b = (C − D) / √((n₀ − n₁)(n₀ − n₂)), with n₀ all pairs, n₁ and n₂ those tied in the human scores and in the
    values. From −1 to 1; 0 is no monotone relation.

    Args:
        human_scores: Finite, shape (prompts, items).
        values: Finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all human scores or all values of the prompt are equal.

    Raises:
        ResultError: If the arrays don't fit together or hold numbers that aren't finite.

    Example:
        >>> kendall([[0.0, 0.5, 1.0, 1.0]], [[1, 2, 4, 3]]).round(4).tolist()
        [0.9129]

    Source: Kendall 1945, https://doi.org/10.1093/biomet/33.3.239; `scipy.stats.kendalltau`
    """
    return kendall_of(RankedItems(values, mask, human_scores=human_scores))


def spearman_of(ranked: RankedItems) -> Floats:
    """Return `spearman` of items that are ranked already, shape (prompts,)."""
    human, ranking = ranked.by_human_score, ranked.by_value
    a = human.in_item_order(human.centred()).take(ranking.order)
    b = ranking.centred()
    return _correlation(*(np.einsum("ij,ij->i", *pair) for pair in ((a, b), (a, a), (b, b))))


def kendall_of(ranked: RankedItems) -> Floats:
    """Return `kendall` of items that are ranked already, shape (prompts,)."""
    human, ranking = ranked.by_human_score, ranked.by_value
    pairs = ranking.counts * (ranking.counts - 1) // 2
    untied = (pairs - human.tied_pairs(), pairs - ranking.tied_pairs())
    return _correlation(concordance(ranking, human), *(count.astype(np.float64) for count in untied))


def _correlation(covariance: NDArray[Any], first: Floats, second: Floats) -> Floats:
    """Return covariance / √(first · second), NaN where either is 0, exactly ±1 for a perfect relation."""
    spread = np.sqrt(first * second)
    figure: Floats = np.divide(covariance, spread, out=np.full(len(spread), np.nan), where=spread > 0)
    return figure
