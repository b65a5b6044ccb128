"""The workers of a job on a Ray cluster, and who does what.

Actors without restarts or retries of Ray's own, since those would start a shard that kills its process again and again:
attempts are counted here, per shard.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tia2.errors import RewardError, ScoreTableError, Tia2Error, first_line
from tia2.progress import Progress
from tia2.scoring.engines.job import Job
from tia2.scoring.engines.shard_worker import Finished, Introduction, ShardWorker
from tia2.scoring.manifest import Manifest
from tia2.storage import absolute

ATTEMPTS = 3
"""A shard that has ended so many workers, or failed so often, is named and left out."""

IN_FLIGHT = 2
"""Shards that a worker has been given: the one that it scores, and the next, so that it never waits for the driver."""

NAMED = 3
"""The number of shards that an error names."""


@dataclass(frozen=True)
class Share:
    """What a worker gets, and how many workers there are.

    Attributes:
        workers: Number of workers.
        gpus: GPUs per worker.
    """

    workers: int
    gpus: float


@dataclass(eq=False)
class _Worker:
    """An actor.

    Attributes:
        actor: Ray's handle.
        name: Machine and process, once it has said so.
        shards: Numbers of the shards that it has been given, the one that it is at first.
        loaded: Whether it has loaded benchmark and reward model.
        ready: Whether it has joined the table.
        ended: Whether it has said its last.
    """

    actor: Any
    name: str = "that was starting"
    shards: deque[int] = field(default_factory=deque)
    loaded: bool = False
    ready: bool = False
    ended: bool = False


@dataclass(frozen=True)
class _Failure:
    """Why a shard is left out.

    Attributes:
        problem: A sentence.
        kind: Type of the error; None for one that isn't ours.
    """

    problem: str
    kind: type[Tia2Error] | None


_Step = Literal["load", "begin", "join", "score", "ties", "finish"]


@dataclass(frozen=True)
class _Task:
    """Something that a worker has been asked to do."""

    worker: _Worker
    step: _Step
    shard: int | None = None


class Crew:
    """The workers of a job, and who does what."""

    def __init__(
        self,
        ray: Any,
        job: Job,
        folder: str | os.PathLike[str] | Callable[[str, str], str | Path],
        share: Share,
        progress: Progress,
        report: Callable[[str], None],
    ) -> None:
        self.computed = 0
        self._ray, self._job, self._folder, self._progress, self._report = ray, job, folder, progress, report
        self._actor_class = ray.remote(ShardWorker).options(
            num_cpus=1, num_gpus=share.gpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        self._tasks: dict[Any, _Task] = {}
        self._workers: list[_Worker] = []
        self._path: str | Path | None = None
        self._manifest: Manifest | None = None
        self._begins: _Worker | None = None
        self._queue: deque[int] = deque()
        self._attempts: Counter[int] = Counter()
        self._failed: dict[int, _Failure] = {}
        self._stops = False
        self._done = self._total = self._failed_starts = 0
        self._finished = False
        for _ in range(share.workers):
            self._hire()

    def run(self) -> str | Path:
        """Have everything done, and return the table's folder."""
        while not self._finished:
            ready, _ = self._ray.wait(list(self._tasks), num_returns=1)
            task = self._tasks.pop(ready[0])
            try:
                answer = self._ray.get(ready[0])
            except self._ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, Tia2Error):
                    raise error.cause from None
                if task.shard is None:
                    raise ScoreTableError(f"The worker {task.worker.name} failed: {_raised(error)}.") from None
                self._raised_at(task.worker, task.shard, _raised(error))
            except self._ray.exceptions.RayError as error:
                self._lost(task, error)
            else:
                self._answered(task, answer)
            self._continue()
        if self._path is None:
            raise ScoreTableError("No worker has begun the table.")
        return self._path

    def dismiss(self) -> None:
        """End all workers. A shard that one of them is at is lost, as it isn't a file yet."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers.clear()

    def _hire(self) -> None:
        worker = _Worker(self._actor_class.remote(self._job))
        self._workers.append(worker)
        self._ask(worker, "load")

    def _ask(self, worker: _Worker, step: _Step, *arguments: Any) -> None:
        shard = arguments[0] if step == "score" else None
        self._tasks[getattr(worker.actor, step).remote(*arguments)] = _Task(worker, step, shard)

    def _answered(self, task: _Task, answer: Any) -> None:
        self._failed_starts = 0
        if task.step == "load":
            self._loaded(task.worker, answer)
        elif task.step == "begin":
            self._begun(answer)
            task.worker.ready = True
        elif task.step == "join":
            task.worker.ready = True
        elif task.step == "score":
            task.worker.shards.remove(answer.number)
            self._scored(answer)
        else:
            self._say(answer)
            task.worker.ended = True
            self._finished = task.step == "finish"

    def _loaded(self, worker: _Worker, introduction: Introduction) -> None:
        worker.name, worker.loaded = introduction.worker, True
        self._total = introduction.items
        if self._path is None:
            folder = self._folder
            self._path = absolute(folder(introduction.benchmark, introduction.reward) if callable(folder) else folder)

    def _begun(self, manifest: str) -> None:
        self._manifest = Manifest.model_validate_json(manifest)
        self._queue = deque(range(len(self._manifest.shards)))
        self._progress("items", 0, self._total)

    def _scored(self, finished: Finished) -> None:
        self._say(finished.warnings)
        if finished.problem is None:
            self._done += finished.items
            self.computed += finished.items if finished.computed else 0
            self._progress("items", self._done, self._total)
        elif finished.kind is not None:
            self._leave_out(finished.number, finished.problem, finished.kind)

    def _raised_at(self, worker: _Worker, number: int, reason: str) -> None:
        """Note that a reward's own code failed, which it may not do the next time."""
        worker.shards.remove(number)
        self._report(f"Shard {number} failed ({reason}).")
        self._charge(number, reason)

    def _leave_out(self, number: int, problem: str, kind: type[Tia2Error]) -> None:
        self._failed[number] = _Failure(problem, kind)
        self._report(f"Shard {number} is left out: {problem}")
        # A damaged image says nothing of other shards. A full disk does, and so does a reward that fails repeatedly.
        count = sum(failure.kind is kind for failure in self._failed.values())
        if issubclass(kind, ScoreTableError) or (issubclass(kind, RewardError) and count >= ATTEMPTS):
            self._stops = True

    def _charge(self, number: int, reason: str) -> None:
        """Count an attempt, and leave the shard out when there were enough."""
        self._attempts[number] += 1
        if self._attempts[number] < ATTEMPTS:
            self._queue.appendleft(number)
        else:
            self._failed[number] = _Failure(f"{reason}, {ATTEMPTS} times.", None)
            self._report(f"Shard {number} is left out after {ATTEMPTS} attempts.")

    def _lost(self, task: _Task, error: Exception) -> None:
        """Replace a worker that has ended, and have others do what it was given."""
        worker = task.worker
        if worker not in self._workers:  # it has been replaced already: this is another of its tasks
            return
        self._workers.remove(worker)
        for reference in [reference for reference, other in self._tasks.items() if other.worker is worker]:
            del self._tasks[reference]
        if worker is self._begins and self._manifest is None:
            self._begins = None
        reason = _reason(error)
        at = f" at shard {worker.shards[0]}" if worker.shards else ""
        self._report(f"The worker {worker.name} ended{at} ({reason}); another one takes its place.")
        if worker.shards:
            first, *others = worker.shards
            self._queue.extendleft(reversed(others))
            self._charge(first, f"its worker ended: {reason}")
        else:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS:
                raise ScoreTableError(f"{ATTEMPTS} workers in a row ended before their first shard ({reason}).")
        if self._queue or self._manifest is None or not self._workers:
            self._hire()

    def _continue(self) -> None:
        """Give every worker that waits something to do, or end."""
        loaded = [worker for worker in self._workers if not self._asked(worker) and worker.loaded]
        if self._manifest is None:
            if self._begins is None and loaded:
                self._begins = loaded[0]
                self._ask(loaded[0], "begin", self._path)
            return
        for worker in loaded:
            if not worker.ready:
                self._ask(worker, "join", self._path, self._manifest.model_dump_json())
        if not self._stops:
            self._feed()
        at_work = any(task.step in ("score", "ties", "finish") for task in self._tasks.values())
        if at_work or (self._queue and not self._stops):
            return
        self._raise_failures()
        ready = [worker for worker in self._workers if worker.ready]
        for worker in ready:
            if not worker.ended:
                self._ask(worker, "ties")
        if ready and all(worker.ended for worker in ready):
            self._ask(ready[0], "finish")

    def _feed(self) -> None:
        ready = [worker for worker in self._workers if worker.ready]
        for most in range(1, IN_FLIGHT + 1):
            for worker in ready:
                # The last shards go to whoever is free, rather than wait behind another.
                if self._queue and len(worker.shards) < most and (most == 1 or len(self._queue) >= len(ready)):
                    number = self._queue.popleft()
                    worker.shards.append(number)
                    self._ask(worker, "score", number)

    def _asked(self, worker: _Worker) -> bool:
        return any(task.worker is worker for task in self._tasks.values())

    def _say(self, texts: Any) -> None:
        for text in texts:
            self._report(text)

    def _raise_failures(self) -> None:
        if not self._failed:
            return
        numbers = sorted(self._failed)
        named = " ".join(f"Shard {number}: {self._failed[number].problem}" for number in numbers[:NAMED])
        more = f" And {len(numbers) - NAMED} more." if len(numbers) > NAMED else ""
        several = f"{len(numbers)} shards have no rewards" if len(numbers) > 1 else "A shard has no rewards"
        kinds = {failure.kind for failure in self._failed.values()}
        kind = kinds.pop() if len(kinds) == 1 else None
        raise (kind or ScoreTableError)(
            f"{several}{', and the run has stopped' if self._stops else ''}. {named}{more} "
            "All others that were done are kept; the same command scores what is missing."
        )


def _raised(error: Any) -> str:
    """Return type and first line of what a worker raised."""
    cause = error.cause or error
    return f"{type(cause).__name__}: {first_line(cause)}"


def _reason(error: Exception) -> str:
    """Return in a few words why Ray says that a worker has ended."""
    text = " ".join(str(error).split())
    for begin in ("Worker exit detail: ", "The actor died because ", "The actor is dead because "):
        if begin in text:
            text = text.split(begin, 1)[1]
            break
    return text.partition(". ")[0].rstrip(".")[:200] or type(error).__name__
