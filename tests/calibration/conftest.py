"""Score tables with contrastive prompts, made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tia2.rewards.card import RewardCard
from tia2.scoring import Manifest, ScoreTable
from tia2.scoring.manifest import ScoredBenchmark, ScoredReward
from tia2.scoring.table_files import Shard


def _items(prompts=12, items=10, texts=4, seed=0, subsets=("counting", "composition")):
    """Items whose votes follow a hidden quality, with X of differing sizes."""
    rng = np.random.default_rng(seed)
    rows = []
    for subset in subsets:
        for prompt in range(prompts):
            text = f"a {subset} {prompt}"
            size = 1 + rng.integers(1, texts) if texts > 1 else 1
            names = [text, *(f"not {text} {other}" for other in range(size - 1))]
            for item in range(items):
                quality = rng.random()
                votes = (rng.random(3) < quality).astype(int).tolist()
                rows.append(
                    {
                        "item_id": f"{subset}/image_{prompt}_0_{item}",
                        "subset": subset,
                        "prompt_id": f"{subset}/{prompt}",
                        "prompt": text,
                        "votes": votes,
                        "human_score": float(np.mean(votes)),
                        "label": float(np.mean(votes)) > 0.5,
                        "texts": names,
                        "quality": quality,
                    }
                )
    return pd.DataFrame(rows)


def _rewards(items, *, noise=0.5, scale=1.0, seed=0):
    """One row an item: high for the prompt where the quality is high, with a nuisance that all texts share."""
    rng = np.random.default_rng(seed)
    rows = []
    for quality, texts in zip(items["quality"], items["texts"], strict=True):
        row = rng.normal(size=len(texts)) * noise + rng.normal()
        row[0] += 2 * quality
        rows.append((scale * row).astype(np.float32))
    return rows


def _table(items, rewards, name="toy", kind="dual encoder", temperature=0.5, skip=(), benchmark="b" * 64, images=None):
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        benchmark=ScoredBenchmark(name="toys", fingerprint=benchmark, votes_fingerprint="v" * 64, items=len(items)),
        reward=ScoredReward(
            name=name,
            spec=f"spec:{name}",
            fingerprint=name,
            card=RewardCard(name=name, kind=kind, default_temperature=temperature),
        ),
        versions={},
        dtype="float32",
        device="cpu",
        batch_size=1,
        shard_size=len(items),
        texts=1,
        truncated_texts=0,
        skipped_items=len(skip),
        images_fingerprint="i" * 64,
        complete=True,
    )
    rows = [np.full_like(row, np.nan) if place in skip else row for place, row in enumerate(rewards)]
    sha = images or ["" if place in skip else "s" for place in range(len(items))]
    return ScoreTable(manifest, items.drop(columns="quality"), [Shard(items["item_id"].tolist(), sha, rows)])


@pytest.fixture
def toy():
    """Build items: (prompts, items, texts, seed, subsets)."""
    return _items


@pytest.fixture
def rewards_of():
    """Build rewards for items: (items, noise, scale, seed)."""
    return _rewards


@pytest.fixture
def table_of():
    """Build a score table: (items, rewards, name, kind, temperature, skip)."""
    return _table
