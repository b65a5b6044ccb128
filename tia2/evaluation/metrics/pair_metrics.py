"""The metrics of a benchmark of pairs, and metrics of either kind by name."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING

from tia2.errors import ResultError, unknown_name
from tia2.evaluation.metrics import METRICS, Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tia2.evaluation.metrics.ranked_items import RankedItems

ACCURACY, WITH_TIES, AGREEMENT = "pair_accuracy", "pair_accuracy_with_ties", "pair_agreement"
DEFAULT = "auroc"
"""The metric where nobody names one; of pairs it stands for `ACCURACY`: both say how often two items are in order."""


def _needs_pairs(_: RankedItems) -> NDArray[np.float64]:
    raise ResultError("This metric is of pairs: it needs to know which two items people compared.")


PAIR_METRICS = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                ACCURACY, "Pair accuracy",
                "Share of a prompt's pairs that values order as most people do; a tie of the values counts half, and "
                "pairs that people tie are left out.",
                0.0, 1.0, 0.5, _needs_pairs, contrast="pairs",
            ),
            Metric(
                WITH_TIES, "Pair accuracy with ties",
                "Share of a prompt's pairs on which values and people say the same, a tie being a third answer: values "
                "tie where they differ by ε at most, chosen by cross-validation over prompts (Deutsch et al. 2023).",
                0.0, 1.0, 1 / 3, _needs_pairs, contrast="pairs",
            ),
            Metric(
                AGREEMENT, "Agreement with a vote",
                "How often a single vote on a prompt's pairs says what the values say; a tie counts half.",
                0.0, 1.0, 0.5, _needs_pairs, contrast="pairs",
            ),
        )
    }
)  # fmt: skip
"""By name. An evaluation of pairs has these instead of `METRICS`."""


def is_metric(name: str) -> bool:
    """Whether there is a metric of this name, of items or of pairs."""
    return name in METRICS or name in PAIR_METRICS


def metric_named(name: str) -> Metric:
    """Return a metric of items or of pairs.

    Args:
        name: Name of the metric.

    Raises:
        UnknownNameError: There is none of this name.

    Example:
        >>> metric_named("pair_accuracy").title, metric_named("auroc").title
        ('Pair accuracy', 'AUROC')
    """
    if name in PAIR_METRICS:
        return PAIR_METRICS[name]
    if name not in METRICS:
        raise unknown_name("metric", name, [*METRICS, *PAIR_METRICS])
    return METRICS[name]


def metric_among(name: str, names: Iterable[str]) -> str:
    """Return the name by which figures have a metric: of pairs, `DEFAULT` stands for their accuracy.

    Args:
        name: Name of a metric.
        names: Names of the metrics that there are figures of.

    Example:
        >>> metric_among("auroc", ["pair_accuracy"]), metric_among("auroc", ["auroc", "kendall"])
        ('pair_accuracy', 'auroc')
    """
    return ACCURACY if name == DEFAULT and ACCURACY in names else name
