"""The paper's figures that come with tia2: a board without items, which import-published completes."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import numpy as np
import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.commands.leaderboard import fullest
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.published_board import ASSET, published_asset
from tia2.leaderboard.data.store import Store

AUROC = {
    "comprehensive": [0.6710, 0.6825, 0.7610, 0.7471, 0.7733],
    "counting": [0.5952, 0.5647, 0.6572, 0.7305, 0.8071],
    "composition": [0.7167, 0.6128, 0.7735, 0.7848, 0.8435],
}
"""Subset means of CLIP, BLIP-2, ImageReward, PickScore and TextNorm."""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    store = embedded_store(tmp_path_factory.mktemp("first") / "store", published=True)
    return Board.load(store, "all", index=Index(store, resamples=200))


def test_the_first_board_has_the_papers_figures(board):
    names = ["CLIP", "BLIP-2", "ImageReward", "PickScore", "TextNorm"]
    positions = [next(n for n, entry in enumerate(board.entries) if entry.name.startswith(name)) for name in names]
    for scope, means in AUROC.items():
        assert board.estimate(scope, "auroc")[positions].round(4).tolist() == means
    standing = board.standing("counting", "auroc")
    assert standing.rank[positions].tolist() == [3, 4, 2, 1, 0]
    assert standing.model_rank[positions].tolist() == [3, 4, 2, 1, 0]
    assert board.people["counting"].ceiling["auroc"].mean > 0.9
    assert board.compare(board.entries[positions[3]].id, board.entries[positions[2]].id).main.difference > 0.02


def test_it_comes_first(board):
    assert [record.name for record in board.index.store.benchmarks] == ["all", "mini"]
    assert fullest(board.index.store) == "all"
    assert fullest(board.index.store, models_only=True) == "mini"


def test_no_text_of_a_prompt_comes_along():
    content = json.loads(gzip.decompress((files("tia2.leaderboard") / ASSET).read_bytes()))
    prompts = {prompt["prompt"] for result in content["results"] for prompt in result["prompts"]}
    assert len(prompts) == 550
    assert all(len(text) == 19 and text.startswith("prompt ") for text in prompts)
    assert len((files("tia2.leaderboard") / ASSET).read_bytes()) < 600_000


def test_items_are_said_to_be_missing(board):
    with pytest.raises(LeaderboardError, match=r"import-published` fetches them"):
        _ = board.items


@pytest.mark.upstream
def test_they_are_those_that_are_computed_from_the_released_files(tia2_dir):
    from tia2.benchmark import load
    from tia2.evaluation import published

    made = published_asset(load("all", data_dir=tia2_dir), published("all", tia2_dir))
    fresh, kept = (
        json.loads(gzip.decompress(data)) for data in (made, (files("tia2.leaderboard") / ASSET).read_bytes())
    )
    for new, old in zip(fresh["results"], kept["results"], strict=True):
        new.pop("tia2_version"), old.pop("tia2_version")
        assert new["entry"] == old["entry"]
        for one, other in zip(new["prompts"], old["prompts"], strict=True):
            assert one["prompt"] == other["prompt"]
            np.testing.assert_allclose(
                [value or np.nan for value in one["metrics"].values()],
                [value or np.nan for value in other["metrics"].values()],
            )
    assert fresh["benchmark"] == kept["benchmark"]


@pytest.mark.upstream
def test_the_released_files_complete_it(tmp_path, tia2_dir):
    from tia2.leaderboard.submissions.adding import add_published_results

    store = embedded_store(tmp_path / "store", published=True)
    add_published_results(store, tia2_dir)
    board = Board.load(Store(store.folder), "all", index=Index(store, resamples=50))
    assert len(board.items) == 27_500
    assert not board.prompts["prompt"].str.startswith("prompt ").any()
    assert len(board) == 5
