"""What a Space shows, by its environment."""

from __future__ import annotations

import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.space import STORE, space_store


def test_without_a_word_it_shows_the_embedded_results(tmp_path):
    assert len(space_store({}, tmp_path).listings) == 5
    assert (tmp_path / "leaderboard" / "store.json").is_file()


def test_persistent_storage_is_filled_once(tmp_path):
    first = space_store({STORE: str(tmp_path / "data")}, tmp_path)
    first.remove_listing("mini-web")
    assert len(space_store({STORE: str(tmp_path / "data")}, tmp_path).listings) == 4


def test_another_store_is_shown_as_it_is(tmp_path):
    store = embedded_store(tmp_path / "mine")
    assert space_store({STORE: str(store.folder)}, tmp_path).folder == store.folder


def test_a_place_that_is_no_store(tmp_path):
    (tmp_path / "x").write_text("x", encoding="utf-8")
    for place in (str(tmp_path), "hub:nonsense"):
        with pytest.raises(LeaderboardError):
            space_store({STORE: place}, tmp_path)
