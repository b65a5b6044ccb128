"""Which entry a submission is most like, and how much of it several entries explain together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .orders import CLOSE, FEWEST, Codes, Floats, Orders, by_group, correlation, orders_of

SEVERAL = 8
"""The number of nearest entries that are taken together."""


@dataclass(frozen=True)
class Likeness:
    """How alike two orders are.

    Attributes:
        name: Name of the entry.
        items: Number of items that both have.
        equal: Whether all numbers are equal.
        pooled: Spearman correlation over all items.
        within: Spearman correlation within prompts, over all of them together.
        subset: Highest correlation within the prompts of one subset.
        prompts: Share of the prompts, among those with enough items, that are ordered alike.
    """

    name: str
    items: int
    equal: bool
    pooled: float
    within: float
    subset: float
    prompts: float


def likeness(name: str, mine: Orders, other: Orders, prompts: Codes, subsets: Codes) -> Likeness | None:
    """Return how alike two orders are; None where they have too few items in common.

    Args:
        name: Name of the other.
        mine: The submission's orders.
        other: An entry's.
        prompts: Prompt of each item, as a number from 0.
        subsets: Subset of each item, likewise.
    """
    both = mine.present & other.present
    items = int(np.count_nonzero(both))
    if items < FEWEST:
        return None
    if not (both == mine.present).all():
        mine = orders_of(np.where(both, mine.values, np.nan), prompts)
    if not (both == other.present).all():
        other = orders_of(np.where(both, other.values, np.nan), prompts)
    return Likeness(
        name=name,
        items=items,
        equal=bool(np.array_equal(mine.values[both], other.values[both])),
        pooled=correlation(mine.pooled, other.pooled),
        within=correlation(mine.within, other.within),
        subset=max(by_group(mine.within[both], other.within[both], subsets[both]).tolist()),
        prompts=_alike_prompts(mine.within[both], other.within[both], prompts[both]),
    )


def nearest(
    mine: Orders, others: Iterable[tuple[str, Orders]], prompts: Codes, subsets: Codes, most: int = 3
) -> list[Likeness]:
    """Return the entries that a submission is most like within prompts, the nearest first."""
    compared = (likeness(name, mine, other, prompts, subsets) for name, other in others)
    return sorted((entry for entry in compared if entry is not None), key=lambda entry: -entry.within)[:most]


def explained(mine: Orders, others: Sequence[Orders]) -> float:
    """Return the multiple correlation of a submission's ranks within prompts with those of several entries, 0 to 1.

    A mixture of entries is like none of them, and like all of them together.

    Args:
        mine: The submission's orders.
        others: Entries' orders; the nearest are taken.
    """
    near = sorted(others, key=lambda other: -abs(correlation(mine.within, other.within)))[:SEVERAL]
    kept = mine.present & np.logical_and.reduce([other.present for other in near]) if near else mine.present
    if not near or np.count_nonzero(kept) < FEWEST * 2:
        return 0.0
    columns = np.column_stack([other.within[kept] for other in near])
    target = mine.within[kept]
    solution, *_ = np.linalg.lstsq(columns, target, rcond=1e-6)
    return max(correlation(target, columns @ solution), 0.0)


def _alike_prompts(a: Floats, b: Floats, prompts: Codes) -> float:
    large = np.bincount(prompts) >= FEWEST
    return float(np.mean(by_group(a, b, prompts)[large] >= CLOSE)) if large.any() else 0.0
