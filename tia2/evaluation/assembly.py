"""The parts of a result, put together from what a panel measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.evaluation.bootstrap import UNKNOWN, Interval
from tia2.evaluation.panel import Panel, Pooled
from tia2.evaluation.result import Estimate, PromptResult, SubsetResult
from tia2.evaluation.summary import OVERALL

Floats = NDArray[np.float64]


def subset_results(
    panel: Panel, figures: Floats, values: ArrayLike | None
) -> tuple[dict[str, SubsetResult], SubsetResult]:
    """Return the figures of every subset, and of all.

    Args:
        panel: Panel of the items.
        figures: All metrics within each prompt, shape (prompts, metrics).
        values: Values, shape (items of the table,); None where only the figures are known, so that there are no pooled
            figures and no number of ties.
    """
    pools = None if values is None else panel.pools(values)
    ties = None if values is None else panel.ties(values)
    subsets = {subset: _subset_result(panel, figures, pools, ties, subset) for subset in panel.subsets}
    return subsets, _subset_result(panel, figures, pools, ties, OVERALL)


def prompt_results(panel: Panel, figures: Floats, values: ArrayLike | None) -> list[PromptResult]:
    """Return the figures of every prompt, with the arguments of `subset_results`."""
    tied, distinct = (None, None) if values is None else panel.ties(values)
    names = panel.metrics
    columns = (panel.prompts[name].tolist() for name in ("subset", "prompt_id", "prompt", "items"))
    return [
        PromptResult(
            subset=subset,
            prompt_id=prompt_id,
            prompt=prompt,
            items=items,
            aligned=float(panel.aligned[row]),
            tied=None if tied is None else int(tied[row]),
            distinct=None if distinct is None else int(distinct[row]),
            metrics=dict(zip(names, figures[row].tolist(), strict=True)),
        )
        for row, (subset, prompt_id, prompt, items) in enumerate(zip(*columns, strict=True))
    ]


def estimate(within: Interval, pooled: Interval, prompts: int) -> Estimate:
    """Return one metric's estimate from its mean over prompts and its pooled figure.

    Args:
        within: Mean over prompts with its interval.
        pooled: Pooled figure with its interval.
        prompts: Number of prompts that the mean is over.
    """
    return Estimate(
        mean=within.mean,
        low=within.low,
        high=within.high,
        pooled=pooled.mean,
        pooled_low=pooled.low,
        pooled_high=pooled.high,
        prompts=prompts or None,
    )


def _subset_result(
    panel: Panel,
    figures: Floats,
    pools: Mapping[str, Pooled] | None,
    ties: tuple[NDArray[np.intp], NDArray[np.intp]] | None,
    scope: str,
) -> SubsetResult:
    rows, used = panel.rows(scope), panel.used_rows(scope)
    items = int(panel.mask[rows].sum())
    metrics = {}
    for column, (name, within) in enumerate(zip(panel.metrics, panel.metric_intervals(figures, scope), strict=True)):
        pooled = UNKNOWN if pools is None else panel.pooled_interval(pools[name], scope)
        counted = panel.used_rows(scope, name) & np.isfinite(figures[:, column])
        metrics[name] = estimate(within, pooled, int(counted.sum()))
    return SubsetResult(
        prompts=int(rows.sum()),
        prompts_used=int(used.sum()),
        prompts_constant=0 if ties is None else int((ties[1][used] == 1).sum()),
        items=items,
        items_scored=items,
        tied=None if ties is None else int(ties[0][rows].sum()),
        distinct=None if ties is None else int(ties[1][rows].sum()),
        metrics=metrics,
    )
