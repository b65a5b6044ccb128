"""The first thing to run: rank four small reward models on the built-in benchmark, with a table and two pictures."""

from __future__ import annotations

from tia2.quickstart.pipeline import REWARDS, QuickstartRun, run

__all__ = ["REWARDS", "QuickstartRun", "run"]
