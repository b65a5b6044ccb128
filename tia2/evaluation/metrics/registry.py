"""Every metric that evaluations report, one row each, and how another one joins them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import PluginError
from tia2.evaluation.metrics.metric import Contrast, Metric, Plain
from tia2.evaluation.metrics.pooled_auroc import pooled_auroc_resamples
from tia2.evaluation.metrics.precision import auprc_of, average_precision_at_k_of
from tia2.evaluation.metrics.rank_correlation import kendall_of, spearman_of
from tia2.evaluation.metrics.ranked_items import RankedItems
from tia2.evaluation.metrics.roc import auroc_of
from tia2.plugins import Registry

Floats = NDArray[np.float64]

_BUILT_IN = (
    Metric(
        name="auroc",
        title="AUROC",
        definition="The chance that an aligned image of a prompt has a higher value than one that isn't aligned.",
        low=0.0,
        high=1.0,
        chance=0.5,
        function=auroc_of,
        pooled_resamples=pooled_auroc_resamples,
    ),
    Metric(
        name="auprc",
        title="AUPRC",
        definition="Average precision of a prompt's images in the order of their values, not interpolated.",
        low=0.0,
        high=1.0,
        chance=None,
        function=auprc_of,
    ),
    *(
        Metric(
            name=f"ap{k}",
            title=f"AP@{k}",
            definition=f"Average precision of the {k} images of a prompt with the highest values.",
            low=0.0,
            high=1.0,
            chance=None,
            function=partial(average_precision_at_k_of, k=k),
        )
        for k in (5, 10, 25)
    ),
    Metric(
        name="spearman",
        title="Spearman ρ",
        definition="Correlation of the ranks by value and by human score of a prompt's images.",
        low=-1.0,
        high=1.0,
        chance=0.0,
        function=spearman_of,
        contrast="human_scores",
    ),
    Metric(
        name="kendall",
        title="Kendall τ-b",
        definition="Pairs of a prompt's images that values and human scores order alike, less those that they order "
        "differently, as a share of all pairs, corrected for ties.",
        low=-1.0,
        high=1.0,
        chance=0.0,
        function=kendall_of,
        contrast="human_scores",
    ),
)


def _check(name: str, target: Any) -> Metric:
    if not isinstance(target, Metric):
        raise PluginError(
            f"The metric {name!r} must be a tia2.evaluation.Metric, got {type(target).__name__}; "
            "Metric.plain makes one of a function."
        )
    if target.name != name:
        raise PluginError(f"The metric {name!r} calls itself {target.name!r}: register it under its own name.")
    return target


METRICS: Registry[Metric] = Registry("metric", "tia2.metrics", {metric.name: metric for metric in _BUILT_IN}, _check)
"""The metrics of a result by name, in the order of tables; installed packages add theirs in "tia2.metrics"."""


def register_metric(
    name: str,
    *,
    title: str,
    definition: str,
    low: float = 0.0,
    high: float = 1.0,
    chance: float | None = None,
    version: str = "1",
    contrast: Contrast = "labels",
) -> Callable[[Plain], Plain]:
    """Return a decorator that adds a function to the metrics of this process.

    The function takes labels, human scores, values and mask (None where every place holds an item), all of shape
    (prompts, items), and returns one figure per prompt, NaN where it is undefined. To offer a metric from a package,
    name a `Metric` in the entry-point group "tia2.metrics".

    Args:
        name: Name in files and options.
        title: Name in tables and figures.
        definition: One plain sentence that says what is measured.
        low: Lower end of the range.
        high: Upper end of the range.
        chance: Expected figure of values that order nothing; None where it depends on the prompt's share of aligned
            items.
        version: Version, raised when the same items give other figures.
        contrast: Judgements that must differ within a prompt, or it is left out: "labels" or "human_scores".

    Raises:
        PluginError: Another metric has that name.

    Example:
        >>> import tia2
        >>> @tia2.register_metric("best", title="Best", definition="Human score of the image with the highest value.")
        ... def best(labels, human_scores, values, mask):
        ...     return human_scores[range(len(values)), values.argmax(axis=1)]
        >>> list(tia2.evaluation.METRICS)[-1]
        'best'
        >>> tia2.evaluation.METRICS.unregister("best")
    """

    def decorate(function: Plain) -> Plain:
        metric = Metric.plain(
            function,
            name=name,
            title=title,
            definition=definition,
            low=low,
            high=high,
            chance=chance,
            version=version,
            contrast=contrast,
        )
        METRICS.register(name, metric, f"{function.__module__}.{getattr(function, '__qualname__', name)}")
        return function

    return decorate


def all_metrics(
    labels: ArrayLike, human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None
) -> dict[str, Floats]:
    """Return every figure of `METRICS`, from one sort of the values and one of the human scores.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        human_scores: Finite human scores, same shape.
        values: Finite values, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        One array of shape (prompts,) per metric, the same as its own function gives.

    Raises:
        ResultError: The arrays don't fit together, labels aren't boolean, or numbers are not finite.

    Example:
        >>> figures = all_metrics([[True, False]], [[1.0, 0.5]], [[0.3, 0.1]])
        >>> {name: float(figure[0]) for name, figure in figures.items()}
        {'auroc': 1.0, 'auprc': 1.0, 'ap5': 1.0, 'ap10': 1.0, 'ap25': 1.0, 'spearman': 1.0, 'kendall': 1.0}
    """
    ranked = RankedItems(values, mask, labels=labels, human_scores=human_scores)
    return {name: metric.of(ranked) for name, metric in METRICS.items()}
