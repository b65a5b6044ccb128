"""Average precision within each prompt: of all its items, and of the k with the largest values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import ResultError
from tia2.evaluation.metrics.ranked_items import RankedItems

Floats = NDArray[np.float64]

_SHARED = 25
"""The largest k of the usual figures: those up to it read the same expected precisions."""


def auprc(labels: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the area under the precision-recall curve, as average precision.

    AUPRC = Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the thresholds, each distinct value being one; steps, not interpolated. From just
    above 0 to 1; the level of chance is the prompt's share of aligned items.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, or values are not finite.

    Example:
        >>> auprc([[True, False, True, False]], [[4, 3, 2, 1]]).round(4).tolist()
        [0.8333]

    Source: `sklearn.metrics.average_precision_score`
    """
    return auprc_of(RankedItems(values, mask, labels=labels))


def average_precision_at_k(labels: ArrayLike, values: ArrayLike, k: int, mask: ArrayLike | None = None) -> Floats:
    """Return the average precision of the k items with the largest values.

    AP@k is the mean of (aligned among the best i) / i over the positions i ≤ k that hold an aligned item: the sum is
    divided by the number of aligned items *among those k*, not in the prompt. From 0, when none of the k is aligned,
    to 1, when no other item stands ahead of an aligned one.

    Tied values have no order. The figure is then the expected value over all orders of the tied items, whether they
    lie at the cut or wholly above it, computed in closed form. So for k at or past the number of items it is the
    expected average precision, which differs from `auprc` where values are tied: there a group of tied items is one
    threshold. Without ties both agree.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        k: Number of the best items to judge, at least 1; a prompt with fewer items is judged on all of them.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, values are not finite, or k < 1.

    Example:
        >>> average_precision_at_k([[False, True, True, True]], [[4, 3, 2, 1]], k=3).round(4).tolist()
        [0.5833]
        >>> average_precision_at_k([[True, False]], [[1, 1]], k=1).tolist()
        [0.5]
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ResultError(f"k must be a whole number of at least 1, got {k!r}.")
    return average_precision_at_k_of(RankedItems(values, mask, labels=labels), int(k))


def auprc_of(ranked: RankedItems) -> Floats:
    """Return `auprc` of items that are ranked already, shape (prompts,)."""
    prompts, items = ranked.values.shape
    last = ranked.by_value.last
    hits = ranked.hits.take(last + np.arange(0, prompts * (items + 1), items + 1)[:, None])
    total = np.einsum("ij,ij->i", ranked.ranked_labels, hits / last)
    return ranked.defined(total / np.maximum(ranked.hits[:, -1], 1))


def average_precision_at_k_of(ranked: RankedItems, k: int) -> Floats:
    """Return `average_precision_at_k` of items that are ranked already, shape (prompts,)."""
    return ranked.defined(ranked.top(max(k, _SHARED)).average_precision(k))
