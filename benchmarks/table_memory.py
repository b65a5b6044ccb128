"""Memory and CPU seconds of loading a score table, by its number of items and of texts per prompt.

Run `python benchmarks/table_memory.py 1000000x21`. Each table is written once, of 50 items per prompt and random
rewards, and loaded in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from image_memory import Peak

from tia2.rewards import RewardCard
from tia2.scoring import Manifest, ScoreTable
from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
from tia2.scoring.table_files import Shard, TableFiles

SHAPES = ("100000x21", "1000000x21")
SHARD_SIZE = 16_384


def write(folder: Path, items: int, texts: int) -> None:
    """Write a table with rewards that mean nothing."""
    prompts = [number // 50 for number in range(items)]
    sets = [[f"prompt {prompt}, said in way {number}" for number in range(texts)] for prompt in range(prompts[-1] + 1)]
    frame = pd.DataFrame({"item_id": [f"a/{number}" for number in range(items)], "subset": "a"})
    frame["prompt_id"] = [f"a/{prompt}" for prompt in prompts]
    frame["prompt"] = [sets[prompt][0] for prompt in prompts]
    frame["human_score"], frame["label"] = 0.5, False
    frame["contrastive_prompts"] = pd.Series([sets[prompt][1:] for prompt in prompts])
    frame["texts"] = pd.Series([sets[prompt] for prompt in prompts])
    files, rng = TableFiles(folder), np.random.default_rng(0)
    digest = files.write_items(frame)
    benchmark = ScoredBenchmark(name="made", fingerprint="0", votes_fingerprint="0", items=items)
    reward = ScoredReward(name="random", spec="random", fingerprint="0", card=RewardCard(name="random"), options={})
    manifest = Manifest(
        created="", benchmark=benchmark, reward=reward, versions={}, dtype="float32", device="cpu", batch_size=1,
        shard_size=SHARD_SIZE, texts=texts, truncated_texts=0, items_digest=digest, complete=True,
    )  # fmt: skip
    ids = frame["item_id"].tolist()
    for number, rows in enumerate(manifest.shards):
        rewards = list(rng.normal(size=(len(rows), texts)).astype(np.float32))
        files.write_shard(number, Shard(ids[rows.start : rows.stop], ["0" * 64] * len(rows), rewards), manifest.key)
    files.write_manifest(manifest)


def measure(folder: Path) -> None:
    """Load a table, and print a row."""
    start = time.process_time()
    with Peak() as peak:
        table = ScoreTable.load(folder)
    seconds = time.process_time() - start
    print(f"{len(table):>10,} {table.rewards.shape[1]:>6} {seconds:>8.1f} {peak.resident:>10.0f}", flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES, help="items x texts per prompt")
    parser.add_argument("--one", type=Path, help="load the table in this folder, and nothing else")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.one)
        return
    print(f"{'items':>10} {'texts':>6} {'CPU s':>8} {'MiB added':>10}")
    for shape in arguments.shapes:
        items, texts = map(int, shape.split("x"))
        with tempfile.TemporaryDirectory(prefix="tia2-table-") as folder:
            write(Path(folder), items, texts)
            subprocess.run([sys.executable, __file__, "--one", folder], check=True)


if __name__ == "__main__":
    main()
