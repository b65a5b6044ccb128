"""All results of a study, read from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import FinetuneError

from ..diagnostics.curves import RunCurves
from .outcome import ConditionOutcome, PoolOutcome, condition_outcome, pool_outcome
from .plan import StudyPlan
from .running import StudyFolder, read_pool
from .scores import RunScores

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 120)
"""Numbers of images that best-of-n chooses among; those beyond a quarter of a pool are left out."""


@dataclass(frozen=True)
class StudyResults:
    """What has been run of a study.

    Attributes:
        plan: The study.
        curves: Curves of each run, by condition and seed; conditions without a result are left out.
        seconds: Processor time of each run, by condition and seed.
        pools: The scored pool of each seed.
    """

    plan: StudyPlan
    curves: Mapping[str, Mapping[int, RunCurves]]
    seconds: Mapping[str, Mapping[int, float]]
    pools: Mapping[int, pd.DataFrame]

    @classmethod
    def load(cls, plan: StudyPlan, folder: StudyFolder) -> StudyResults:
        """Read the results that are there.

        Args:
            plan: The study.
            folder: Its folder.

        Raises:
            FinetuneError: There is no result, a file is damaged, or one was made with other settings than the plan's.
        """
        curves: dict[str, dict[int, RunCurves]] = {}
        seconds: dict[str, dict[int, float]] = {}
        for run in plan.runs():
            path = folder.scores_path(run)
            if not path.is_file():
                continue
            scores = RunScores.load(path)
            if scores.settings() != plan.settings(run):
                raise FinetuneError(f"{path} was made with other settings than the plan's.")
            curves.setdefault(run.condition.name, {})[run.seed] = scores.curves()
            seconds.setdefault(run.condition.name, {})[run.seed] = scores.seconds
        pools = {seed: read_pool(path) for seed in plan.seeds if (path := folder.pool_path(seed)).is_file()}
        if not curves and not pools:
            raise FinetuneError(f"{folder.results} holds no results yet: tia2 finetune study {plan.name}.")
        ordered = {each.name: curves[each.name] for each in plan.conditions if each.name in curves}
        return cls(plan, ordered, seconds, pools)

    @cached_property
    def outcomes(self) -> dict[str, ConditionOutcome]:
        """What each condition's runs came to, by name."""
        return {name: condition_outcome(name, runs) for name, runs in self.curves.items()}

    @cached_property
    def choices(self) -> dict[str, PoolOutcome]:
        """What best-of-n comes to under each condition's entry, by name."""
        pools = list(self.pools.values())
        names = [each.name for each in self.plan.conditions if each.best_of_n]
        numbers = [n for n in NUMBERS if n == 1 or n <= self.plan.pool_per_prompt // 4]
        return {
            name: pool_outcome(name, pools, numbers) for name in names if pools and all(name in pool for pool in pools)
        }

    def title(self, name: str) -> str:
        """Return what figures call a condition."""
        return self.plan.condition(name).title


def load_results(source: str, path: Path) -> StudyResults:
    """Read a study's results.

    Args:
        source: Name of a plan, or the path of a YAML file.
        path: The study's folder.

    Raises:
        Tia2Error: There is no such plan, or the results can't be read.
    """
    from .plan import load_plan

    return StudyResults.load(load_plan(source), StudyFolder(path))
