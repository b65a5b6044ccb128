"""Scoring: every reward of one model on one benchmark, computed once and kept."""

from __future__ import annotations

from tia2.scoring.exporting import export_scores
from tia2.scoring.importing import import_scores
from tia2.scoring.manifest import Manifest
from tia2.scoring.scorer import score
from tia2.scoring.table import ScoreTable

__all__ = ["Manifest", "ScoreTable", "export_scores", "import_scores", "score"]
