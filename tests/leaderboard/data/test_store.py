"""A store's files: whole or absent, checked when read."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from pydantic import TypeAdapter

from tia2.benchmark import load
from tia2.calibration import Raw
from tia2.errors import LeaderboardError, UnknownNameError
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.records import Listing, ModelCard, StoredCalibration
from tia2.leaderboard.data.store import Store, slug, table_digest
from tia2.scoring import ScoreTable


@pytest.fixture
def store(embedded, tmp_path):
    return Store(shutil.copytree(embedded, tmp_path / "store"))


def test_the_embedded_store_holds_the_four_mini_models_and_their_ensemble(store):
    assert [listing.id for listing in store.listings] == [
        "mini-countblind",
        "mini-ensemble",
        "mini-strong",
        "mini-vivid",
        "mini-web",
    ]
    (record,) = store.benchmarks
    mini = load("mini")
    assert (record.fingerprint, record.votes_fingerprint) == (mini.fingerprint, mini.votes_fingerprint)
    assert record.simulated
    items = store.items(record)
    for column in ("item_id", "subset", "prompt_id", "prompt", "human_score", "label"):
        assert items[column].tolist() == mini.items[column].tolist()
    assert [list(votes) for votes in items["votes"]] == [list(votes) for votes in mini.items["votes"]]


def test_making_it_twice_gives_the_same_store(store):
    before = store.stamp()
    assert embedded_store(store.folder).stamp() == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(LeaderboardError, match="not empty and no leaderboard"):
        embedded_store(tmp_path)
    with pytest.raises(LeaderboardError, match="is not empty: choose another folder"):
        Store.create(tmp_path, "mine")
    with pytest.raises(LeaderboardError, match=r"holds no leaderboard .* `tia2 leaderboard init"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": "x", "name": "y"}'])
def test_a_damaged_store_file(tmp_path, content):
    (tmp_path / "store.json").write_text(content, encoding="utf-8")
    with pytest.raises(LeaderboardError, match="can't be read"):
        Store(tmp_path)


def test_a_newer_store(tmp_path):
    (tmp_path / "store.json").write_text(json.dumps({"schema_version": 2, "name": "x"}), encoding="utf-8")
    with pytest.raises(LeaderboardError, match="schema version 2; this tia2 reads 1"):
        Store(tmp_path)


def test_tables_are_kept_by_what_they_hold(store):
    (digest,) = next(listing for listing in store.listings if listing.id == "mini-web").tables
    table = store.table(digest)
    assert table_digest(table) == digest
    assert store.add_table(table) == digest
    changed = ScoreTable.load(store.table_path(digest))
    changed.rewards = changed.rewards.copy()
    changed.rewards[3, 0] += np.float32(1e-3)
    other = store.add_table(changed)
    assert other != digest
    np.testing.assert_array_equal(store.table(other).rewards, changed.rewards)
    assert not [path for path in (store.folder / "tables").iterdir() if path.name.startswith(".")]


def test_a_listing_needs_its_tables(store):
    listing = Listing(
        id="lost",
        benchmark="mini",
        card=ModelCard(name="Lost"),
        tables=["0" * 64],
        calibrations=[Raw()],
        added="2026-01-01T00:00:00+00:00",
    )
    with pytest.raises(LeaderboardError, match="refers to the score table 000000000000, which isn't in the store"):
        store.add_listing(listing)
    assert "lost" not in {one.id for one in store.listings}


def test_removing_a_model(store):
    before = store.stamp()
    store.remove_listing("mini-web")
    assert store.stamp() != before
    assert "mini-web" not in {one.id for one in store.listings}
    for name in ("mini-web", "../store", "", "UPPER"):
        with pytest.raises(UnknownNameError, match="Unknown model"):
            store.remove_listing(name)


def test_a_benchmark_of_the_same_name_with_other_votes(store):
    mini = load("mini")
    other = mini.dataset.map(lambda row: {"votes": [0, 0, 0], "human_score": 0.0, "label": False})
    with pytest.raises(LeaderboardError, match="a benchmark mini with other items or votes"):
        store.add_benchmark(type(mini)(other, "mini"), title="Another")


def test_a_damaged_listing_names_its_file(store):
    path = store.folder / "listings" / "mini-web.json"
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(LeaderboardError, match=r"mini-web\.json is damaged"):
        _ = store.listings


def test_unfinished_files_are_no_listings(store):
    shutil.copy(store.folder / "listings" / "mini-web.json", store.folder / "listings" / ".mini-web.json.x.json")
    assert len(store.listings) == 5


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("CLIP ViT-B/32", "clip-vit-b-32"),
        ("  ", "model"),
        ("../../etc/passwd", "etc-passwd"),
        ("Übermodel", "ubermodel"),
        ("模型", "model-c98e118e"),
        ("a" * 200, "a" * 80),
    ],
)
def test_slugs(name, wanted):
    assert slug(name) == wanted


@pytest.mark.parametrize(
    ("fields", "slug", "chips"),
    [
        ({}, "", ("raw",)),
        ({"kind": "textnorm"}, "textnorm", ("TextNorm",)),
        ({"kind": "textnorm", "scaling": "minmax", "scale": 5}, "minmax-c5", ("TextNorm", "min-max")),
        (
            {"kind": "textnorm", "ensemble": "ur", "setting": "cv"},
            "ur-textnorm-cv",
            ("TextNorm", "ensemble", "cv"),
        ),
        ({"kind": "textnorm", "setting": "oracle"}, "textnorm-oracle", ("TextNorm", "oracle")),
    ],
)
def test_calibrations_in_words(fields, slug, chips):
    calibration = TypeAdapter(StoredCalibration).validate_python(fields)
    assert (calibration.slug, calibration.chips) == (slug, chips)


@pytest.mark.parametrize(
    "fields",
    [
        {"setting": "cv"},
        {"kind": "raw", "temperature": 1.0},
        {"kind": "textnorm", "temperature": -1.0},
        {"kind": "textnorm", "temperature": float("inf")},
        {"kind": "textnorm", "setting": "best"},
        {"kind": "textnorm", "penalty": 0.1},
        {"kind": "textnorm", "scaling": "minmax", "temperature": 1.0},
        {"kind": "textnorm", "surprise": 1},
    ],
)
def test_calibrations_that_make_no_sense(fields):
    with pytest.raises(ValueError, match=r"."):
        TypeAdapter(StoredCalibration).validate_python(fields)
