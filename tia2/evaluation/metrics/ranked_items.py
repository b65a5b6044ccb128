"""A prompt's items, ranked by value and by human score: what all metrics are computed from."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.metrics.checks import check_human_scores, check_labels, check_values
from tia2.evaluation.metrics.ranks import Ints, Ranking, rank
from tia2.evaluation.metrics.top_k import TopItems

Floats = NDArray[np.float64]


class RankedItems:
    """The items of many prompts, with their rankings, each of which is made once and only where a metric needs it.

    Args:
        values: Finite values, higher for items that should be aligned, shape (prompts, items).
        mask: True where there is an item, same shape; None for everywhere.
        labels: True for an aligned item, boolean, same shape; needed by `labels`, `hits`, `defined` and `top`.
        human_scores: Finite human scores, same shape; needed by `human_scores` and `by_human_score`.

    Raises:
        ResultError: The values aren't finite or not two-dimensional. The labels and human scores are checked where
            they are used.

    Attributes:
        values: The values, float64.
        mask: The mask, None where every place holds an item.
    """

    def __init__(
        self,
        values: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        labels: ArrayLike | None = None,
        human_scores: ArrayLike | None = None,
    ) -> None:
        self.values, self.mask = check_values(values, mask)
        self._labels = labels
        self._human_scores = human_scores
        self._tops: dict[int, TopItems] = {}

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        """The labels in the order of the items, False where masked, shape (prompts, items)."""
        return check_labels(() if self._labels is None else self._labels, self.values.shape, self.mask)

    @cached_property
    def human_scores(self) -> Floats:
        """The human scores in the order of the items, shape (prompts, items)."""
        given = () if self._human_scores is None else self._human_scores
        return check_human_scores(given, self.values.shape, self.mask)

    @cached_property
    def by_value(self) -> Ranking:
        """The ranking by value, the largest first."""
        return rank(self.values, self.mask)

    @cached_property
    def by_human_score(self) -> Ranking:
        """The ranking by human score, the largest first."""
        return rank(self.human_scores, self.mask)

    @cached_property
    def ranked_labels(self) -> NDArray[np.bool_]:
        """The labels in the order of `by_value`, shape (prompts, items)."""
        return self.labels.take(self.by_value.order)

    @cached_property
    def hits(self) -> Ints:
        """Number of aligned items among the best 0, 1, ..., items; shape (prompts, items + 1)."""
        prompts, items = self.values.shape
        hits = np.zeros((prompts, items + 1), np.intp)
        np.cumsum(self.ranked_labels, axis=1, out=hits[:, 1:])
        return hits

    def defined(self, figure: Floats) -> Floats:
        """Return a figure of shape (prompts,) with NaN where all labels of a prompt are equal."""
        aligned = self.hits[:, -1]
        return np.where((aligned > 0) & (aligned < self.by_value.counts), figure, np.nan)

    def top(self, width: int) -> TopItems:
        """Return the expected precisions at the first positions of the ranking, made once for each width."""
        if width not in self._tops:
            self._tops[width] = TopItems.of(self.hits, self.by_value, width)
        return self._tops[width]
