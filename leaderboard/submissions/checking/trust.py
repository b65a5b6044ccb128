"""A submitted score table with everything but its rewards taken from the store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from tia2.rewards.card import RewardCard
from tia2.scoring.manifest import ScoredBenchmark
from tia2.scoring.table_files import Shard

from ...data.records import BenchmarkRecord
from ..paths import public_reward

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

SHARD_SIZE = 8192
"""Items in a file of the store: its tables are read whole, never resumed, so few files are best."""


def trusted(table: ScoreTable, items: pd.DataFrame, record: BenchmarkRecord, *, public: bool = True) -> ScoreTable:
    """Return a score table of the same rewards, with the store's items, texts, votes and labels, in the store's order.

    Args:
        table: A submitted table, whose items and texts were found to be the store's.
        items: The store's copy of the benchmark's items.
        record: The benchmark.
        public: Whether it came from elsewhere, so that folders of another machine are left out.

    Returns:
        The table. On all items, it has the benchmark's own fingerprints; on some, ones that are computed from these.
    """
    from tia2.benchmark.items import digest
    from tia2.scoring import ScoreTable

    position_of = {item: number for number, item in enumerate(items["item_id"])}
    positions = np.array([position_of[item] for item in table.items["item_id"]], np.intp)
    order = np.argsort(positions, kind="stable")
    trusted_items = items.iloc[positions[order]].reset_index(drop=True)
    columns = [name for name in trusted_items.columns if name != "texts"]
    contrastive = trusted_items["texts"].map(lambda texts: list(texts[1:]))
    trusted_items = trusted_items[columns].assign(contrastive_prompts=contrastive, texts=trusted_items["texts"])
    rewards = [table.rewards[row][table.mask[row]] for row in order]
    images = [table.image_sha256[row] for row in order]
    complete = len(trusted_items) == record.items
    asked = trusted_items[["item_id", "subset", "prompt_id", "prompt", "texts"]]
    answered = trusted_items[["item_id", "human_score"]]
    manifest, card = table.manifest, table.manifest.reward.card
    known_fields = RewardCard(**{name: getattr(card, name) for name in RewardCard.model_fields})
    reward = manifest.reward.model_copy(update={"card": known_fields})
    return ScoreTable(
        manifest.model_copy(
            update={
                "benchmark": ScoredBenchmark(
                    name=record.name,
                    fingerprint=record.fingerprint if complete else digest(asked),
                    votes_fingerprint=record.votes_fingerprint if complete else digest(answered),
                    scores_fingerprint=record.scores_fingerprint if complete else None,
                    items=len(trusted_items),
                    scale=record.scale,
                ),
                "reward": public_reward(reward) if public else reward,
                "shard_size": SHARD_SIZE,
                "skipped_items": sum(bool(np.isnan(row[0])) for row in rewards),
                # Rewards that were computed elsewhere say nothing of images.
                "images_fingerprint": hashlib.sha256("\n".join(images).encode()).hexdigest() if any(images) else None,
                "items_digest": None,
                "complete": True,
            }
        ),
        trusted_items,
        [Shard(trusted_items["item_id"].tolist(), images, rewards)],
    )
