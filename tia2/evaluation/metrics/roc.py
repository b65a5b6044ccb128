"""The area under the ROC curve, within each prompt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.metrics.ranked_items import RankedItems

Floats = NDArray[np.float64]


def auroc(labels: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the area under the ROC curve: the chance that an aligned item's value exceeds another item's.

    AUROC = P(v⁺ > v⁻) + P(v⁺ = v⁻) / 2 over pairs of an aligned and another item of the prompt. From 0 to 1; a value
    that orders nothing gives 0.5.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, or values are not finite.

    Example:
        >>> auroc([[True, False, False], [True, True, True]], [[0.9, 0.1, 0.9], [1, 2, 3]]).tolist()
        [0.75, nan]

    Source: Hanley & McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747
    """
    return auroc_of(RankedItems(values, mask, labels=labels))


def auroc_of(ranked: RankedItems) -> Floats:
    """Return `auroc` of items that are ranked already, shape (prompts,)."""
    aligned = ranked.hits[:, -1]
    pairs = aligned * (ranked.by_value.counts - aligned)
    # Mann and Whitney's U, from ranks that are doubled and centred: whole numbers until the division.
    surplus = np.einsum("ij,ij->i", ranked.ranked_labels, ranked.by_value.centred())
    return ranked.defined((pairs + surplus) / np.maximum(2 * pairs, 1))
