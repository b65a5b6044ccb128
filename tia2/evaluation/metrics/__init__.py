"""How well values order a prompt's items as people do, for all prompts at once.

Every function takes arrays of shape (prompts, items) and returns one figure per prompt, in float64, NaN where it is
undefined. Prompts of unequal length are padded, with a boolean `mask` that is True where there is an item. The figures
equal those of scikit-learn and SciPy to 1e-12, without a loop over prompts.

Ties: AUROC, AUPRC, Spearman and Kendall follow the rules of scikit-learn and SciPy. Average precision at k is the
expected value over all orders of tied items, at the cut and above it, since "the k best" needs an order.
"""

from __future__ import annotations

from tia2.evaluation.metrics.metric import Metric
from tia2.evaluation.metrics.precision import auprc, average_precision_at_k
from tia2.evaluation.metrics.rank_correlation import kendall, spearman
from tia2.evaluation.metrics.registry import METRICS, all_metrics, register_metric
from tia2.evaluation.metrics.roc import auroc

__all__ = [
    "METRICS",
    "Metric",
    "all_metrics",
    "auprc",
    "auroc",
    "average_precision_at_k",
    "kendall",
    "register_metric",
    "spearman",
]
