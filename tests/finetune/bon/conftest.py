"""Values on made-up benchmarks, the exact judge's verdicts on the miniature one, and best-of-n by brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tia2.evaluation.result import BenchmarkInfo, RewardInfo
from tia2.evaluation.values import Values

HERE = Path(__file__).parent
EMBEDDED = HERE.parents[2] / "leaderboard" / "assets"


def by_brute_force(proxy, gold, n):
    """Choose the best of every set of n; tied best ones are taken equally often. Exact for golds that are exact."""
    sets = list(combinations(range(len(proxy)), n))
    total = Fraction(0)
    for members in sets:
        highest = max(proxy[item] for item in members)
        best = [Fraction(gold[item]) for item in members if proxy[item] == highest]
        total += sum(best) / len(best)
    return total / len(sets)


@pytest.fixture(scope="session")
def brute_force():
    return by_brute_force


def items_of(golds):
    """Return a benchmark's items from {subset: golds of shape (prompts, items)}."""
    rows = [
        (f"{subset}/image_{prompt}_0_{item}", subset, f"{subset}/{prompt}", f"{subset} prompt {prompt}", score)
        for subset, table in golds.items()
        for prompt, scores in enumerate(table)
        for item, score in enumerate(scores)
    ]
    frame = pd.DataFrame(rows, columns=["item_id", "subset", "prompt_id", "prompt", "human_score"])
    frame["label"] = frame["human_score"] > 0.5
    return frame


def made_values(golds, proxies, name="toy"):
    """Return values of the same layout as the golds."""
    items = items_of(golds)
    numbers = np.concatenate([np.asarray(table, np.float64).ravel() for table in proxies.values()])
    return Values(
        items=items,
        values=numbers,
        name=name,
        calibration="raw",
        settings={},
        rewards=(RewardInfo(name=name, spec=name, fingerprint="r" * 64),),
        benchmark=BenchmarkInfo(
            name="toys", fingerprint="b" * 64, votes_fingerprint="v" * 64, items=len(items), images_fingerprint=None
        ),
    )


@pytest.fixture(scope="session")
def values_from():
    """Build values: ({subset: golds}, {subset: proxies}, name)."""
    return made_values


@pytest.fixture(scope="session")
def random_values():
    """Build values of a noisy proxy: (subsets={name: prompts}, items, noise, seed)."""

    def build(subsets=None, items=20, noise=0.7, seed=0, name="toy"):
        rng = np.random.default_rng(seed)
        golds, proxies = {}, {}
        for subset, prompts in (subsets or {"counting": 11, "composition": 14}).items():
            golds[subset] = rng.integers(0, 4, (prompts, items)) / 3
            proxies[subset] = golds[subset] + rng.normal(0, noise, (prompts, items))
        return made_values(golds, proxies, name)

    return build


@pytest.fixture(scope="session")
def hacked_values():
    """Build values of a proxy whose highest tenth are bad images: best-of-n rises, then falls, in every prompt."""

    def build(prompts=30, items=40, seed=0):
        rng = np.random.default_rng(seed)
        proxies = rng.normal(size=(prompts, items))
        share = proxies.argsort(axis=1).argsort(axis=1) / items
        golds = np.where(share > 0.9, 0.0, np.where(share > 0.5, 1.0, rng.integers(0, 2, (prompts, items))))
        return made_values({"counting": golds}, {"counting": proxies}, "hacked")

    return build


@pytest.fixture(scope="session")
def embedded():
    """Score tables of the four small reward models on the miniature benchmark, by name."""
    from tia2.scoring import ScoreTable

    return {path.name: ScoreTable.load(path) for path in sorted(EMBEDDED.glob("mini-*"))}


@pytest.fixture(scope="session")
def judge_accepts():
    """Whether the exact judge accepts each image of the miniature benchmark; float, in the order of its items."""
    digits = (HERE / "judge_accepts_mini.txt").read_text(encoding="utf-8").split()
    return np.unpackbits(np.frombuffer(bytes.fromhex("".join(digits)), np.uint8)).astype(np.float64)
