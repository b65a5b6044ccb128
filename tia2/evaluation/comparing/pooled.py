"""Is A better than B over all items at once? For benchmarks with one image per prompt, or one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.comparing.verdict import signed
from tia2.evaluation.metrics.pair_metrics import metric_among, metric_named
from tia2.evaluation.panel import Panel
from tia2.evaluation.result import on_other_images
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    from tia2.evaluation.values import Values


class PooledDifference(BaseModel):
    """Pooled figures of two entries on one subset, or the means of the subsets', and their difference.

    Attributes:
        subset: Name of the subset.
        prompts: Number of prompts, which are resampled.
        items: Number of items.
        a: First entry's figure over all items at once.
        b: Second entry's.
        difference: First figure less the second.
        low: Lower end of the difference's 95 % interval, on the same resamples of the prompts for both.
        high: Upper end; both NaN for one prompt, of which nothing can be resampled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subset: str
    prompts: int
    items: int
    a: float
    b: float
    difference: float
    low: float
    high: float


class PooledComparison(BaseModel):
    """Two entries by their pooled figures.

    Attributes:
        a: Name of the first entry.
        b: Name of the second entry.
        metric: Name of the metric.
        differences: One per subset and, where there are several, one for `overall`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    a: str
    b: str
    metric: str
    differences: list[PooledDifference]

    @property
    def verdict(self) -> str:
        """The answer in one sentence, the better entry first where it is settled."""
        row, title = self.differences[-1], metric_named(self.metric).title
        first, second, means = self.a, self.b, (row.a, row.b)
        low, high, gap = row.low, row.high, row.difference
        if high < 0:
            first, second, means, low, high, gap = second, first, means[::-1], -high, -low, -gap
        numbers = f"pooled {title} {means[0]:.3f} against {means[1]:.3f}, a difference of {signed(gap)}"
        if np.isnan(low):
            return (
                f"Whether {first} or {second} agrees with people better can't be said from one prompt: {numbers}; an "
                "interval needs two prompts."
            )
        ends = f"(95 % interval {signed(low)} to {signed(high)}, {row.prompts:,} prompts)"
        if low > 0:
            return f"{first} agrees with people better than {second}: {numbers} {ends}."
        return f"Whether {first} or {second} agrees with people better is not settled: {numbers} {ends}."


def compare_pooled(
    a: Values, b: Values, metric: str = "auroc", *, seed: int = 0, resamples: int = RESAMPLES
) -> PooledComparison:
    """Compare two entries by their figures over all items of a subset at once.

    Where each prompt has one image, nothing can be ranked within a prompt, and this is what there is. The interval
    resamples prompts, the same for both.

    Args:
        a: Values of an entry.
        b: Values of another one, on the same benchmark.
        metric: Name of a metric whose pooled figure has an interval: "auroc", or one of pairs.
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts.

    Returns:
        The differences A - B with 95 % intervals, and a sentence.

    Raises:
        UnknownNameError: There is no such metric.
        ResultError: They are not on the same benchmark or images, have values for different items, or the metric's
            pooled figure has no interval.

    Example:
        >>> first, second = (tia2.calibrate([table]) for table in tables)  # doctest: +SKIP
        >>> print(compare_pooled(first, second).verdict)  # doctest: +SKIP
    """
    if differs := difference(a.benchmark, b.benchmark):
        raise ResultError(f"{a.name} and {b.name} are not on the same benchmark: they differ in {differs}.")
    if on_other_images(a.benchmark, b.benchmark):
        raise ResultError(f"{a.name} and {b.name} were scored on different images of {a.benchmark.name}.")
    if not np.array_equal(a.scored, b.scored):
        raise ResultError(f"{a.name} and {b.name} have values for different items: score both on the same images.")
    metric_named(metric)
    panel = Panel.of(a.items, a.scored, seed=seed, resamples=resamples)
    name = metric_among(metric, panel.metrics)
    if name not in panel.metrics:
        raise ResultError(f"{a.benchmark.name} has no {metric}; it has {', '.join(panel.metrics)}.")
    if panel.pairs is None and metric_named(name).pooled_resamples is None:
        raise ResultError(f"Pooled figures of {name} have no intervals; compare by auroc, or figures within prompts.")
    pools = [panel.pools(np.nan_to_num(values.values), [name])[name] for values in (a, b)]
    rows = []
    for scope in panel.scopes:
        gap = panel.pooled_interval(pools[0], scope, pools[1])
        figures = [panel.pooled_interval(pool, scope).mean for pool in pools]
        in_scope = panel.rows(scope) if scope != OVERALL else np.ones(len(panel.prompts), np.bool_)
        rows.append(
            PooledDifference(
                subset=scope,
                prompts=int(in_scope.sum()),
                items=int(panel.mask[in_scope].sum()),
                a=figures[0],
                b=figures[1],
                difference=gap.mean,
                low=gap.low,
                high=gap.high,
            )
        )
    return PooledComparison(a=a.name, b=b.name, metric=name, differences=rows)
