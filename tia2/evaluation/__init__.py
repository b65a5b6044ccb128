"""How well values agree with people: metrics, intervals and results."""

from __future__ import annotations

from tia2.evaluation.comparing.comparison import Comparison, compare, separate
from tia2.evaluation.comparing.pooled import PooledComparison, compare_pooled
from tia2.evaluation.evaluate import evaluate
from tia2.evaluation.metrics import METRICS, Metric, register_metric
from tia2.evaluation.published import published
from tia2.evaluation.result import Result
from tia2.evaluation.summary import summarise
from tia2.evaluation.values import Values

__all__ = [
    "METRICS",
    "Comparison",
    "Metric",
    "PooledComparison",
    "Result",
    "Values",
    "compare",
    "compare_pooled",
    "evaluate",
    "published",
    "register_metric",
    "separate",
    "summarise",
]
