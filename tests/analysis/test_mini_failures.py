"""Which of the generator's failures contrastive prompts describe."""

from __future__ import annotations

import numpy as np
import pytest

import tia2
from tia2.analysis.mini_failures import failures
from tia2.errors import ResultError
from tia2.miniworld.judge import judge


def reward(images, texts):
    """Any numbers that depend on both."""
    return [
        float(np.asarray(image, np.float64).mean() % 7 + len(text) % 5)
        for image, text in zip(images, texts, strict=True)
    ]


@pytest.fixture(scope="module")
def table():
    """One table on mini without a model: the rewards are drawn."""
    from tia2.benchmark import load
    from tia2.rewards.card import RewardCard
    from tia2.scoring import Manifest, ScoreTable
    from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
    from tia2.scoring.table_files import Shard

    mini = load("mini")
    items = mini.items.drop(columns="contrastive_prompts").copy()
    items["texts"] = [[p, *c] for p, c in zip(items["prompt"], mini.items["contrastive_prompts"], strict=True)]
    rng = np.random.default_rng(0)
    rewards = [rng.normal(size=len(texts)).astype(np.float32) for texts in items["texts"]]
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        benchmark=ScoredBenchmark(name="mini", fingerprint="f", votes_fingerprint="v", items=len(items)),
        reward=ScoredReward(name="drawn", spec="s", fingerprint="r", card=RewardCard(name="d", default_temperature=1)),
        versions={},
        dtype="float32",
        device="cpu",
        batch_size=1,
        shard_size=len(items),
        texts=1,
        truncated_texts=0,
        complete=True,
    )
    return ScoreTable(manifest, items, [Shard(items["item_id"].tolist(), [""] * len(items), rewards)])


@pytest.mark.slow
def test_the_counts_are_those_of_the_judge(table):
    found = failures([table], resamples=100)
    frame = found.table.set_index("prompt_id")
    assert frame["failed"].sum() > 500
    assert (frame["described"] <= frame["failed"]).all()
    from tia2.benchmark import load

    mini = load("mini")
    for prompt_id in frame.index[[0, 25, 50]]:
        rows = np.flatnonzero(table.items["prompt_id"] == prompt_id)
        own, *others = table.items["texts"].iloc[rows[0]]
        failed = [np.asarray(image) for image in mini.images(rows) if not judge(np.asarray(image), own).accepted]
        described = sum(any(judge(image, text).accepted for text in others) for image in failed)
        assert (frame["failed"][prompt_id], frame["described"][prompt_id]) == (len(failed), described)
    assert len(found.findings) == 2
    assert "drawn: TextNorm adds" in found.findings[1]


def test_other_benchmarks_have_no_judge(make_other):
    with pytest.raises(ResultError, match="was not scored on mini"):
        failures([make_other])
    with pytest.raises(ResultError, match="at least one score table"):
        failures([])


@pytest.fixture
def make_other():
    from datasets import Dataset
    from PIL import Image

    rows = [
        {
            "item_id": f"a/{prompt}_{number}",
            "subset": "a",
            "prompt_id": f"a/{prompt}",
            "prompt": f"prompt {prompt}",
            "human_score": float(number),
            "contrastive_prompts": ["other"],
            "image": Image.new("RGB", (8, 8), (number, prompt, 0)),
        }
        for prompt in range(2)
        for number in range(2)
    ]
    return tia2.score(reward, Dataset.from_list(rows))
