"""Speed of the seven metrics against the loop of scikit-learn and SciPy calls that one would write without them.

Run `python benchmarks/metrics.py` (`--help` for sizes). Both sides compute AUROC, AUPRC, AP@5, AP@10, AP@25, Spearman
and Kendall on the same 525 prompts of 50 items, in one process and on one thread; their figures are compared to 1e-12
first. Ratios are medians over runs that alternate the two sides.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from tia2.evaluation.metrics import METRICS, all_metrics

Arrays = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]
TOLERANCE = 1e-12


def make(prompts: int, items: int, seed: int) -> Arrays:
    """Return labels, human scores of three votes each, and values that agree with them somewhat."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rates = rng.uniform(0.2, 0.8, (prompts, 1, 1))
    human_scores = (rng.random((prompts, items, 3)) < rates).mean(axis=2)
    values = human_scores + rng.normal(size=(prompts, items))
    return human_scores > 0.5, human_scores, values


def best(labels: NDArray[np.bool_], values: NDArray[np.float64], k: int) -> float:
    top = np.argsort(-values, kind="stable")[:k]
    return float(average_precision_score(labels[top], values[top])) if labels[top].any() else 0.0


LOOP: dict[str, Callable[[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]], float]] = {
    "auroc": lambda labels, _, values: float(roc_auc_score(labels, values)),
    "auprc": lambda labels, _, values: float(average_precision_score(labels, values)),
    "ap5": lambda labels, _, values: best(labels, values, 5),
    "ap10": lambda labels, _, values: best(labels, values, 10),
    "ap25": lambda labels, _, values: best(labels, values, 25),
    "spearman": lambda _, human_scores, values: float(spearmanr(human_scores, values).statistic),
    "kendall": lambda _, human_scores, values: float(kendalltau(human_scores, values).statistic),
}


def one_loop(name: str, data: Arrays) -> list[float]:
    return [LOOP[name](*prompt) for prompt in zip(*data, strict=True)]


def loop(data: Arrays) -> dict[str, list[float]]:
    return {name: one_loop(name, data) for name in LOOP}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the mean time of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the metrics against a loop of scikit-learn and SciPy calls.")
    parser.add_argument("--prompts", type=int, default=525)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5, help="paired runs, of which the median counts")
    parser.add_argument("--target", type=float, default=150.0, help="exit with 1 when the ratio of all seven is lower")
    options = parser.parse_args()

    data = make(options.prompts, options.items, seed=0)
    # The loop has no figure where all labels are equal.
    used = data[0].any(axis=1) & ~data[0].all(axis=1)
    data = (data[0][used], data[1][used], data[2][used])
    ours, theirs = all_metrics(*data), loop(data)
    worst = max(float(np.abs(ours[name] - theirs[name]).max()) for name in METRICS)
    print(f"{used.sum()} prompts x {options.items} items, largest difference {worst:.1e}")
    if worst > TOLERANCE:
        print(f"FAILED: the figures differ by more than {TOLERANCE:.0e}")
        return 1

    print(f"{'':12} {'loop ms':>10} {'tia2 ms':>10} {'ratio':>8}")
    for name, metric in METRICS.items():
        pairs = []
        for _ in range(options.runs):
            slow = seconds(partial(one_loop, name, data), 1)
            pairs.append((slow, seconds(partial(metric, *data), 10)))
        report(metric.title, pairs)
    together = [(seconds(lambda: loop(data), 1), seconds(lambda: all_metrics(*data), 20)) for _ in range(options.runs)]
    ratio = report("all seven", together)
    print(f"target {options.target:.0f}x: {'met' if ratio >= options.target else 'MISSED'}")
    return int(ratio < options.target)


def report(title: str, pairs: list[tuple[float, float]]) -> float:
    slow, fast = (statistics.median(side) * 1e3 for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{title:12} {slow:10.1f} {fast:10.2f} {ratio:7.0f}x")
    return ratio


if __name__ == "__main__":
    raise SystemExit(main())
