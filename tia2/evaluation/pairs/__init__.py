"""How well values agree with people's preferences between two images of a prompt."""

from __future__ import annotations

from tia2.evaluation.pairs.evaluate_pairs import PairResult, compare_pairs, evaluate_pairs
from tia2.evaluation.pairs.preferences import Preferences

__all__ = ["PairResult", "Preferences", "compare_pairs", "evaluate_pairs"]
