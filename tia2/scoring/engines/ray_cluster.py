"""Score on a Ray cluster. The driver hands out numbers of shards, and touches no image and no reward model.

Ray Core alone, and little of it: nothing but plain data passes through Ray's object store; what counts is in files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.errors import ScoreTableError, missing_dependency
from tia2.progress import Progress, silent
from tia2.scoring.engines._crew import Crew, Share
from tia2.scoring.engines.job import Job
from tia2.scoring.table import ScoreTable

_STORE = 80 * 2**20
"""Bytes of the object store of a cluster that is started here: Ray's least, as nothing large passes through it."""


@dataclass(frozen=True)
class Cluster:
    """Where workers run.

    Attributes:
        address: Address of a cluster, or "auto" for the one that this machine belongs to. If None, the one that this
            process is connected to, or else one of this machine alone, which ends with the run.
        workers: Number of workers. If None, one per GPU, or one per CPU core where there is no GPU.
        gpus: GPUs per worker, such as 0.5 for two workers on each. If None, 1 where the cluster has GPUs.

    Raises:
        ScoreTableError: A number is out of range.

    Example:
        >>> Cluster(workers=4).address is None
        True
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ScoreTableError(f"workers is {self.workers}; expected at least 1.")
        if self.gpus is not None and not self.gpus >= 0:
            raise ScoreTableError(f"gpus is {self.gpus}; expected 0 or more.")


def score_on_ray(
    job: Job,
    folder: str | os.PathLike[str] | Callable[[str, str], str | Path],
    cluster: Cluster | None = None,
    *,
    progress: Progress = silent,
    report: Callable[[str], None] | None = None,
) -> ScoreTable:
    """Score a benchmark by workers on a Ray cluster, into a folder that all of them see.

    The table's files are those that `tia2.score` writes, byte for byte, on the same kind of processor; either resumes
    what the other began. A worker that ends is replaced; the shard that it was at is scored again, at most `ATTEMPTS`
    times in all. A shard with damaged images, and one that ends every worker, is left out and named by the error that
    is raised after all others are done.

    Args:
        job: Benchmark, reward model and options.
        folder: The table's folder or its URL, or a function of the names of benchmark and reward model that returns it.
        cluster: Where workers run; None for this machine.
        progress: Called after every shard with "items", the number done, and the number in all.
        report: Called with a sentence for everything that went wrong on the way; None for silence.

    Returns:
        The score table.

    Raises:
        BenchmarkError: Images are missing or damaged.
        MissingDependencyError: Ray isn't installed.
        RewardError: The reward model can't be loaded, or returned something other than finite numbers.
        ScoreTableError: The folder holds something else or can't be written to; a shard can't be scored; or the cluster
            can't be used.

    Example:
        >>> job = Job("mini-strong", "mini")
        >>> table = score_on_ray(job, "runs/mini-strong", Cluster(workers=2))  # doctest: +SKIP
    """
    cluster = cluster or Cluster()
    with _connected(cluster) as ray:
        share = _share(ray.cluster_resources(), cluster)
        crew = Crew(ray, job, folder, share, progress, report or _keep_silent)
        try:
            path = crew.run()
        finally:
            crew.dismiss()
    table = ScoreTable.load(path)
    table.computed = crew.computed
    return table


def _share(resources: dict[str, float], cluster: Cluster) -> Share:
    """Return how many workers a cluster of these resources gets."""
    cpus, gpus = int(resources.get("CPU", 0)), resources.get("GPU", 0.0)
    each = cluster.gpus if cluster.gpus is not None else float(gpus > 0)
    room = min(cpus, int(gpus / each + 1e-9)) if each else cpus
    if not room:
        raise ScoreTableError(
            f"The Ray cluster has {cpus} CPUs and {gpus:g} GPUs, too few for a worker with 1 CPU and {each:g} GPUs."
        )
    return Share(min(cluster.workers or room, room), each)


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    # Ray sends figures about its use to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if cluster.address is None:
        # A cluster of this machine alone listens on the loopback interface alone. Read when ray is imported.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError:
        raise missing_dependency("The engine ray needs ray, which isn't installed", "scale") from None
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"address": cluster.address}
    if cluster.address is None:
        options = {
            "address": "local",
            "num_cpus": cluster.workers,
            "include_dashboard": False,
            "object_store_memory": _STORE,
        }
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ScoreTableError(
            f"There is no Ray cluster to work on: {reason[:300]}. Its token must be known here, too (RAY_AUTH_TOKEN), "
            "and its versions of Python and Ray the same."
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _keep_silent(text: str) -> None:
    del text
