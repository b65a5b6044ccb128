"""A full evaluation of twenty entries on a benchmark of TIA2's size, against the loops one would write without it.

Run `python benchmarks/evaluation.py` (`--help` for sizes). The metrics: all seven, of every entry on every prompt whose
labels differ, against a loop of scikit-learn and SciPy calls; their figures are compared to 1e-12 first. The whole:
figures, pooled figures, intervals from 10,000 resamples, people's own figures, the ranking, rank intervals and groups
of entries that can't be told apart; a loop would take the resamples times as long as it takes for one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Its neighbours are imported, also where another program runs this one.
sys.path.append(str(Path(__file__).resolve().parent))

os.environ.setdefault("OMP_NUM_THREADS", "2")

import argparse
import statistics
import time

import metrics as metrics_benchmark
import numpy as np
import pandas as pd

from tia2.evaluation import METRICS, evaluate, separate, summarise
from tia2.evaluation.metrics import all_metrics
from tia2.evaluation.people.reference_rows import _people
from tia2.rewards.card import RewardCard
from tia2.scoring import Manifest, ScoreTable
from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
from tia2.scoring.table_files import Shard

SUBSETS = {"comprehensive": 100, "counting": 150, "composition": 300}
ITEMS = 50


def make_items(seed: int) -> pd.DataFrame:
    """Return items with three votes each, whose vote probabilities vary within and between prompts."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = []
    for subset, prompts in SUBSETS.items():
        for prompt in range(prompts):
            rate = rng.uniform(0.1, 0.9)
            votes = (rng.random((ITEMS, 3)) < rng.beta(rate, 1 - rate, (ITEMS, 1))).astype(int)
            rows += [
                (f"{subset}/{prompt}_{item}", subset, f"{subset}/{prompt}", f"{subset} {prompt}", item_votes.tolist())
                for item, item_votes in enumerate(votes)
            ]
    frame = pd.DataFrame(rows, columns=["item_id", "subset", "prompt_id", "prompt", "votes"])
    frame["human_score"] = [float(np.mean(item_votes)) for item_votes in frame["votes"]]
    frame["label"] = frame["human_score"] > 0.5
    return frame


def make_table(items: pd.DataFrame, number: int) -> ScoreTable:
    """Return an entry that agrees with people the less, the higher its number."""
    rng = np.random.Generator(np.random.PCG64([1, number]))
    raw = (items["human_score"] + rng.normal(scale=0.5 + 0.05 * number, size=len(items))).to_numpy(np.float32)
    name = f"entry {number}"
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        benchmark=ScoredBenchmark(name="made up", fingerprint="b", votes_fingerprint="v", items=len(items)),
        reward=ScoredReward(name=name, spec=name, fingerprint=name, card=RewardCard(name=name)),
        versions={},
        dtype="float32",
        device="cpu",
        batch_size=1,
        shard_size=len(items),
        texts=1,
        truncated_texts=0,
        complete=True,
    )
    rewards = [np.array([reward]) for reward in raw]
    return ScoreTable(manifest, items, [Shard(items["item_id"].tolist(), [""] * len(items), rewards)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Time a full evaluation, and its metrics against loops.")
    parser.add_argument("--entries", type=int, default=20)
    parser.add_argument("--looped", type=int, default=3, help="how many of the entries the loop takes")
    parser.add_argument("--ratio", type=float, default=200.0, help="exit with 1 when the metrics' ratio is lower")
    parser.add_argument("--seconds", type=float, default=10.0, help="exit with 1 when the whole takes longer")
    options = parser.parse_args()

    items = make_items(seed=0)
    tables = [make_table(items, number) for number in range(options.entries)]
    shape = (-1, ITEMS)
    labels, human = (items[name].to_numpy().reshape(shape) for name in ("label", "human_score"))
    used = labels.any(axis=1) & ~labels.all(axis=1)
    print(f"{options.entries} entries, {len(labels)} prompts ({used.sum()} with contrast) x {ITEMS} items")

    ratios, worst = [], 0.0
    for table in tables[: options.looped]:
        data = (labels[used], human[used], table.raw.astype(np.float64).reshape(shape)[used])
        start = time.perf_counter()
        theirs = metrics_benchmark.loop(data)
        slow = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(10):
            ours = all_metrics(*data)
        fast = (time.perf_counter() - start) / 10
        worst = max(worst, *(float(np.abs(ours[name] - theirs[name]).max()) for name in METRICS))
        ratios.append(slow / fast)
        print(f"seven metrics of {table.name}: loop {slow:6.2f} s, tia2 {fast * 1e3:6.2f} ms, {slow / fast:5.0f}x")
    ratio = statistics.median(ratios)
    print(f"largest difference {worst:.1e}; median ratio {ratio:.0f}x")
    if worst > metrics_benchmark.TOLERANCE:
        print(f"FAILED: the figures differ by more than {metrics_benchmark.TOLERANCE:.0e}")
        return 1

    _people.cache_clear()
    start = time.perf_counter()
    results = [evaluate(table) for table in tables]
    evaluated = time.perf_counter() - start
    ranking = summarise(results)
    groups = separate(results)
    whole = time.perf_counter() - start
    print(
        f"whole: {whole:.2f} s ({evaluated:.2f} s figures and intervals, {whole - evaluated:.2f} s ranking and groups)"
    )
    letters = " ".join(groups[groups.subset == "overall"].group)
    print(f"       {len(ranking)} rows with intervals; groups overall: {letters}")
    met = ratio >= options.ratio and whole <= options.seconds
    print(f"target {options.ratio:.0f}x and {options.seconds:.0f} s: {'met' if met else 'MISSED'}")
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main())
