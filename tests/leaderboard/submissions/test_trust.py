"""Whatever a submission says of items, votes and texts: the store's own copy decides."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import table_digest
from tia2.leaderboard.submissions.checking.validation import find_benchmark, validate
from tia2.leaderboard.submissions.queue import Queue
from tia2.scoring.manifest import ScoredBenchmark


def test_tampered_votes_and_labels_change_nothing(store, pack, make_table, benchmark):
    rewards = -make_table().rewards
    honest = make_table(rewards)
    flipped = benchmark.items.assign(
        votes=[[1 - vote for vote in votes] for votes in benchmark.items["votes"]],
        human_score=1 - benchmark.items["human_score"],
        label=~benchmark.items["label"],
    )
    of = honest.manifest.benchmark.model_copy(update={"votes_fingerprint": "f" * 64})
    tampered = make_table(rewards, items=flipped, of=of)
    found = [validate(pack(table), store) for table in (honest, tampered)]
    assert found[0].digests == found[1].digests
    (table,) = found[1].tables
    assert table.items["label"].tolist() == benchmark.items["label"].tolist()
    assert table.items["votes"].tolist() == benchmark.items["votes"].tolist()
    assert table.manifest.benchmark.votes_fingerprint == benchmark.votes_fingerprint
    with Queue(store) as queue:
        queue.accept(queue.receive(pack(tampered), "somebody").id, "maintainer")
    board = Board.load(store, "small", index=Index(store, resamples=100))
    assert board.estimate("overall", "auroc")[board.positions["newcomer"]] < 0.5


def test_rows_come_in_the_order_of_the_store(store, pack, make_table, benchmark):
    honest = make_table(shard_size=7)
    order = np.random.default_rng(0).permutation(len(benchmark))
    items = benchmark.items.iloc[order].reset_index(drop=True)
    shuffled = make_table(honest.rewards[order], items=items)
    found = [validate(pack(table), store) for table in (honest, shuffled)]
    assert found[0].digests == found[1].digests
    assert found[1].tables[0].items["item_id"].tolist() == benchmark.items["item_id"].tolist()
    assert found[0].digests == [table_digest(honest)], "an honest table on all items keeps its digest"


def test_some_items_are_welcome_but_never_ranked(store, pack, make_table, benchmark):
    items = benchmark.items[benchmark.items["subset"] == "counting"].reset_index(drop=True)
    of = ScoredBenchmark(name="counting", fingerprint="a" * 64, votes_fingerprint="b" * 64, items=len(items))
    table = make_table(items=items, of=of)
    assert find_benchmark(store, table).name == "small"
    path = pack(table, benchmark="small")
    found = validate(path, store)
    assert found.report.warnings == [
        "The score table has rewards for 40 of 80 items of small: not complete, so its entries are shown apart and "
        "never ranked."
    ]
    assert found.tables[0].manifest.benchmark.fingerprint not in ("a" * 64, benchmark.fingerprint)
    with Queue(store) as queue:
        queue.accept(queue.receive(path, "somebody").id, "maintainer")
    board = Board.load(store, "small", index=Index(store, resamples=100))
    entry = board.entry("newcomer")
    assert (entry.coverage, entry.ranked) == (0.5, False)


def test_items_without_an_image_are_not_complete(store, pack, make_table):
    rewards = make_table().rewards.copy()
    rewards[[3, 9]] = np.nan
    found = validate(pack(make_table(rewards, skipped_items=2)), store)
    assert "rewards for 78 of 80 items" in found.report.warnings[0]
    assert found.tables[0].manifest.skipped_items == 2


def test_claims_about_images_and_card_are_made_anew(store, pack, make_table):
    table = make_table(images_fingerprint="0" * 64)
    reward = table.manifest.reward
    extra = type(reward.card)(**{**reward.card.model_dump(), "surprise": {"deep": ["<script>"]}})
    table.manifest = table.manifest.model_copy(update={"reward": reward.model_copy(update={"card": extra})})
    (found,) = validate(pack(table), store).tables
    assert found.manifest.images_fingerprint == hashlib.sha256("\n".join(table.image_sha256).encode()).hexdigest()
    assert "surprise" not in found.manifest.model_dump_json()


def test_hardly_any_distinct_values_are_said(store, pack, make_table):
    rewards = (make_table().rewards > 0.5).astype(np.float32)
    found = validate(pack(make_table(rewards)), store)
    assert any("2 distinct rewards at the median" in text for text in found.report.warnings)


@pytest.mark.parametrize("kind", ["copy", "monotone", "within prompts"])
def test_copies_are_flagged(store, pack, make_table, benchmark, kind):
    (resident,) = store.listings
    original = store.table(resident.tables[0]).rewards.astype(np.float64)
    if kind == "monotone":
        original = np.exp(original)
    if kind == "within prompts":
        original = original + benchmark.items["prompt_id"].factorize()[0][:, None] * 3.0
    (flag,) = validate(pack(make_table(original)), store).report.flags
    assert flag.startswith("tables/0 ('newcomer') orders items as 'pick-score' on the board does: ")
    assert {"copy": "all 80 rewards are equal", "monotone": "Spearman", "within prompts": "within prompts"}[
        kind
    ] in flag


def test_honest_models_are_not_flagged(store, pack, make_table):
    assert validate(pack(make_table()), store).report.flags == []


def test_agreement_beyond_the_ceiling_is_flagged(store, pack, make_table, benchmark):
    rewards = make_table().rewards.copy()
    rewards[:, 0] = benchmark.items["human_score"] * 10 + np.linspace(0, 0.01, len(benchmark))
    flags = validate(pack(make_table(rewards)), store).report.flags
    assert any("raw has AUROC 1.000 on 'counting', beyond the noise ceiling of the votes" in flag for flag in flags)


@pytest.mark.slow
def test_three_hundred_models_are_compared_in_seconds(store, pack, make_table, benchmark):
    import time

    from tia2.leaderboard.submissions.checking.suspicion import suspicion

    (resident,) = store.listings
    for number in range(300):
        digest = store.add_table(make_table(name=f"model-{number}", seed=100 + number))
        named = resident.card.model_copy(update={"name": f"model {number}"})
        store.add_listing(resident.model_copy(update={"id": f"model-{number}", "card": named, "tables": [digest]}))
    found = validate(pack(make_table(seed=250)), store, suspicion=False)
    began = time.process_time()
    (flag,) = suspicion(Index(store), found.benchmark, store.items(found.benchmark), found.tables, {}).flags
    assert "'model 150'" in flag
    assert time.process_time() - began < 10
