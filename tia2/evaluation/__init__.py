"""How well values agree with people: metrics, intervals and results."""

from __future__ import annotations

from tia2.evaluation.comparison import Comparison, compare, separate
from tia2.evaluation.evaluate import evaluate
from tia2.evaluation.frames import summarise
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.released import published
from tia2.evaluation.result import Result

__all__ = ["METRICS", "Comparison", "Result", "compare", "evaluate", "published", "separate", "summarise"]
