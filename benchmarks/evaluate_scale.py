"""CPU seconds and peak memory of an evaluation, from ten thousand items to a million, in shapes that people have.

Run `python benchmarks/evaluate_scale.py` (`--help` for shapes). Each shape is evaluated in a process of its own, with
all metrics, pooled figures, intervals from 10,000 resamples, and what people reach. Before that it prints how far
pooled figures that are foretold from the prompts' totals lie from exact ones.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from tia2.evaluation.assembly import prompt_results, subset_results
from tia2.evaluation.bootstrap import RESAMPLES, resample_counts
from tia2.evaluation.metrics.pooled_auroc import exact_wins, foretold_wins
from tia2.evaluation.panel import Panel
from tia2.evaluation.people.reference_rows import people

SHAPES = (
    "200x50", "2x5000", "2000x50", "10000x10", "30000x2", "1000x10+20000", "2000x500", "20000x50", "100000x10",
)  # fmt: skip
"""Prompts, items of each, and the items of one wider prompt."""
MEMORY, SECONDS = 2048.0, 120.0
"""Targets for a million items: MiB that an evaluation adds, CPU seconds."""


def make_items(shape: str, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return items with three votes each, and values that agree with them in part."""
    rng = np.random.default_rng(seed)
    usual, _, wider = shape.partition("+")
    prompts, items = map(int, usual.split("x"))
    widths = np.append(np.full(prompts, items), [int(wider)] if wider else []).astype(int)
    owner = np.repeat(np.arange(len(widths)), widths)
    rate = rng.beta(1, 1, len(widths))[owner]
    chance = rng.beta(2 * rate + 0.2, 2 * (1 - rate) + 0.2)
    votes = (rng.random((len(owner), 3)) < chance[:, None]).astype(int)
    scores = votes.mean(axis=1)
    prompt_ids = np.char.add("a/", owner.astype(str))
    columns = {"subset": "a", "prompt_id": prompt_ids, "prompt": "x", "human_score": scores, "label": scores > 0.5}
    return pd.DataFrame(columns).assign(votes=list(votes)), chance + rng.normal(0, 0.3, len(owner))


def peak() -> float:
    """Return the most memory that the process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(shape: str) -> None:
    """Evaluate one shape, and print a row."""
    items, values = make_items(shape)
    before, start = peak(), time.process_time()
    panel = Panel.of(items)
    figures = panel.figures(values)
    subset_results(panel, figures, values)
    prompt_results(panel, figures, values)
    entry = time.process_time()
    people(items, 0, RESAMPLES)
    end = time.process_time()
    print(
        f"{shape:>16} {len(items):>10,} {entry - start:>8.1f} {end - entry:>8.1f} {peak() - before:>10.0f}", flush=True
    )


def compare_pooled(prompts: int) -> None:
    """Print how far foretold pooled figures lie from exact ones, in standard deviations over resamples."""
    items, values = make_items(f"{prompts}x20")
    panel = Panel.of(items)
    arrays = (panel.labels, panel.grouped(values), panel.mask)
    drawn = resample_counts(prompts, 4_000, 0, "a pooled")
    aligned = (panel.labels.sum(axis=1)).astype(float)
    others = panel.mask.sum(axis=1) - aligned
    pairs = (drawn @ aligned) * (drawn @ others) - (drawn * (drawn - 1)) @ (aligned * others)
    exact, foretold = (wins(*arrays)(drawn) / pairs for wins in (exact_wins, foretold_wins))
    spread, apart = exact.std(), foretold - exact
    print(
        f"{prompts:>7,} prompts: standard deviation {foretold.std() / spread:.4f} times the exact one, "
        f"mean off by {apart.mean() / spread:+.4f}, single resamples by {apart.std() / spread:.3f}"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES, help=f"prompts x items, + a wider prompt; {SHAPES}")
    parser.add_argument("--one", action="store_true", help="measure the first shape in this process, and nothing else")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.shapes[0])
        return
    print("Pooled AUROC over resamples, foretold against exact")
    for prompts in (100, 500, 2000):
        compare_pooled(prompts)
    print(f"\n{'shape':>16} {'items':>10} {'entry, s':>8} {'people, s':>9} {'MiB added':>9}")
    for shape in arguments.shapes:
        subprocess.run([sys.executable, __file__, "--one", shape], check=True)
    print(f"\nTargets at a million items: {SECONDS:.0f} CPU seconds in all, {MEMORY:.0f} MiB.")


if __name__ == "__main__":
    main()
