"""Made-up models for a board: rewards drawn from the votes and noise, as many as a test needs."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from tia2.calibration import Raw, TextNorm
from tia2.leaderboard.data.records import Cost, Listing, ModelCard
from tia2.leaderboard.data.store import Store, now
from tia2.leaderboard.submissions.checking.trust import trusted
from tia2.scoring import ScoreTable
from tia2.scoring.table_files import Shard

PAYLOAD = "<img src=x onerror=window.__xss=1>"
SCRIPT = "<script>window.__xss=1</script>"
CALIBRATIONS = (Raw(), TextNorm())
LICENCES = ("MIT", "Apache-2.0", "CC-BY-NC-4.0", "unknown")
TRAINING = ("unknown", "public image and caption pairs", "human preferences", "votes on other benchmarks")


def add_synthetic(store: Store, benchmark_name: str, count: int, seed: int = 0) -> list[Listing]:
    """Put `count` entries on a board, two a model: raw and TextNorm; the models differ in how well they see."""
    rng = np.random.default_rng(seed)
    return [
        add_model(
            store,
            benchmark_name,
            ModelCard(
                name=f"synthetic {number:03d}",
                description=f"Made-up model {number}.",
                licence=LICENCES[number % len(LICENCES)],
                training_data=TRAINING[number % len(TRAINING)],
                contact=f"https://example.org/models/{number}",
                cost=Cost(items_per_second=float(rng.uniform(5, 500)), device="a made-up one"),
            ),
            seed=seed * 100_003 + number,
        )
        for number in range(-(-count // len(CALIBRATIONS)))
    ]


def add_model(
    store: Store, benchmark_name: str, card: ModelCard, *, seed: int = 0, share: float = 1.0, name: str = ""
) -> Listing:
    """Put one model on a board, with rewards for the first items only if `share` is below one."""
    record = store.benchmark(benchmark_name)
    rng = np.random.default_rng(seed)
    template = _template(store.folder, next(one for one in store.listings if one.benchmark == benchmark_name).tables[0])
    items = template.items.iloc[: round(len(template.items) * share)].reset_index(drop=True)
    rewards = rng.normal(size=(len(items), template.rewards.shape[1])).astype(np.float32)
    rewards[:, 0] += (rng.uniform(0.1, 1.5) * items["human_score"]).to_numpy(np.float32)
    manifest = template.manifest
    own = manifest.reward.card.model_copy(update={"name": card.name, "default_temperature": 1.0})
    fingerprint = hashlib.sha256(card.name.encode()).hexdigest()
    reward = manifest.reward.model_copy(
        update={"name": card.name, "spec": card.name, "fingerprint": fingerprint, "card": own}
    )
    rows = [row[mask] for row, mask in zip(rewards, template.mask[: len(items)], strict=True)]
    shard = Shard(items["item_id"].tolist(), list(template.image_sha256[: len(items)]), rows)
    update = {"reward": reward, "shard_size": len(items)}
    table = ScoreTable(manifest.model_copy(update=update), items, [shard])
    if share < 1:
        table = trusted(table, store.items(record), record)
    listing = Listing(
        id=name or card.name.replace(" ", "-"),
        benchmark=record.name,
        card=card,
        tables=[store.add_table(table)],
        calibrations=list(CALIBRATIONS),
        added=now(),
    )
    store.add_listing(listing)
    return listing


@lru_cache(1)
def _template(folder: Path, digest: str) -> ScoreTable:
    return Store(folder).table(digest)


def add_hostile(store: Store, benchmark_name: str) -> Listing:
    """Put a model on a board whose card tries to run a script from every field."""
    card = ModelCard(
        name=f"evil {PAYLOAD}",
        description=f"{PAYLOAD} [link](javascript:window.__xss=1) ![](https://evil.example/i.png) $x$ {SCRIPT}",
        licence=PAYLOAD,
        contact=f'https://evil.example/"onmouseover="window.__xss=1" {PAYLOAD}',
        training_data=f"</textarea></script>{PAYLOAD}",
        paper="javascript:window.__xss=1",
        cite=f"@misc{{evil, title={{{PAYLOAD}}}}}",
        cost=Cost(items_per_second=1.0, device=PAYLOAD),
        organisation=PAYLOAD[:100],
        code="javascript:window.__xss=1",
        weights=f'https://evil.example/"onmouseover="{PAYLOAD}',
    )
    listing = add_model(store, benchmark_name, card, seed=666, name="evil")
    evil = listing.model_copy(update={"added_by": PAYLOAD})
    store.add_listing(evil)
    return evil
