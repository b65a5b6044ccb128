"""Average precision of the k best items, exact under ties.

Tied items have no order, so the figure is the expected value over all their orders, each equally likely: what a user
who breaks ties at random gets on average. It has a closed form, and needs no random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.metrics.ranks import Ints, Ranking

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TopItems:
    """The first positions of a ranking, with the precisions that are expected there.

    Attributes:
        ranking: The ranking.
        hits: Aligned items among the best 0, 1, ..., items of the ranking, shape (prompts, items + 1). Only its values
            at the borders of tied groups are read.
        before: Aligned items ahead of the tied group at each position, shape (prompts, width).
        aligned: Aligned items of that group, same shape.
        precision: Sums of the expected precisions of the best 0, 1, ..., width items, shape (prompts, width + 1).
    """

    ranking: Ranking
    hits: Ints
    before: Ints
    aligned: Ints
    precision: Floats

    @classmethod
    def of(cls, hits: Ints, ranking: Ranking, width: int) -> TopItems:
        """Return the first positions of a ranking.

        Args:
            hits: Aligned items among the best 0, 1, ..., items, shape (prompts, items + 1).
            ranking: The ranking.
            width: Number of positions, at least 1; all of them where there are fewer.
        """
        prompts, items = ranking.first.shape
        width = min(width, items)
        first, last = ranking.first[:, :width], ranking.last[:, :width]
        position = np.arange(width)
        offsets = np.arange(0, prompts * (items + 1), items + 1)[:, None]
        before = hits.take(first + offsets)
        aligned = hits.take(last + offsets) - before
        size = last - first
        # An item is aligned with probability aligned / size; given that, each one ahead of it in its group with
        # (aligned - 1) / (size - 1).
        ahead = (position - first) * (aligned - 1) / np.maximum(size - 1, 1)
        precision = np.zeros((prompts, width + 1))
        np.cumsum(aligned / size * (before + 1 + ahead) / (position + 1), axis=1, out=precision[:, 1:])
        return cls(ranking, hits, before, aligned, precision)

    def average_precision(self, k: int) -> Floats:
        """Return the expected average precision of the k best items.

        Args:
            k: Number of items, from 1 to the width that was asked for; a prompt with fewer items takes all of them.

        Returns:
            Shape (prompts,); 0 where none of the k best is aligned.
        """
        rows = np.arange(len(self.hits))
        end = np.minimum(k, self.ranking.counts)
        figure: Floats = self.precision[rows, end] / np.maximum(self.hits[rows, end], 1)
        slot = np.maximum(end - 1, 0)
        # Only where the k-th item shares its value with the next one does the cut depend on the order of tied items.
        cut = np.flatnonzero((self.ranking.last[rows, slot] > end) & (end > 0))
        if cut.size:
            slot = slot[cut]
            start = self.ranking.first[cut, slot]
            figure[cut] = _at_cut(
                self.precision[cut, start],
                self.before[cut, slot],
                start,
                self.ranking.last[cut, slot] - start,
                self.aligned[cut, slot],
                end[cut] - start,
            )
        return figure


def _at_cut(inside: Floats, before: Ints, start: Ints, size: Ints, aligned: Ints, taken: Ints) -> Floats:
    """Return the expected figure where `taken` of a group of `size` equal values are among the k best.

    How many of its aligned items are taken is hypergeometric; given that number, all orders are equally likely.
    All arguments have shape (prompts,): `inside` sums the precisions of the `start` items ahead of the group, of which
    `before` are aligned.
    """
    step = np.arange(int(taken.max()))
    weight = (step < taken[:, None]) / (start[:, None] + step + 1)
    once, twice = weight.sum(axis=1), (weight * step).sum(axis=1)

    fewest = np.maximum(0, taken - (size - aligned))
    most = np.minimum(taken, aligned)
    drawn = fewest[:, None] + np.arange(int((most - fewest).max()) + 1)
    chance = _hypergeometric(drawn, most, size, aligned, taken)

    pairs = drawn * (drawn - 1) / np.maximum(taken * (taken - 1), 1)[:, None]
    single = drawn / taken[:, None] * (before + 1)[:, None]
    hits = before[:, None] + drawn
    figures = (inside[:, None] + single * once[:, None] + pairs * twice[:, None]) / np.maximum(hits, 1)
    expected: Floats = np.minimum((chance * figures).sum(axis=1), 1.0)  # Rounding may add 1e-16.
    return expected


def _hypergeometric(drawn: Ints, most: Ints, size: Ints, aligned: Ints, taken: Ints) -> Floats:
    """Return the chance of `drawn` aligned items, from the ratios of neighbours; factorials would lose digits."""
    at = drawn[:, :-1]
    odds = (aligned[:, None] - at) * (taken[:, None] - at) / ((at + 1) * ((size - aligned - taken)[:, None] + at + 1))
    logs = np.zeros(drawn.shape)
    valid = at < most[:, None]
    np.cumsum(np.log(odds, where=valid, out=np.zeros(odds.shape)), axis=1, out=logs[:, 1:])
    chance = np.exp(logs - logs.max(axis=1, keepdims=True)) * (drawn <= most[:, None])
    normalised: Floats = chance / chance.sum(axis=1, keepdims=True)
    return normalised
