"""A process that scores shards for another one, which may run on another machine."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tia2.errors import ScoreTableError, Tia2Error
from tia2.scoring.engines.job import Job
from tia2.scoring.manifest import Manifest
from tia2.scoring.plan import Plan
from tia2.scoring.run import TableRun
from tia2.scoring.table_files import TableFiles


class Introduction(NamedTuple):
    """What a worker says once it has loaded benchmark and reward model.

    Attributes:
        worker: Machine and process.
        benchmark: Name of the benchmark.
        reward: Name of the reward model.
        items: Number of items.
    """

    worker: str
    benchmark: str
    reward: str
    items: int


@dataclass(frozen=True)
class Finished:
    """What became of a shard.

    Attributes:
        number: Number of the shard.
        items: Number of its items.
        computed: Whether it was scored now, rather than found whole.
        problem: A sentence that says why it isn't there; None where it is.
        kind: Type of the error; None where all is well.
        warnings: Texts of the warnings on the way.
    """

    number: int
    items: int
    computed: bool = False
    problem: str | None = None
    kind: type[Tia2Error] | None = None
    warnings: tuple[str, ...] = ()


class ShardWorker:
    """Holds benchmark and reward model of a job, and scores shards with them one at a time.

    Every shard is a file before the worker says that it is finished; so nothing is lost with a worker.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._plan: Plan | None = None
        self._run: TableRun | None = None
        self._warnings: list[str] = []

    def load(self) -> Introduction:
        """Load benchmark and reward model."""
        with self._listening():
            benchmark = self._job.load_benchmark()
            options = self._job.options
            self._plan = Plan.of(self._job.load_reward(), benchmark, options.bad_images, options.verify)
        name = self._job.options.name or self._plan.model.name
        return Introduction(f"{platform.node()}, process {os.getpid()}", benchmark.name, name, len(benchmark))

    def begin(self, folder: str | Path) -> str:
        """Begin the table, or resume it, for all workers.

        Args:
            folder: The table's folder, or the URL of one.

        Returns:
            The manifest, as JSON.

        Raises:
            BenchmarkError: Images are missing.
            ScoreTableError: The folder holds something else, or can't be written to.
        """
        plan, files = self._loaded(), TableFiles(folder)
        with self._listening():
            self._run = TableRun.begin(plan, self._job.spec or self._job.reward, files, self._job.options)
            if len(files.shard_numbers()) < len(self._run.manifest.shards):
                plan.check_images()
            self._run.claim()
        return self._run.manifest.model_dump_json()

    def join(self, folder: str | Path, manifest: str) -> None:
        """Take the manifest that another worker began with.

        Args:
            folder: The table's folder, or the URL of one.
            manifest: The manifest, as JSON.

        Raises:
            ScoreTableError: Benchmark or reward model are others here.
        """
        plan, shared = self._loaded(), Manifest.model_validate_json(manifest)
        here = plan.manifest(shared.reward.spec, self._job.options)
        if differences := shared.differences(here):
            raise ScoreTableError(
                f"The worker on {platform.node()} would give other rewards: {'; '.join(differences)}. "
                "Every machine needs the same versions and files."
            )
        self._run = TableRun(plan, shared, TableFiles(folder))

    def score(self, number: int) -> Finished:
        """Score a shard, unless it is there and whole.

        Args:
            number: Number of the shard.

        Returns:
            What became of it. An error that isn't ours, which another attempt may not meet, is raised.
        """
        run = self._begun()
        items = len(run.manifest.shards[number])
        with self._listening():
            try:
                kept = run.kept_shard(number)
                if kept is None:
                    run.make_shard(number)
                finished = Finished(number, items, computed=kept is None)
            except Tia2Error as error:
                finished = Finished(number, items, problem=str(error), kind=type(error))
        return Finished(**{**vars(finished), "warnings": tuple(self._said())})

    def finish(self) -> list[str]:
        """Read every shard, and complete the table.

        Returns:
            Texts of warnings.

        Raises:
            ScoreTableError: A shard is missing or damaged, or the table can't be written.
        """
        run = self._begun()
        with self._listening(), run:
            run.finished(run.read_shards())
        return self._said()

    def ties(self) -> list[str]:
        """Return what is said of rewards that float32 makes equal, among those of this worker."""
        plan = self._loaded()
        with self._listening():
            plan.strategy.ties.warn(plan.model.name)
        return self._said()

    def _loaded(self) -> Plan:
        if self._plan is None:
            raise ScoreTableError("The worker has loaded no benchmark yet.")
        return self._plan

    def _begun(self) -> TableRun:
        if self._run is None:
            raise ScoreTableError("The worker has begun no table yet.")
        return self._run

    def _said(self) -> list[str]:
        texts, self._warnings = self._warnings, []
        return texts

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Note warnings, for the process that people look at."""
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("default")
            yield
        self._warnings += [str(warning.message) for warning in raised if issubclass(warning.category, UserWarning)]
