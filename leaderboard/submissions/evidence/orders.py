"""Rewards as orders: ranks over all items, and within each prompt, which no monotone change of the rewards alters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]
FEWEST = 20
"""With fewer items, equal orders are no surprise."""
CLOSE = 0.9
"""Correlation within one prompt from which on its items count as ordered alike."""


@dataclass(frozen=True)
class Orders:
    """One number per item of the benchmark, and its ranks.

    Attributes:
        values: The numbers, NaN where there is none.
        present: Whether each item has one.
        pooled: Ranks over all items, their mean taken off; 0 where there is no number.
        within: Ranks within each prompt, likewise.
    """

    values: Floats
    present: Bools
    pooled: Floats
    within: Floats


def orders_of(values: Floats, prompts: Codes) -> Orders:
    """Return the orders of one number per item.

    Args:
        values: Numbers, NaN where there is none.
        prompts: Prompt of each item, as a number from 0.

    Example:
        >>> orders_of(np.array([3.0, 1.0, 2.0, 2.0]), np.array([0, 0, 1, 1])).within.tolist()
        [0.5, -0.5, 0.0, 0.0]
    """
    from scipy.stats import rankdata

    present = ~np.isnan(values)
    pooled, within = np.zeros(len(values)), np.zeros(len(values))
    ranks = rankdata(values[present])
    pooled[present] = ranks - ranks.mean() if len(ranks) else ranks
    # Within a prompt, ranks among all serve as values; the prompt's number keeps the prompts apart.
    apart = rankdata(prompts[present] * (2.0 * len(values) + 2) + ranks)
    of = prompts[present]
    within[present] = apart - means_of(apart, of)[of] if len(of) else apart
    return Orders(values, present, pooled, within)


def means_of(values: Floats, prompts: Codes) -> Floats:
    """Return the mean of each prompt's values; 0 where it has none."""
    means: Floats = np.bincount(prompts, values) / np.maximum(np.bincount(prompts, minlength=1), 1)
    return means


def correlation(a: Floats, b: Floats) -> float:
    """Return the correlation of two columns whose means are 0; 0 where one is constant."""
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def by_group(a: Floats, b: Floats, groups: Codes) -> Floats:
    """Return the correlation in each group of two columns whose means in each are 0; 0 where one is constant."""
    products = [np.bincount(groups, x * y) for x, y in ((a, b), (a, a), (b, b))]
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = np.nan_to_num(products[0] / np.sqrt(products[1] * products[2]))
    return values
