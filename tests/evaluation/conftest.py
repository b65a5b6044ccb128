"""Independent references, one prompt at a time, and a small score table."""

from __future__ import annotations

import warnings
from fractions import Fraction
from itertools import groupby
from math import comb, nan

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from tia2.rewards.card import RewardCard
from tia2.scoring import Manifest, ScoreTable
from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
from tia2.scoring.table_files import Shard


def expected_ap_at_k(labels, values, k):
    """AP@k over all orders of tied items, in exact fractions: group by group, every outcome of the cut one."""
    best_first = sorted(zip(values, labels, strict=True), key=lambda item: -item[0])
    groups = [[bool(label) for _, label in group] for _, group in groupby(best_first, key=lambda item: item[0])]
    k = min(k, len(values))
    total, hits, seen = Fraction(0), 0, 0
    for group in groups:
        size, aligned, take = len(group), sum(group), min(len(group), k - seen)
        outcomes = {}
        for drawn in range(aligned + 1):
            ways = comb(aligned, drawn) * (comb(size - aligned, take - drawn) if take - drawn >= 0 else 0)
            if ways:
                inside = sum(
                    Fraction(drawn, take)
                    * (hits + 1 + (Fraction((m - 1) * (drawn - 1), take - 1) if take > 1 else 0))
                    / (seen + m)
                    for m in range(1, take + 1)
                )
                outcomes[drawn] = (Fraction(ways, comb(size, take)), inside)
        if seen + take == k:
            figures = {drawn: (total + inside) / max(hits + drawn, 1) for drawn, (_, inside) in outcomes.items()}
            return float(sum(chance * figures[drawn] for drawn, (chance, _) in outcomes.items()))
        total, hits, seen = total + outcomes[aligned][1], hits + aligned, seen + size
    raise ValueError("k is past the last group")


def _quiet(function, *arrays):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*arrays))


def _where_mixed(function):
    return lambda labels, human, values: _quiet(function, labels, values) if 0 < sum(labels) < len(labels) else nan


REFERENCE = {
    "auroc": _where_mixed(roc_auc_score),
    "auprc": _where_mixed(average_precision_score),
    "ap5": _where_mixed(lambda labels, values: expected_ap_at_k(labels, values, 5)),
    "ap10": _where_mixed(lambda labels, values: expected_ap_at_k(labels, values, 10)),
    "ap25": _where_mixed(lambda labels, values: expected_ap_at_k(labels, values, 25)),
    "spearman": lambda labels, human, values: _quiet(lambda a, b: spearmanr(a, b).statistic, human, values),
    "kendall": lambda labels, human, values: _quiet(lambda a, b: kendalltau(a, b).statistic, human, values),
}


def _reference_figures(labels, human_scores, values):
    return {
        name: np.array([function(*prompt) for prompt in zip(labels, human_scores, values, strict=True)])
        for name, function in REFERENCE.items()
    }


@pytest.fixture(scope="session")
def reference():
    """All seven figures from scikit-learn, SciPy and exact fractions: (labels, human, values) -> {name: (prompts,)}."""
    return _reference_figures


@pytest.fixture(scope="session")
def ap_at_k_in_fractions():
    return expected_ap_at_k


def _table(subsets=None, items=12, seed=0, name="toy"):
    rng = np.random.default_rng(seed)
    rows = []
    for subset, prompts in (subsets or {"counting": 11, "composition": 14}).items():
        for prompt in range(prompts):
            for item in range(items):
                votes = rng.integers(0, 2, 3)
                rows.append(
                    (
                        f"{subset}/image_{prompt}_0_{item}",
                        subset,
                        f"{subset}/{prompt}",
                        f"a {subset} {prompt}",
                        votes.mean(),
                    )
                )
    frame = pd.DataFrame(rows, columns=["item_id", "subset", "prompt_id", "prompt", "human_score"])
    frame["label"] = frame["human_score"] > 0.5
    raw = (frame["human_score"] + rng.normal(size=len(frame))).to_numpy(np.float32)
    return _with(frame, raw, name)


def _with(frame, raw, name="toy"):
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        benchmark=ScoredBenchmark(name="toys", fingerprint="b" * 64, votes_fingerprint="v" * 64, items=len(frame)),
        reward=ScoredReward(name=name, spec=f"spec:{name}", fingerprint="r" * 64, card=RewardCard(name=name)),
        versions={},
        dtype="float32",
        device="cpu",
        batch_size=1,
        shard_size=len(frame) or 1,
        texts=1,
        truncated_texts=0,
        images_fingerprint="i" * 64,
        complete=True,
    )
    shard = Shard(frame["item_id"].tolist(), [""] * len(frame), [np.array([reward], np.float32) for reward in raw])
    return ScoreTable(manifest, frame, [shard])


@pytest.fixture
def make_table():
    """Build a score table: (subsets={name: prompts}, items, seed, name)."""
    return _table


@pytest.fixture
def table_of():
    """Build one from a frame of items and their rewards."""
    return _with
