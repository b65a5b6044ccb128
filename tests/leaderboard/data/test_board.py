"""Boards: every figure is that of `tia2.evaluate`, whatever happens to the index."""

from __future__ import annotations

import gc
import shutil
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import tia2
from tia2.calibration import Raw
from tia2.errors import LeaderboardError, UnknownNameError
from tia2.evaluation import METRICS, separate
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.data.summaries import ESTIMATES
from tia2.scoring import ScoreTable
from tia2.scoring.table_files import Shard

RESAMPLES = 200


@pytest.fixture(scope="module")
def made(embedded, tmp_path_factory):
    store = Store(shutil.copytree(embedded, tmp_path_factory.mktemp("board") / "store"))
    return store, Board.load(store, "mini", index=Index(store, resamples=RESAMPLES))


@pytest.fixture
def store(made, tmp_path):
    """A copy to change."""
    shutil.copytree(made[0].folder, tmp_path / "store")
    return Store(tmp_path / "store")


def board_of(store):
    return Board.load(store, "mini", index=Index(store, resamples=RESAMPLES))


def test_entries_are_what_evaluate_says(made):
    store, board = made
    by_id = {listing.id: listing for listing in store.listings}
    for name in ("mini-strong", "mini-web~textnorm", "mini-vivid~textnorm-oracle", "mini-ensemble~ur-textnorm-cv"):
        entry = board.entry(name)
        tables = [store.table(digest) for digest in by_id[name.partition("~")[0]].tables]
        calibration = entry.calibration
        wanted = tia2.evaluate(tables, calibration=calibration, seed=0, resamples=RESAMPLES, prompts="label")
        place = board.positions[name]
        for row, scope in enumerate(board.scopes):
            part = wanted.overall if scope == "overall" else wanted.subsets[scope]
            for column, metric in enumerate(METRICS):
                estimate = part.metrics[metric].model_dump()
                np.testing.assert_array_equal(
                    board.estimates[place, row, column], [estimate[field] for field in ESTIMATES]
                )
        result = board.result(name)
        assert result.entry.name == entry.name
        pd.testing.assert_frame_equal(result.per_prompt, wanted.per_prompt)
        assert entry.upper_bound == wanted.entry.upper_bound


def test_values_are_those_that_were_judged(made):
    store, board = made
    (digest,) = board.entry("mini-web").listing.tables
    np.testing.assert_array_equal(board.values("mini-web"), store.table(digest).raw.astype(np.float64))
    rewards = board.index.rewards(board.benchmark, digest)
    table = store.table(digest)
    np.testing.assert_array_equal(rewards[:, : table.rewards.shape[1]], table.rewards)


def test_standing_is_that_of_separate(made):
    _, board = made
    ranked = [entry for entry in board.entries if entry.ranked]
    frame = separate([board.result(entry.id) for entry in ranked], "spearman")
    for scope in board.scopes:
        found = board.standing(scope, "spearman")
        rows = frame[frame["subset"] == scope].set_index("entry")
        for entry in ranked:
            place, row = board.positions[entry.id], rows.loc[entry.name]
            assert (found.rank[place], found.low[place], found.high[place]) == (
                row["rank"],
                row["rank_low"],
                row["rank_high"],
            )
    for entry in board.entries:
        if not entry.ranked:
            assert found.rank[board.positions[entry.id]] == 0
            assert np.isnan(found.p_best[board.positions[entry.id]])


def test_upper_bounds_have_no_rank(made):
    _, board = made
    bounds = [entry for entry in board.entries if "oracle" in entry.chips]
    assert len(bounds) == 4
    assert not any(entry.ranked for entry in bounds)


def test_an_index_can_be_deleted_at_any_time(made, store):
    _, before = made
    shutil.rmtree(store.index)
    after = board_of(store)
    np.testing.assert_array_equal(after.estimates, before.estimates)
    np.testing.assert_array_equal(after.figures, before.figures)
    for name in ("p_best", "model_rank", "model_low", "model_high"):
        was, now = (getattr(board.standing("overall", "auroc"), name) for board in (before, after))
        np.testing.assert_array_equal(now, was)


def test_a_second_start_evaluates_nothing(store, monkeypatch):
    monkeypatch.setattr(Index, "build", lambda *_: pytest.fail("evaluated again"))
    assert len(board_of(store)) == 19


def test_votes_in_a_table_are_never_believed(made, store):
    """A table that calls all its own best images aligned changes nothing: the store's copy of the votes decides."""
    (listing,) = (one for one in store.listings if one.id == "mini-web")
    table = store.table(listing.tables[0])
    table.items["label"] = table.raw > np.median(table.raw)
    table.items["human_score"] = table.items["label"].astype(float)
    folder = store.table_path(listing.tables[0])
    shutil.rmtree(folder)
    table.save(folder)
    shutil.rmtree(store.index)
    before, after = made[1], board_of(store)
    rows = [board.estimates[board.positions["mini-web"]] for board in (after, before)]
    np.testing.assert_array_equal(*rows)


def part_of(table: ScoreTable, keep: np.ndarray) -> ScoreTable:
    rows = np.flatnonzero(keep)
    items = table.items.iloc[rows].reset_index(drop=True)
    benchmark = table.manifest.benchmark.model_copy(update={"items": len(rows), "fingerprint": "0" * 64})
    manifest = table.manifest.model_copy(update={"benchmark": benchmark})
    rewards = [table.rewards[row][table.mask[row]] for row in rows]
    return ScoreTable(
        manifest, items, [Shard(items["item_id"].tolist(), [table.image_sha256[r] for r in rows], rewards)]
    )


def add_part(store, keep):
    (listing,) = (one for one in store.listings if one.id == "mini-web")
    table = store.table(listing.tables[0])
    digest = store.add_table(part_of(table, keep(table.items)))
    update = {"id": "part", "tables": [digest], "calibrations": [Raw()]}
    store.add_listing(listing.model_copy(update=update))


def test_a_partial_entry_is_shown_and_never_ranked(made, store):
    add_part(store, lambda items: (items["subset"] == "counting").to_numpy())
    board = board_of(store)
    entry = board.entry("part")
    assert "not complete" in entry.chips
    assert not entry.ranked
    assert 0.2 < entry.coverage < 0.5
    place = board.positions["part"]
    whole = made[1]
    counting = board.scopes.index("counting")
    np.testing.assert_array_equal(
        board.estimates[place, counting, :, 0], whole.estimates[whole.positions["mini-web"], counting, :, 0]
    )
    for scope in ("comprehensive", "composition", "overall"):
        assert np.isnan(board.estimates[place, board.scopes.index(scope)]).all()
    assert board.standing("counting", "auroc").rank[place] == 0
    with pytest.raises(LeaderboardError, match="has no value for some items"):
        board.compare("part", "mini-web")


def test_a_damaged_table_hides_its_model_alone(store):
    (listing,) = (one for one in store.listings if one.id == "mini-vivid")
    shard = store.table_path(listing.tables[0]) / "shards" / "00000.parquet"
    shard.write_bytes(shard.read_bytes()[:100])
    shutil.rmtree(store.index)
    board = board_of(store)
    assert "damaged" in board.problems["mini-vivid"]
    assert "mini-web" in board.positions
    assert not any(name.startswith("mini-vivid") for name in board.positions)


def test_unknown_names(made):
    _, board = made
    with pytest.raises(UnknownNameError, match="Did you mean 'mini-strong'"):
        board.entry("mini-strng")
    with pytest.raises(UnknownNameError, match="Unknown subset"):
        board.standing("all", "auroc")
    with pytest.raises(UnknownNameError, match="Unknown metric"):
        board.standing("overall", "accuracy")
    with pytest.raises(LeaderboardError, match="two different entries"):
        board.compare("mini-web", "mini-web")


def test_a_board_without_entries(tmp_path):
    store = Store.create(tmp_path / "empty", "empty")
    store.add_benchmark(tia2.benchmark.load("mini"), title="Mini")
    board = board_of(store)
    assert len(board) == 0
    assert board.standing("overall", "auroc").rank.shape == (0,)
    assert board.people is not None


def test_a_running_app_takes_up_what_changes(store):
    live = Live(store, patience=0.0)
    assert len(live.board("mini")) == 19
    store.remove_listing("mini-web")
    deadline = time.monotonic() + 300
    while len(live.board("mini")) == 19:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(live.board("mini")) == 15
    (store.folder / "listings" / "mini-vivid.json").write_text("{", encoding="utf-8")
    live.refresh()
    assert len(live.board("mini")) == 15, "a damaged store leaves the last good board standing"


@pytest.mark.slow
def test_killed_while_building_the_index(fork, made, store, tmp_path):
    """Whatever a kill -9 leaves, the next start shows the right board."""
    shutil.rmtree(store.index)
    code = (
        "import sys\nfrom tia2.leaderboard.data.board import Board\nfrom tia2.leaderboard.data.index import Index\n"
        "from tia2.leaderboard.data.store import Store\nstore = Store(sys.argv[1])\n"
        f"index = Index(store, resamples={RESAMPLES})\n"
        "Board.load(store, 'mini', index=index, progress=lambda *a: open(sys.argv[2], 'a').write(f'{a}\\n'))\n"
    )
    done = 0
    for entries in (1, 4, 9):
        reached = tmp_path / f"until-{entries}"
        reached.touch()
        started = fork(store.folder, reached, code=code)
        while f"({entries}," not in reached.read_text() and started.process.is_alive():
            time.sleep(0.005)
        time.sleep(0.02 * entries)
        started.process.kill()
        started.wait()
        finished = len(list(store.index.glob("*.npz")))
        assert finished >= max(done, entries), "what was done is kept"
        done = finished
    after = board_of(store)
    np.testing.assert_array_equal(after.estimates, made[1].estimates)
    assert not after.problems


@pytest.mark.upstream
def test_published_figures_stand_beside_entries(tmp_path, tia2_dir):
    benchmark = tia2.benchmark.load("counting", data_dir=tia2_dir)
    store = Store.create(tmp_path / "store", "TIA2")
    store.add_benchmark(benchmark, title="Counting")
    for result in tia2.evaluation.published("counting", data_dir=tia2_dir, resamples=RESAMPLES):
        store.add_published(result)
    board = Board.load(store, "counting", index=Index(store, resamples=RESAMPLES))
    means = dict(zip((entry.id for entry in board.entries), board.estimate("counting", "auroc"), strict=True))
    assert {name: round(mean, 4) for name, mean in means.items()} == {
        "blip-2-as-published": 0.5647,
        "clip-as-published": 0.5952,
        "imagereward-as-published": 0.6572,
        "pickscore-as-published": 0.7305,
        "textnorm-ur-as-published-oracle-upper-bound": 0.8071,
    }
    assert [entry.ranked for entry in board.entries] == [True, True, True, True, False]
    assert all("as published" in entry.chips for entry in board.entries)
    assert board.compare("pickscore-as-published", "clip-as-published").main.difference > 0.1
    assert board.values("clip-as-published") is None


def test_a_board_remembers_what_was_asked_for_last(made):
    store, _ = made
    board, computed = board_of(store), []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert board.remember("letters", key, lambda key=key: computed.append(key) or key.upper(), 2) == key.upper()
    assert computed == ["a", "b", "c", "b"]


def test_none_is_remembered_and_kinds_are_apart(made):
    store, _ = made
    board, computed = board_of(store), []
    for _ in range(3):
        assert board.remember("x", "a", lambda: computed.append("x")) is None
        assert board.remember("y", "a", lambda: computed.append("y")) is None
    assert computed == ["x", "y"]


def test_many_visitors_remember_at_once(made):
    store, _ = made
    board = board_of(store)

    def ask(start):
        for number in range(start, start + 500):
            assert board.remember("number", number % 20, lambda number=number: number % 20, 8) == number % 20

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))


def test_what_was_computed_goes_with_the_board(made):
    store, _ = made
    board = board_of(store)
    gone = weakref.ref(board.remember("array", None, lambda: np.zeros(3)))
    assert gone() is not None
    del board
    gc.collect()
    assert gone() is None
