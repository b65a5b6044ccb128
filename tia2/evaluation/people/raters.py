"""How far each two raters agree, where it is known who gave which rating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tia2.benchmark.judgements.ratings import RatingScale, rating_matrix
from tia2.errors import ResultError


class RaterPair(NamedTuple):
    """Agreement of two raters over the items that both rated.

    Attributes:
        first: Name of a rater.
        second: Name of another one.
        items: Items that both rated.
        spearman: Correlation of the ranks of their ratings, over all items at once.
        kendall: Kendall's τ-b of their ratings.
        difference: Mean of the first's ratings less the second's, in the scale's unit: is one stricter?
    """

    first: str
    second: str
    items: int
    spearman: float
    kendall: float
    difference: float


def rater_correlations(ratings: Sequence[Sequence[float | None] | None], scale: RatingScale) -> list[RaterPair]:
    """Return the agreement of each two raters.

    Args:
        ratings: Ratings of each item, in the order of the raters, None for gaps.
        scale: Scale of the ratings, which names the raters.

    Raises:
        ResultError: The scale names no raters, so that the order of the ratings means nothing.

    Example:
        >>> scale = RatingScale(low=1, high=5, raters=("ann", "bob"))
        >>> pair = rater_correlations([[1, 2], [3, 3], [5, 4], [2, None]], scale)[0]
        >>> pair.items, round(pair.spearman, 3), round(pair.difference, 3)
        (3, 1.0, 0.0)
    """
    from scipy.stats import kendalltau, spearmanr

    if scale.raters is None:
        raise ResultError("Nothing says who gave which rating: the benchmark's scale names no raters.")
    matrix = rating_matrix(ratings, scale)
    pairs = []
    for left in range(len(scale.raters)):
        for right in range(left + 1, len(scale.raters)):
            both = np.isfinite(matrix[:, left]) & np.isfinite(matrix[:, right])
            a, b = matrix[both, left], matrix[both, right]
            varied = len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
            pairs.append(
                RaterPair(
                    scale.raters[left],
                    scale.raters[right],
                    int(both.sum()),
                    float(spearmanr(a, b).statistic) if varied else float("nan"),
                    float(kendalltau(a, b).statistic) if varied else float("nan"),
                    float((a - b).mean() * (scale.high - scale.low)) if len(a) else float("nan"),
                )
            )
    return pairs
