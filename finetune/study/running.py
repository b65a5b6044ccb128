"""Runs a study: one run after the other, each kept when it ends, so that an interrupted study continues."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import FinetuneError
from tia2.files import replacing

from ..runner.run import Run
from .plan import StudyPlan, StudyRun
from .pool import scored_pool
from .scores import RunScores

if TYPE_CHECKING:
    import pandas as pd

Report = Callable[[str, str, int, int], None]


@dataclass(frozen=True)
class StudyFolder:
    """The files of a study.

    `results/` holds what is kept for good: one small Parquet file per run with the scores of its evaluation images, and
    one per seed with the pool that best-of-n chooses among. `runs/` holds the runs with images and weights, which a
    result no longer needs.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return self.path / "results"

    def run_path(self, run: StudyRun) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run.name

    def scores_path(self, run: StudyRun) -> Path:
        """Return the file of a run's scores."""
        return self.results / f"{run.name}.parquet"

    def pool_path(self, seed: int) -> Path:
        """Return the file of the scored pool of a seed."""
        return self.results / f"pool-seed{seed}.parquet"


def missing_runs(
    plan: StudyPlan, folder: StudyFolder, only: Sequence[str] = (), seeds: Sequence[int] = ()
) -> list[StudyRun]:
    """Return the runs without a result, in the order in which they will be done.

    Args:
        plan: The study.
        folder: Its folder.
        only: Names of the conditions to do; all by default.
        seeds: Seeds to do; all by default.

    Raises:
        UnknownNameError: There is no such condition.
        FinetuneError: The plan has no such seed, or a result was made with other settings than the plan's.
    """
    chosen = {plan.condition(name).name for name in only}
    if beyond := sorted(set(seeds) - set(plan.seeds)):
        raise FinetuneError(f"The plan has no seed {beyond[0]}; it has {', '.join(map(str, plan.seeds))}.")
    return [
        run
        for run in plan.runs()
        if (not chosen or run.condition.name in chosen)
        and (not seeds or run.seed in seeds)
        and not _is_done(plan, folder, run)
    ]


def _is_done(plan: StudyPlan, folder: StudyFolder, run: StudyRun) -> bool:
    path = folder.scores_path(run)
    if not path.is_file():
        return False
    if RunScores.load(path).settings() != plan.settings(run):
        raise FinetuneError(f"{path} was made with other settings than the plan's: choose another --out, or delete it.")
    return True


def do_pool(plan: StudyPlan, folder: StudyFolder, seed: int, device: str, report: Report) -> None:
    """Sample and score the pool of a seed, unless its file is there with every entry's values.

    Args:
        plan: The study.
        folder: Its folder.
        seed: Seed of the images.
        device: Where models run.
        report: Called with what is done on what, how much of it, and how much there is.
    """
    path = folder.pool_path(seed)
    entries = {condition.name for condition in plan.conditions if condition.best_of_n}
    if path.is_file() and entries <= set(read_pool(path).columns):
        return
    frame = scored_pool(plan, seed, device, partial(report, f"pool of seed {seed}"))
    with replacing(path, FinetuneError) as unfinished:
        frame.to_parquet(unfinished, index=False, compression="zstd")


def do_run(plan: StudyPlan, folder: StudyFolder, run: StudyRun, device: str, report: Report) -> RunScores:
    """Do a run, or continue it, and keep its scores.

    Args:
        plan: The study.
        folder: Its folder.
        run: The run.
        device: Where models run.
        report: Called with what is done on what, how much of it, and how much there is.

    Raises:
        FinetuneError: It had to stop; calling this again continues it.
    """
    resumed = folder.run_path(run).exists()
    began = time.process_time()
    going = Run(folder.run_path(run), plan.settings(run), device)
    epochs = going.trainer.epochs
    going.report_to(
        lambda epoch, what, done, total: report(run.name, f"epoch {epoch} of {epochs}: {what}", done, total)
    )
    kept = going.go()
    scores = RunScores.of(kept, float("nan") if resumed else time.process_time() - began)
    scores.save(folder.scores_path(run))
    return scores


def read_pool(path: Path) -> pd.DataFrame:
    """Read a pool's file.

    Raises:
        FinetuneError: It isn't there, or is damaged.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FinetuneError(f"{path} can't be read: {' '.join(str(error).split())}.") from None
    return frame
