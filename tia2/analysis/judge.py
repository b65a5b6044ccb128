"""How well many sets of values agree with people, all on the same prompts and resamples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import RESAMPLES, expanded, interval, resample_counts
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.metrics.pooled_auroc import pooled_auroc_resamples
from tia2.evaluation.panel import Prompts
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A figure, or a difference of two, with its 95 % interval over prompts."""

    mean: float
    low: float
    high: float


class Pooled(NamedTuple):
    """The pooled figures of one set of values."""

    figures: dict[str, float]
    """By subset."""
    draws: dict[str, Floats]
    """Over resamples, by subset; NaN for metrics that have no interval here."""


@dataclass(frozen=True)
class Judge:
    """People's labels on the items of score tables, prompt by prompt.

    Attributes:
        prompts: The items by prompt; as values, their positions in the table.
        metric: By which values are judged.
        seed: Of the bootstrap.
        resamples: How many.
    """

    prompts: Prompts
    metric: str = "auroc"
    seed: int = 0
    resamples: int = RESAMPLES

    @classmethod
    def of(
        cls,
        items: pd.DataFrame,
        scored: NDArray[np.bool_] | None = None,
        metric: str = "auroc",
        seed: int = 0,
        resamples: int = RESAMPLES,
    ) -> Judge:
        """Group the items of a table.

        Args:
            items: With the columns of a benchmark.
            scored: Which of them have rewards, shape (items,); all if None.
            metric: By which values are judged.
            seed: Of the bootstrap.
            resamples: How many.

        Raises:
            ResultError: A subset has fewer than two prompts whose labels differ.
        """
        places = np.arange(len(items)) if scored is None else np.flatnonzero(scored)
        judge = cls(Prompts.of(items.iloc[places], places.astype(np.float64)), metric, seed, resamples)
        for subset in judge.prompts.subsets:
            if judge.rows(subset).sum() < 2:
                raise ResultError(f"{subset} has fewer than two prompts whose labels differ; an analysis needs two.")
        return judge

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, and `overall` where there are several."""
        subsets = self.prompts.subsets
        return [*subsets, OVERALL] if len(subsets) > 1 else subsets

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Position in the table of every prompt's items, shape (prompts, items), 0 where the mask is False."""
        places: NDArray[np.intp] = self.prompts.values.astype(np.intp)
        return places

    @property
    def used(self) -> NDArray[np.bool_]:
        """Prompts whose labels differ, shape (prompts,)."""
        return self.prompts.used

    def rows(self, subset: str) -> NDArray[np.bool_]:
        """Return which prompts are used for a subset, or for `overall`, shape (prompts,)."""
        return self.used if subset == OVERALL else self.used & self.prompts.rows(subset)

    def grouped(self, values: Floats) -> Floats:
        """Return values of shape (..., items) by prompt, shape (..., prompts, items a prompt), 0 where masked."""
        return np.where(self.prompts.mask, np.asarray(values, np.float64)[..., self.places], 0.0)

    def figures(self, values: Floats) -> Floats:
        """Return the metric within each prompt.

        Args:
            values: One an item, shape (items of the table,).

        Returns:
            Shape (prompts,): NaN where labels are equal, 0 for a rank correlation with values that are all equal.
        """
        prompts = self.prompts
        mask = None if prompts.mask.all() else prompts.mask
        found = METRICS[self.metric].function(prompts.labels, prompts.human_scores, self.grouped(values), mask)
        return np.where(self.used, np.nan_to_num(found), np.nan)

    def pooled(self, values: Floats, subset: str) -> float:
        """Return the metric over all items of a subset at once; for `overall` the mean of the subsets'."""
        if subset == OVERALL:
            return float(np.mean([self.pooled(values, one) for one in self.prompts.subsets]))
        rows = self.prompts.rows(subset)
        mask = self.prompts.mask[rows]
        labels, human, own = (
            array[rows][mask][None, :]
            for array in (self.prompts.labels, self.prompts.human_scores, self.grouped(values))
        )
        found = METRICS[self.metric].function(labels, human, own, None)
        return float(found[0])

    def pool(self, values: Floats) -> Pooled:
        """Return the metric over all items of each subset at once, with AUROC's over resamples of the prompts."""
        prompts, found = self.prompts, Pooled({}, {})
        for subset in prompts.subsets:
            rows = prompts.rows(subset)
            found.figures[subset] = self.pooled(values, subset)
            found.draws[subset] = (
                pooled_auroc_resamples(
                    prompts.labels[rows],
                    self.grouped(values)[rows],
                    prompts.mask[rows],
                    self.resamples,
                    self.seed,
                    subset,
                )
                if self.metric == "auroc"
                else np.full(self.resamples, np.nan)
            )
        return found

    def pooled_interval(self, pooled: Pooled, subset: str, against: Pooled | None = None) -> Interval:
        """Return a pooled figure, or its difference from another's on the same resamples, with its interval.

        Args:
            pooled: What `pool` returned.
            subset: Which, or `overall` for the mean of the subsets.
            against: What to subtract, or nothing.
        """
        names = self.prompts.subsets if subset == OVERALL else [subset]
        figure = np.mean([pooled.figures[name] - (against.figures[name] if against else 0) for name in names])
        draws = np.stack([pooled.draws[name] - (against.draws[name] if against else 0) for name in names])
        known = draws[:, np.isfinite(draws).all(axis=0)]
        if not known.size:
            return Interval(float(figure), float("nan"), float("nan"))
        sizes = np.array([self.prompts.rows(name).sum() for name in names])
        low, high = expanded(known.mean(axis=0), known.var(axis=1), sizes)
        return Interval(float(figure), low, high)

    def interval(self, figures: Floats, subset: str) -> Interval:
        """Return the mean over a subset's prompts, or the mean of the subsets', with its interval.

        Args:
            figures: Of every prompt, shape (prompts,): a metric, or a difference of two.
            subset: Which.
        """
        names = self.prompts.subsets if subset == OVERALL else [subset]
        strata = [figures[self.rows(name)] for name in names]
        means = [
            resample_counts(len(part), self.resamples, self.seed, name) @ part / len(part)
            for name, part in zip(names, strata, strict=True)
        ]
        low, high = interval(np.mean(means, axis=0), strata)
        return Interval(float(np.mean([part.mean() for part in strata])), low, high)

    def intervals(self, figures: Iterable[Floats], subset: str) -> list[Interval]:
        """Return `interval` of several sets of figures."""
        return [self.interval(one, subset) for one in figures]
