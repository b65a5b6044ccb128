"""Throughput of workers on a Ray cluster of this machine, with a reward that waits as if for a GPU.

Run `python benchmarks/ray_workers.py` (`--help` for sizes). It scores the same shards in this process, and then by one,
two and four workers, and prints items per second over the second half of the shards, when every worker is up; start-up
is said apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tia2
from tia2.benchmark import load
from tia2.scoring.engines.job import Job
from tia2.scoring.engines.ray_cluster import Cluster, score_on_ray
from tia2.scoring.plan import ScoringOptions

REWARD = """
import time

def waits(images, texts):
    time.sleep({seconds} * len(set(map(id, images))))
    return [float(len(text)) for text in texts]
"""
LEAST_EFFICIENCY, MOST_OVERHEAD = 0.9, 0.05
"""Targets: efficiency of four workers, and overhead of one."""


class Clock:
    """Notes when items are done."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.marks: list[tuple[int, float]] = []

    def __call__(self, unit: str, done: int, total: int) -> None:
        del total
        if unit == "items":
            self.marks.append((done, time.monotonic()))

    def rate(self) -> float:
        """Return items a second over the second half of the items."""
        last, end = self.marks[-1]
        half, middle = next(mark for mark in self.marks if 2 * mark[0] >= last)
        return (last - half) / (end - middle)

    def first(self) -> float:
        """Return the seconds until the first items were done."""
        return next(moment for done, moment in self.marks if done) - self.start


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1200)
    parser.add_argument("--shard", type=int, default=10, help="Items per shard.")
    parser.add_argument("--seconds", type=float, default=0.05, help="What the reward waits per item.")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "waits.py").write_text(REWARD.format(seconds=arguments.seconds))
        items = load("mini").dataset.select(range(arguments.items))
        items.remove_columns("contrastive_prompts").to_parquet(folder / "items.parquet")
        reward, options = f"{folder / 'waits.py'}:waits", ScoringOptions(batch_size=10, shard_size=arguments.shard)
        job = Job(reward, str(folder / "items.parquet"), options=options)
        alone = Clock()
        size = {"batch_size": 10, "shard_size": arguments.shard}
        tia2.score(reward, job.benchmark, folder / "alone", progress=alone, **size)
        print(f"{'this process':>14} {alone.rate():8.1f} items/s")
        for workers in arguments.workers:
            clock = Clock()
            score_on_ray(job, folder / str(workers), Cluster(workers=workers), progress=clock)
            efficiency = clock.rate() / alone.rate() / workers
            print(
                f"{workers:>6} workers {clock.rate():8.1f} items/s, efficiency {efficiency:.1%}, first after"
                f" {clock.first():.1f} s",
                flush=True,
            )
            least = 1 - MOST_OVERHEAD if workers == 1 else LEAST_EFFICIENCY
            if efficiency < least:
                print(f"               below the target of {least:.0%}")
            same = [path.read_bytes() for path in sorted((folder / "alone").glob("shards/*"))]
            if [path.read_bytes() for path in sorted((folder / str(workers)).glob("shards/*"))] != same:
                raise SystemExit("The shards differ from those of this process.")


if __name__ == "__main__":
    main()
