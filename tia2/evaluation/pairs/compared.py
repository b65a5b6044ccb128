"""The pairs that people compared among the items of a panel, and figures of values on them.

Within a prompt a figure is over its pairs, and the figure of a subset is the mean over its prompts, so that prompts
count equally. Pooled, it is over all pairs of the subset, so that pairs count equally; its interval resamples prompts,
too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.bootstrap import over_resamples
from tia2.evaluation.metrics.pair_metrics import ACCURACY, PAIR_METRICS, metric_among
from tia2.evaluation.pairs.answers import answered, preferred_of
from tia2.evaluation.pairs.measures import TIE
from tia2.evaluation.pairs.preferences import Preferences

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ComparedPairs:
    """Pairs of a panel's items.

    Attributes:
        votes: Votes on every pair, as `Preferences` has them, shape (pairs, votes).
        rows: Row of every pair's prompt in the panel, shape (pairs,).
        first: Position in the table of every pair's first item, shape (pairs,).
        second: Position in the table of every pair's second item, shape (pairs,).
        prompts: Number of prompts of the panel.
        seed: Seed of the resamples and of the folds.
    """

    votes: Floats
    rows: Ints
    first: Ints
    second: Ints
    prompts: int
    seed: int

    @classmethod
    def of(
        cls, items: pd.DataFrame, scored: Bools | None, positions: Ints, mask: Bools, seed: int
    ) -> ComparedPairs | None:
        """Return the pairs that a table of items lists; None where it lists none.

        Args:
            items: The table, with the columns compared_with and preferences on a benchmark of pairs.
            scored: Items that have values; pairs with another one are left out. None for all.
            positions: Position in the table of every prompt's items, shape (prompts, items).
            mask: True where there is an item, same shape.
            seed: Seed of the resamples and of the folds.

        Raises:
            ResultError: It is a benchmark of pairs, and no pair has values for both items.
        """
        if "preferences" not in items.columns:
            return None
        preferences = Preferences.of_items(items if scored is None else items[scored])
        position_of = {item: position for position, item in enumerate(items["item_id"])}
        first, second = (
            np.array([position_of[item] for item in side], np.intp) for side in (preferences.first, preferences.second)
        )
        row_of = np.zeros(len(items), np.intp)
        row_of[positions[mask]] = np.nonzero(mask)[0]
        return cls(preferences.votes, row_of[first], first, second, len(mask), seed)

    @cached_property
    def counts(self) -> Ints:
        """Number of pairs, shape (prompts,)."""
        return np.bincount(self.rows, minlength=self.prompts)

    @cached_property
    def decided(self) -> Floats:
        """Share of a prompt's pairs on which people prefer one of the two items, shape (prompts,)."""
        decided = np.bincount(self.rows, preferred_of(self.votes) != TIE, minlength=self.prompts)
        return np.asarray(decided / np.maximum(self.counts, 1))

    def used_by(self, metric: str | None) -> Bools:
        """Return the prompts that a metric uses, shape (prompts,); of metrics on which ties count, all with a pair."""
        name = None if metric is None else metric_among(metric, PAIR_METRICS)
        return np.asarray(self.decided > 0 if name in (None, ACCURACY) else self.counts > 0)

    def figures(self, values: ArrayLike, metrics: Sequence[str]) -> Floats:
        """Return the figures within each prompt, NaN where a metric doesn't use it, shape (prompts, metrics).

        Args:
            values: Values, shape (items of the table,).
            metrics: Names of the metrics.
        """
        figures = np.full((self.prompts, len(metrics)), np.nan)
        for column, name in enumerate(metrics):
            sums, totals = self._sums(values, name)
            np.divide(sums, totals, out=figures[:, column], where=totals > 0)
        return figures

    def pooled(self, values: ArrayLike, metric: str, rows: Bools) -> float:
        """Return a metric over all pairs of some prompts at once, NaN where there is none that counts.

        Args:
            values: Values, shape (items of the table,).
            metric: Name of the metric.
            rows: The prompts, shape (prompts,).
        """
        sums, totals = (part[rows].sum() for part in self._sums(values, metric))
        return float(sums / totals) if totals else float("nan")

    def pooled_draws(self, values: ArrayLike, metric: str, rows: Bools, resamples: int, subset: str) -> Floats:
        """Return the same over resamples of these prompts, shape (resamples,).

        Args:
            values: Values, shape (items of the table,).
            metric: Name of the metric.
            rows: The prompts, shape (prompts,).
            resamples: Number of resamples.
            subset: Name of the subset, which makes its resamples.
        """
        sums, totals = (part[rows] for part in self._sums(values, metric))

        def ratio(counts: Floats) -> Floats:
            weights = counts @ totals
            shares: Floats = np.divide(counts @ sums, weights, out=np.full(len(weights), np.nan), where=weights > 0)
            return shares

        return over_resamples(ratio, len(sums), resamples, self.seed, subset)

    def _sums(self, values: ArrayLike, metric: str) -> tuple[Floats, Floats]:
        """Return a metric's sum and weight over each prompt's pairs, shape (prompts,) each."""
        numbers = np.asarray(values, np.float64)
        name = metric_among(metric, PAIR_METRICS)
        parts = answered(name, numbers[self.first] - numbers[self.second], self.votes, self.rows, self.seed)
        sums, totals = (np.bincount(self.rows, part, minlength=self.prompts).astype(np.float64) for part in parts)
        return sums, totals
