"""The measuring engine: people's judgements of items, grouped by prompt once, against which any values are measured.

Evaluations, analyses and the leaderboard's live views all measure with it, so that their figures agree: a figure per
prompt, a pooled figure per subset, and intervals of both from the same resamples of the prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.bootstrap import RESAMPLES, Interval, averaged, expanded, resampled
from tia2.evaluation.measuring import by_width, measured_by, varied
from tia2.evaluation.metrics import METRICS, Metric
from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS
from tia2.evaluation.metrics.ranks import rank
from tia2.evaluation.pairs.compared import ComparedPairs
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


PromptsBy = Literal["metric", "label"]
"""Which prompts a rank correlation leaves out: those it can't be computed on, or those whose labels are all equal."""


class Pooled(NamedTuple):
    """A pooled figure of one set of values, by subset."""

    figures: dict[str, float]
    draws: dict[str, Floats]
    """Over resamples of the prompts, shape (resamples,); empty for a metric whose pooled figure has no interval."""
    metric: str | None = None
    """Name of the metric."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Items grouped by prompt: subsets in the order of the table, prompts in natural order within them.

    So resampling prompts by their number gives the same resamples however the table is sorted. Wherever a `scope` is
    asked for, it is a subset or `overall`, the mean of the subsets that have a prompt whose labels differ. Wherever
    `values` are asked for, they are one number per item of the table that the panel was made of.

    Attributes:
        prompts: One row per prompt: subset, prompt_id, prompt, items.
        positions: Position in the table of every prompt's items, shape (prompts, items), 0 where there is none.
        mask: True where there is an item, same shape.
        labels: Labels, same shape, False where there is no item.
        human_scores: Human scores, same shape, 0 where there is no item.
        seed: Seed of the resamples.
        resamples: Number of resamples.
        prompts_by: "metric" to leave out, for each metric, the prompts that it can't be computed on; "label" to leave
            out those whose labels are all equal for all metrics, as the released figures do.
        pairs: Pairs that people compared, on a benchmark of pairs, whose metrics the panel then has; else None.

    Example:
        >>> import pandas as pd
        >>> columns = {"subset": "a", "prompt_id": ["a/0", "a/0", "a/1", "a/1"], "prompt": ["x", "x", "y", "y"]}
        >>> items = pd.DataFrame({**columns, "human_score": [1.0, 0.0, 0.0, 1.0], "label": [True, False, False, True]})
        >>> panel = Panel.of(items)
        >>> panel.figure([0.9, 0.1, 0.5, 0.5], "auroc").tolist()
        [1.0, 0.5]
        >>> panel.pooled([0.9, 0.1, 0.5, 0.5], "auroc", "a")
        0.875
    """

    prompts: pd.DataFrame
    positions: Ints
    mask: Bools
    labels: Bools
    human_scores: Floats
    seed: int = 0
    resamples: int = RESAMPLES
    prompts_by: PromptsBy = "label"
    pairs: ComparedPairs | None = None

    @classmethod
    def of(
        cls,
        items: pd.DataFrame,
        scored: Bools | None = None,
        *,
        seed: int = 0,
        resamples: int = RESAMPLES,
        prompts_by: PromptsBy = "label",
    ) -> Panel:
        """Group the items of a table.

        Args:
            items: Columns of a benchmark: subset, prompt_id, prompt, human_score and label, and its comparisons.
            scored: Items that have values, shape (items,); None for all.
            seed: Seed of the resamples.
            resamples: Number of resamples.
            prompts_by: Choice of the prompts that each metric leaves out.
        """
        table_positions = np.arange(len(items)) if scored is None else np.flatnonzero(scored)
        table, items = items, items if scored is None else items.iloc[table_positions]
        grouped = items.groupby(["subset", "prompt_id"], sort=False, observed=True)
        prompts = grouped["prompt"].agg(["first", "size"]).reset_index()
        prompts.columns = ["subset", "prompt_id", "prompt", "items"]
        subsets = {subset: number for number, subset in enumerate(prompts["subset"].unique())}
        keys = [(subsets[a], _natural(b)) for a, b in zip(prompts["subset"], prompts["prompt_id"], strict=True)]
        order = sorted(range(len(prompts)), key=keys.__getitem__)
        rows = np.empty(len(order), np.intp)
        rows[order] = np.arange(len(order))
        cells = (rows[grouped.ngroup().to_numpy()], grouped.cumcount().to_numpy())
        shape = (len(prompts), int(prompts["items"].max()))

        def spread(column: Any, dtype: type[np.generic]) -> NDArray[Any]:
            array = np.zeros(shape, dtype)
            array[cells] = column
            return array

        positions, mask = spread(table_positions, np.intp), spread(True, np.bool_)
        return cls(
            prompts=prompts.iloc[order].reset_index(drop=True),
            positions=positions,
            mask=mask,
            labels=spread(items["label"].to_numpy(), np.bool_),
            human_scores=spread(items["human_score"].to_numpy(), np.float64),
            seed=seed,
            resamples=resamples,
            prompts_by=prompts_by,
            pairs=ComparedPairs.of(table, scored, positions, mask, seed),
        )

    # Prompts

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are measured: those of `METRICS`, or on a benchmark of pairs those of pairs."""
        return tuple(METRICS if self.pairs is None else PAIR_METRICS)

    @cached_property
    def subsets(self) -> list[str]:
        """Names of the subsets."""
        return [str(subset) for subset in self.prompts["subset"].unique()]

    @property
    def scopes(self) -> list[str]:
        """Names of the subsets, and `overall` where there are several."""
        return [*self.subsets, OVERALL] if len(self.subsets) > 1 else self.subsets

    @cached_property
    def _rows(self) -> dict[str, Bools]:
        names = self.prompts["subset"]
        rows = {subset: (names == subset).to_numpy(np.bool_) for subset in self.subsets}
        return {OVERALL: np.ones(len(names), np.bool_), **rows}

    def rows(self, scope: str) -> Bools:
        """Return which prompts belong to a scope, shape (prompts,)."""
        return self._rows.get(scope, np.zeros(len(self.prompts), np.bool_))

    @cached_property
    def aligned(self) -> Floats:
        """Share of aligned items, shape (prompts,); on a benchmark of pairs, of pairs that people don't tie."""
        if self.pairs is not None:
            return self.pairs.decided
        shares: Floats = self.labels.sum(axis=1) / self.mask.sum(axis=1)
        return shares

    @cached_property
    def used(self) -> Bools:
        """Prompts whose labels differ, or with a pair that isn't tied, shape (prompts,); the others are in no mean."""
        if self.pairs is not None:
            return self.pairs.used_by(None)
        return np.asarray((self.aligned > 0) & (self.aligned < 1))

    @cached_property
    def _scores_differ(self) -> Bools:
        return varied(self.human_scores, self.mask)

    def used_by(self, metric: str | None) -> Bools:
        """Return the prompts that a metric uses, shape (prompts,); None stands for those whose labels differ."""
        if self.pairs is not None:
            return self.pairs.used_by(metric)
        by_score = metric is not None and self.prompts_by == "metric" and METRICS[metric].contrast == "human_scores"
        return self._scores_differ if by_score else self.used

    def used_rows(self, scope: str, metric: str | None = None) -> Bools:
        """Return the prompts of a scope that a metric uses, shape (prompts,); None for those whose labels differ."""
        return self.used_by(metric) & self.rows(scope)

    def averaged_subsets(self, scope: str, metric: str | None = None) -> list[str]:
        """Return the subsets whose mean a scope's figures are: without those in which a metric uses no prompt."""
        if scope != OVERALL:
            return [scope]
        return [subset for subset in self.subsets if self.used_rows(subset, metric).any()] or self.subsets

    # Values

    def grouped(self, values: ArrayLike) -> Floats:
        """Return values of shape (..., items of the table) by prompt, (..., prompts, items), 0 where there is none."""
        return np.where(self.mask, np.asarray(values, np.float64)[..., self.positions], 0.0)

    def ties(self, values: ArrayLike) -> tuple[Ints, Ints]:
        """Return how many items of each prompt share their value with another one, and how many values are distinct."""
        numbers = np.asarray(values, np.float64)
        tied, distinct = np.empty((2, len(self.mask)), np.intp)
        for rows, width in by_width(self.mask):
            mask = self.mask[rows, :width]
            ranking = rank(np.where(mask, numbers[self.positions[rows, :width]], 0.0), mask)
            position = np.arange(width)
            real = position < ranking.counts[:, None]
            tied[rows] = ((ranking.last - ranking.first > 1) & real).sum(axis=1)
            distinct[rows] = ((ranking.first == position) & real).sum(axis=1)
        return tied, distinct

    # Figures

    def figures(self, values: ArrayLike, metrics: Iterable[str] | None = None, rows: Bools | None = None) -> Floats:
        """Return the figures within each prompt.

        Args:
            values: Values, shape (items of the table,).
            metrics: Names of the metrics; None for all, in the order of `metrics`.
            rows: Prompts to measure, shape (prompts,); None for all.

        Returns:
            Shape (prompts, metrics): NaN where the metric doesn't use the prompt or it isn't measured; what chance
            gives where only the values leave the figure undefined, as constant values do for rank correlations.
        """
        rows = np.ones(len(self.prompts), np.bool_) if rows is None else rows
        if self.pairs is not None:
            of_pairs = self.pairs.figures(values, list(self.metrics if metrics is None else metrics))
            of_pairs[~rows] = np.nan
            return of_pairs
        chosen = _metrics(metrics)
        mask = self.mask[rows]
        by_prompt = np.where(mask, np.asarray(values, np.float64)[self.positions[rows]], 0.0)
        figures = np.full((len(rows), len(chosen)), np.nan)
        figures[rows] = measured_by(chosen, self.labels[rows], self.human_scores[rows], by_prompt, mask)
        for column, metric in enumerate(chosen):
            figures[~self.used_by(metric.name), column] = np.nan
        return figures

    def figure(self, values: ArrayLike, metric: str, rows: Bools | None = None) -> Floats:
        """Return one metric's figures within each prompt, as `figures` does, shape (prompts,)."""
        return self.figures(values, [metric], rows)[:, 0]

    def interval(self, figures: Floats, scope: str, metric: str | None = None) -> Interval:
        """Return the mean of figures with its interval.

        Args:
            figures: A metric within each prompt, or a difference of two, shape (prompts,).
            scope: A subset, or `overall`.
            metric: Metric whose prompts are used; None for those whose labels differ.
        """
        return self.intervals(figures[None, :], scope, metric)[0]

    def intervals(self, figures: Floats | Sequence[Floats], scope: str, metric: str | None = None) -> list[Interval]:
        """Return the means of several sets of figures with their intervals, from a few matrix products.

        Args:
            figures: Figures within each prompt, shape (sets, prompts).
            scope: A subset, or `overall`.
            metric: Metric whose prompts are used; None for those whose labels differ.
        """
        columns = np.asarray(figures).T
        return averaged(
            [
                resampled(columns[self.used_rows(subset, metric)], self.resamples, self.seed, subset)
                for subset in self.averaged_subsets(scope, metric)
            ]
        )

    def metric_intervals(self, figures: Floats, scope: str) -> list[Interval]:
        """Return the mean of every metric's figures with its interval, each over the prompts that it uses.

        Args:
            figures: All metrics within each prompt, shape (prompts, metrics).
            scope: A subset, or `overall`.
        """
        intervals: dict[str, Interval] = {}
        groups: dict[bytes, list[str]] = {}
        for name in self.metrics:
            groups.setdefault(self.used_by(name).tobytes(), []).append(name)
        columns = {name: column for column, name in enumerate(self.metrics)}
        for names in groups.values():  # metrics on the same prompts share their matrix products
            chosen = figures[:, [columns[name] for name in names]].T
            intervals |= zip(names, self.intervals(chosen, scope, names[0]), strict=True)
        return [intervals[name] for name in columns]

    # Pooled figures

    def pooled(self, values: ArrayLike, metric: str, scope: str) -> float:
        """Return a metric over all items of a subset at once; for `overall` the mean of the subsets'."""
        subsets = self.averaged_subsets(scope, metric)
        if self.pairs is not None:
            return float(np.mean([self.pairs.pooled(values, metric, self.rows(subset)) for subset in subsets]))
        numbers, chosen = np.asarray(values, np.float64), _metrics([metric])
        return float(np.mean([self._pooled(numbers, chosen, subset)[0] for subset in subsets]))

    def pools(self, values: ArrayLike, metrics: Iterable[str] | None = None) -> dict[str, Pooled]:
        """Return metrics over all items of each subset at once, with their draws over resamples of the prompts.

        Args:
            values: Values, shape (items of the table,).
            metrics: Names of the metrics; None for all.
        """
        if self.pairs is not None:
            names = self.metrics if metrics is None else metrics
            return {name: self._pool_of_pairs(self.pairs, values, name) for name in names}
        numbers, chosen = np.asarray(values, np.float64), _metrics(metrics)
        pools = {metric.name: Pooled({}, {}, metric.name) for metric in chosen}
        for subset in self.subsets:
            rows = self.rows(subset)
            for metric, figure in zip(chosen, self._pooled(numbers, chosen, subset), strict=True):
                pools[metric.name].figures[subset] = float(figure)
                if metric.pooled_resamples is not None:
                    pools[metric.name].draws[subset] = metric.pooled_resamples(
                        self.labels[rows],
                        self.grouped(numbers)[rows],
                        self.mask[rows],
                        self.resamples,
                        self.seed,
                        subset,
                    )
        return pools

    def pooled_interval(self, pooled: Pooled, scope: str, against: Pooled | None = None) -> Interval:
        """Return a pooled figure, or its difference from another's on the same resamples, with its interval.

        Args:
            pooled: Pooled figures, as `pools` returns them.
            scope: A subset, or `overall`.
            against: Pooled figures to subtract; None for nothing.
        """
        subsets = self.averaged_subsets(scope, pooled.metric)
        figure = np.mean([pooled.figures[name] - (against.figures[name] if against else 0) for name in subsets])
        if not pooled.draws:
            return Interval(float(figure), float("nan"), float("nan"))
        draws = np.stack([pooled.draws[name] - (against.draws[name] if against else 0) for name in subsets])
        # A resample of prompts whose items all have one label has no pooled figure.
        draws = draws[:, np.isfinite(draws).all(axis=0)]
        if not draws.size:
            return Interval(float(figure), float("nan"), float("nan"))
        sizes = np.array([self.rows(name).sum() for name in subsets])
        low, high = expanded(draws.mean(axis=0), draws.var(axis=1), sizes)
        return Interval(float(figure), low, high)

    def _pool_of_pairs(self, pairs: ComparedPairs, values: ArrayLike, metric: str) -> Pooled:
        pool = Pooled({}, {}, metric)
        for subset in self.subsets:
            pool.figures[subset] = pairs.pooled(values, metric, self.rows(subset))
            pool.draws[subset] = pairs.pooled_draws(values, metric, self.rows(subset), self.resamples, subset)
        return pool

    def _pooled(self, values: Floats, metrics: Sequence[Metric], subset: str) -> Floats:
        """Return metrics over all items of a subset at once, shape (metrics,)."""
        labels, human_scores, positions = self._items[subset]
        every = np.ones((1, len(labels)), np.bool_)
        figures = measured_by(metrics, labels[None, :], human_scores[None, :], values[positions][None, :], every)
        pooled: Floats = figures[0]
        return pooled

    @cached_property
    def _items(self) -> dict[str, tuple[Bools, Floats, Ints]]:
        """Labels, human scores and positions of each subset's items, shape (items of the subset,) each."""
        cells = {subset: self.rows(subset)[:, None] & self.mask for subset in self.subsets}
        return {name: (self.labels[at], self.human_scores[at], self.positions[at]) for name, at in cells.items()}


def _metrics(names: Iterable[str] | None) -> list[Metric]:
    return [METRICS[name] for name in (METRICS if names is None else names)]


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts "counting/2" before "counting/10"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)
