"""How well values order a prompt's items as people do: seven figures, for all prompts at once."""

from __future__ import annotations

from tia2.evaluation.metrics.functions import (
    METRICS,
    Metric,
    all_metrics,
    auprc,
    auroc,
    average_precision_at_k,
    kendall,
    spearman,
)

__all__ = ["METRICS", "Metric", "all_metrics", "auprc", "auroc", "average_precision_at_k", "kendall", "spearman"]
