"""The board's own table: one row per model, its other entries folded under it."""

from __future__ import annotations

import re
from collections import Counter
from copy import copy
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs

import numpy as np
import pytest

from tia2.evaluation.metrics import METRICS
from tia2.leaderboard.data.records import ModelCard
from tia2.leaderboard.views.board_table import VALIDATED
from tia2.leaderboard.views.formats import NO_VALUE
from tia2.leaderboard.views.model_table import model_entries, model_table
from tia2.leaderboard.views.rendering import macro


def shown(board, scope="overall", metric="auroc", **asked):
    return model_table(board, scope, metric, {}, **asked)


@pytest.mark.parametrize("scope", ["overall", "counting"])
def test_one_row_per_model_with_the_best_of_its_entries(mini_board, scope):
    rows = model_entries(mini_board, scope, "auroc")
    every = [position for row in rows for position in (row.main, *row.others)]
    assert sorted(every) == list(range(len(mini_board)))
    standing = mini_board.standing(scope, "auroc")
    assert [standing.model_rank[row.main] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert len({mini_board.entries[position].model for position in (row.main, *row.others)}) == 1
        assert not mini_board.entries[row.main].upper_bound
        # By rank, then upper bounds, which have none.
        bounds = [mini_board.entries[position].upper_bound for position in row.others]
        assert bounds == sorted(bounds)
        ranks = [int(standing.rank[position]) for position in (row.main, *row.others)]
        assert ranks == [*sorted(filter(None, ranks)), *[0] * sum(bounds)]


def test_figures_ranks_and_doors_are_the_boards(mini_board):
    table = shown(mini_board, "counting", "auroc")
    standing = mini_board.standing("counting", "auroc")
    for row in table["rows"]:
        position = mini_board.positions[row["id"]]
        assert row["rank"] == str(standing.model_rank[position])
        for scope, cell in zip(["counting", "comprehensive", "composition", "overall"], row["figures"], strict=True):
            assert cell["text"] == f"{mini_board.estimate(scope, 'auroc')[position]:.3f}"
            asked = {name: values[0] for name, values in parse_qs(cell["link"][1:]).items()}
            assert (asked["tab"], asked["ie"], asked["order"]) == ("items", row["id"], "disagreement")
            figures = mini_board.figures[position][:, mini_board.metrics.index("auroc")]
            in_scope = mini_board.rows(scope)
            worst = mini_board.prompts["prompt_id"].tolist().index(asked["prompt"])
            assert in_scope[worst]
            assert figures[worst] == np.nanmin(figures[in_scope])
    assert [row["name"] for row in table["people"]] == ["noise ceiling", "one human annotator"]


@pytest.mark.parametrize("sort", ["rank", "in:counting", "pooled", "name", "best_of_n", *METRICS])
def test_sorting_goes_both_ways_and_what_is_unknown_comes_last(mini_board, sort):
    there, back = (model_entries(mini_board, "overall", "auroc", sort=name) for name in (sort, f"-{sort}"))
    assert there == back[::-1]
    by = {
        "rank": ("overall", "auroc"), "in:counting": ("counting", "auroc"), "pooled": ("overall", "auroc", "pooled"),
        **{name: ("overall", name) for name in METRICS},
    }  # fmt: skip
    if sort in by:
        assert (np.diff(mini_board.estimate(*by[sort])[[row.main for row in there]]) <= 0).all()
    names = [mini_board.entries[row.main].name for row in there]
    assert sort != "name" or names == sorted(names)
    usual = shown(mini_board)["rows"]
    for order in (sort, f"-{sort}"):
        ranks = {row["id"]: row["rank"] for row in shown(mini_board, sort=order)["rows"]}
        assert ranks == {row["id"]: row["rank"] for row in usual}, "sorting changes no rank"
    for name in VALIDATED:
        for order in (name, f"-{name}"):
            by_rank = [row.main for row in model_entries(mini_board, "overall", "auroc")]
            assert [row.main for row in model_entries(mini_board, "overall", "auroc", sort=order)] == by_rank


@pytest.mark.parametrize("sort", ["rank", "name", "auroc", "pooled", "in:counting"])
def test_models_of_upper_bounds_alone_come_last_without_a_rank(mini_board, sort):
    board = copy(mini_board)
    board.__dict__.pop("ranked", None)
    board.entries = tuple(
        replace(entry, upper_bound=entry.upper_bound or entry.model == "mini-strong") for entry in mini_board.entries
    )
    for order in (sort, f"-{sort}"):
        table = shown(board, sort=order, unfold="mini-strong")
        assert [row["bound"] for row in shown(board, sort=order)["rows"]] == [False] * 4 + [True]
        (row,) = table["rows"]
        assert (row["rank"], row["ranks"], row["best"]) == (NO_VALUE, NO_VALUE, "")
        assert [other["bound"] for other in row["unfolded"]] == [True] * 3
        html = str(macro("board.html", "variants", row, table))
        assert html.count('class="tia2-variant tia2-bound"') == html.count("upper bound, no result") == 3


def test_filters_and_what_an_empty_search_says(mini_board):
    only = shown(mini_board, chips=["cv"])
    assert all("cv" in row["name"] for row in only["rows"])
    assert all(not row["others"] for row in only["rows"])
    nothing = shown(mini_board, search="nobody has this")
    assert (nothing["rows"], nothing["empty"], nothing["total"]) == ([], "No model matches.", 0)


def test_a_row_says_who_made_the_model_how_large_it_is_and_where_to_get_it(mini_board):
    entry = mini_board.entry("mini-web")
    card = entry.listing.card.model_copy(
        update={
            "organisation": "Web <b>", "parameters": 427_616_513, "code": "https://example.org/code",
            "weights": "https://example.org/weights",
        }
    )  # fmt: skip
    board = copy(mini_board)
    listing = entry.listing.model_copy(update={"card": card})
    board.entries = tuple(
        replace(other, listing=listing) if other.model == "mini-web" else other for other in mini_board.entries
    )
    (row,) = shown(board, search="Web <b>")["rows"]
    assert row["facts"] == ["Web <b>", "428M parameters", card.licence, listing.added[:10]]
    page = str(macro("board.html", "models", shown(board), "Models"))
    assert "Web &lt;b&gt; · 428M parameters" in page
    for name in ("code", "weights"):
        assert f'<a href="https://example.org/{name}" rel="nofollow noopener noreferrer ugc"' in page
    other = next(row for row in shown(board)["rows"] if row["model"] == "mini-strong")
    assert (other["links"], len(other["facts"])) == ([], 2)


def test_a_card_that_declares_nothing_new_is_written_as_before():
    assert set(ModelCard(name="old").model_dump()) == {
        "name", "description", "licence", "contact", "training_data", "paper", "cite", "cost"
    }  # fmt: skip
    card = ModelCard(name="new", parameters=7, code="https://example.org/")
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_bars_lie_on_one_axis(mini_board):
    table = shown(mini_board)
    low, high = map(float, table["axis"])
    for row in table["rows"]:
        position = mini_board.positions[row["id"]]
        for what, name in (("mean", "mean"), ("low", "low"), ("high", "high")):
            value = mini_board.estimate("overall", "auroc", what)[position]
            assert float(row["bar"][name][:-1]) == pytest.approx(100 * (value - low) / (high - low), abs=0.5)
            assert 0 <= float(row["bar"][name][:-1]) <= 100


def test_the_page_has_every_entry_once_and_text_stays_text(mini_board, hostile_board):
    for board in (mini_board, hostile_board):
        html = str(macro("board.html", "models", shown(board), "Models"))
        assert html.count('<th scope="col"') == 2 + len(shown(board)["head"])
        # Rows that are folded are asked for, model by model.
        for model in re.findall(r'data-unfold="([^"]+)"', html):
            only = shown(board, unfold=unescape(model))
            html += str(macro("board.html", "variants", only["rows"][0], only))
            assert len(only["rows"]) == 1
        entries = re.findall(r'data-entry="([^"]+)"', html)
        assert Counter(entries) == Counter(entry.id for entry in board.entries)
        assert "<script" not in html
        assert "<img" not in html


def test_pages_hold_fifty_models(large_board):
    table = shown(large_board)
    assert len(table["rows"]) <= 50
    assert table["total"] == len({entry.model for entry in large_board.entries})
