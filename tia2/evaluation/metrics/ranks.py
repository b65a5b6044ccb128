"""Ranks with ties, for many prompts at once: the one sort that all metrics share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]


class Ranking(NamedTuple):
    """The items of each prompt, best first, in groups of equal value.

    Every array but `counts` has shape (prompts, items) and is in ranked order; masked items come last.
    """

    order: Ints
    """Index of the ranked item in the flattened (prompts * items) arrays."""
    first: Ints
    """Position, from 0, at which the item's group of equal values starts."""
    last: Ints
    """Position just past that group."""
    counts: Ints
    """Number of items of each prompt, shape (prompts,)."""

    def centred(self) -> NDArray[np.float64]:
        """Return twice the average rank, less its mean: whole numbers that sum to 0; the best item has the largest."""
        ranks = self.counts[:, None] - self.first - self.last
        ranks[np.arange(ranks.shape[1]) >= self.counts[:, None]] = 0
        return ranks.astype(np.float64)

    def in_item_order(self, ranked: NDArray[Any]) -> NDArray[Any]:
        """Bring an array from ranked order back to the order of the items."""
        items = np.empty_like(ranked)
        items.ravel()[self.order] = ranked
        return items

    def tied_pairs(self) -> Ints:
        """Return how many pairs of each prompt's items share their value, shape (prompts,)."""
        return tied_pairs(self.first, self.last, self.counts)


def rank(values: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Ranking:
    """Rank the items of each prompt, the largest value first.

    Args:
        values: Finite values, shape (prompts, items), at least one item wide.
        mask: True where there is an item; None when every place holds one.

    Returns:
        The ranking.
    """
    prompts, items = values.shape
    keys = -values if mask is None else np.where(mask, -values, np.inf)
    order = np.argsort(keys, axis=1)
    order += np.arange(0, prompts * items, items)[:, None]
    first, last = groups(keys.take(order))
    counts = np.full(prompts, items) if mask is None else np.count_nonzero(mask, axis=1)
    return Ranking(order, first, last, counts)


def groups(ranked: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return where each element's run of equal neighbours starts, and where it has ended, along the rows."""
    prompts, items = ranked.shape
    change = ranked[:, 1:] != ranked[:, :-1]
    position = np.arange(items)
    first = np.zeros((prompts, items), np.intp)
    np.maximum.accumulate(np.where(change, position[1:], 0), axis=1, out=first[:, 1:])
    last = np.full((prompts, items), items, np.intp)
    ends = np.where(change, position[1:], items)[:, ::-1]
    np.minimum.accumulate(ends, axis=1, out=last[:, -2::-1])
    return first, last


def tied_pairs(first: Ints, last: Ints, counts: Ints) -> Ints:
    """Count the pairs inside the groups of `groups`, without those of masked items."""
    masked = first.shape[1] - counts
    pairs: Ints = ((last - first - 1).sum(axis=1) - masked * (masked - 1)) // 2
    return pairs
