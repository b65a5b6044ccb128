"""What the board's tables show, against the board's own numbers."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from tia2.leaderboard.pages import address
from tia2.leaderboard.views.board_table import PAGE, all_chips, column_titles, incomplete_sheet
from tia2.leaderboard.views.formats import NO_VALUE, best_text, share
from tia2.leaderboard.views.model_table import model_entries, model_table


def ids(board, **asked) -> set[str]:
    """The entries that a table has, folded or not."""
    rows = model_entries(board, "overall", "auroc", **asked)
    return {board.entries[position].id for row in rows for position in (row.main, *row.others)}


@pytest.mark.parametrize("metric", ["auroc", "kendall"])
def test_cells_are_the_boards_numbers(mini_board, cells, metric):
    columns = list(column_titles(mini_board))
    rows = cells(mini_board, "counting", metric, columns=columns)
    assert sorted(rows) == sorted(mini_board.positions)
    standing = mini_board.standing("counting", metric)
    for name, texts in rows.items():
        number = mini_board.positions[name]
        for scope in mini_board.scopes:
            mean, low, high = (mini_board.estimate(scope, metric, what)[number] for what in ("mean", "low", "high"))
            assert texts[scope] == f"{mean:.3f} [{low:.3f}, {high:.3f}]"
        assert texts["pooled"] == f"{mini_board.estimate('counting', metric, 'pooled')[number]:.3f}"
        for other in {*mini_board.metrics} - {metric}:
            assert texts[mini_board.metric_titles[other]] == f"{mini_board.estimate('counting', other)[number]:.3f}"
        assert texts["against the best"] == (
            best_text(int(standing.rank[number]), float(standing.p_best[number])) or NO_VALUE
        )
        card = mini_board.entries[number].listing.card
        assert (texts["items"], texts["licence"], texts["training data"]) == ("100 %", card.licence, card.training_data)
    table = model_table(mini_board, "counting", metric, {}, columns=columns)
    scopes = ["counting", *(scope for scope in mini_board.scopes if scope != "counting")]
    for row, who in zip(table["people"], ("ceiling", "annotator"), strict=True):
        means = [getattr(mini_board.people[scope], who)[metric].mean for scope in scopes]
        assert row["figures"] == [f"{mean:.3f}" for mean in means]
        assert 1 + len(row["figures"]) + len(row["rest"]) == len(table["head"])


def test_a_metric_is_no_column_beside_itself(mini_board):
    columns = list(column_titles(mini_board))
    headings = [cell["title"] for cell in model_table(mini_board, "overall", "spearman", {}, columns=columns)["head"]]
    assert (headings.count("Spearman ρ"), headings.count("AUROC")) == (0, 1), "its columns are the subsets"
    assert incomplete_sheet(mini_board, "overall", "spearman", columns=columns).headers.count("Spearman ρ") == 1


def test_chips_widen_within_a_facet_and_narrow_across(mini_board):
    have = {entry.id: set(entry.chips) for entry in mini_board.entries}
    for chips, wanted in {
        (): set(have),
        ("raw", "TextNorm"): {name for name, chips in have.items() if chips & {"raw", "TextNorm"}},
        ("TextNorm", "cv"): {name for name, chips in have.items() if chips >= {"TextNorm", "cv"}},
        ("cv", "oracle"): {name for name, chips in have.items() if chips & {"cv", "oracle"}},
        ("ensemble", "cv"): {"mini-ensemble~ur-textnorm-cv"},
        ("raw", "cv"): set(),
    }.items():
        assert ids(mini_board, chips=chips) == wanted
    assert set(all_chips(mini_board)) == set().union(*have.values())


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("vivid", 4),
        ("VIVID cv", 1),
        ("ｖｉｖｉｄ", 4),
        ("apache-2.0", 19),
        ("autoencoder", 16),
        ("nobody", 0),
        ("  ", 19),
    ],
)
def test_search(mini_board, search, found):
    assert len(ids(mini_board, search=search)) == found


@pytest.fixture
def partial_board(mini_board):
    """The embedded results as if four entries had no value for some items, and one of these no figure."""
    coverage = {"mini-web": 0.99999, "mini-web~textnorm-oracle": 0.5, "mini-strong": 0.5, "mini-vivid": 0.5}
    board = copy(mini_board)
    board.__dict__.pop("ranked", None)
    board.entries = tuple(
        replace(entry, coverage=coverage.get(entry.id, entry.coverage)) for entry in mini_board.entries
    )
    board.estimates = mini_board.estimates.copy()
    board.estimates[board.positions["mini-vivid"]] = np.nan
    return board


def test_incomplete_entries_have_a_table_of_their_own(partial_board):
    columns = list(column_titles(partial_board))
    sheet = incomplete_sheet(partial_board, "counting", "auroc", columns=columns)
    assert set(sheet.ids) == {entry.id for entry in partial_board.entries} - ids(partial_board)
    mean, low, high, pooled = (
        partial_board.estimate("counting", "auroc", what) for what in ("mean", "low", "high", "pooled")
    )
    positions = [partial_board.positions[name] for name in sheet.ids]
    assert sheet.ids[-1] == "mini-vivid", "without a figure"
    assert (np.diff(mean[positions[:-1]]) < 0).all()
    for number, values, texts in zip(positions[:-1], sheet.values, sheet.texts, strict=False):
        entry = partial_board.entries[number]
        assert values[:4] == [entry.name, " · ".join(entry.chips), mean[number], entry.coverage]
        assert texts[2] == f"{mean[number]:.3f}  {low[number]:.3f}–{high[number]:.3f}"
        assert values[sheet.headers.index("pooled")] == pooled[number]
        assert texts[sheet.headers.index("pooled")] == f"{pooled[number]:.3f}"
        assert texts[sheet.headers.index("licence")] == entry.listing.card.licence
    assert sheet.texts[sheet.ids.index("mini-web")][3] == "99.9 %"
    assert (sheet.values[-1][2], sheet.texts[-1][2]) == (None, NO_VALUE)
    assert sheet.muted == [name == "mini-web~textnorm-oracle" for name in sheet.ids]
    # Chosen or not, coverage comes first, and ranks nowhere.
    titles = column_titles(partial_board)
    others = [titles[name] for name in titles if name not in ("auroc", "coverage")]
    assert sheet.headers == ["entry", "what", "AUROC", "items", *others]
    assert {len(row) for row in (*sheet.values, *sheet.texts)} == {len(sheet.headers)}
    assert incomplete_sheet(partial_board, "counting", "auroc").headers == sheet.headers[:4]


def test_incomplete_entries_are_searched_and_chosen_like_others(mini_board, large_board, partial_board):
    def found(board, **asked):
        return set(incomplete_sheet(board, "overall", "auroc", **asked).ids)

    assert found(mini_board) == set()
    assert found(partial_board, search="WEB") == {"mini-web", "mini-web~textnorm-oracle"}
    assert found(partial_board, chips=["raw"]) == {"mini-web", "mini-strong", "mini-vivid"}
    assert found(partial_board, search="web", chips=["oracle"]) == {"mini-web~textnorm-oracle"}
    board = copy(large_board)
    board.entries = tuple(replace(entry, coverage=0.5) for entry in large_board.entries)
    assert len(found(board)) == PAGE


def test_incomplete_entries_in_a_grid(partial_board):
    sheet = incomplete_sheet(partial_board, "overall", "auroc")
    payload = sheet.payload()
    assert (payload["headers"], payload["data"]) == (sheet.headers, sheet.values)
    assert payload["metadata"]["display_value"] == sheet.texts
    assert [[bool(style) for style in row] for row in payload["metadata"]["styling"]] == [
        [muted] * len(sheet.headers) for muted in sheet.muted
    ]


def test_a_thousand_entries_take_a_moment(large_board):
    """What a change of the filter costs, without the network: 8 ms."""

    def change():
        model_table(large_board, "overall", "auroc", {}, search="mini", chips=["TextNorm"])
        incomplete_sheet(large_board, "overall", "auroc", search="mini", chips=["TextNorm"])

    change()
    began = time.process_time()
    for _ in range(5):
        change()
    assert (time.process_time() - began) / 5 < 0.05


@pytest.mark.parametrize(("value", "text"), [(1.0, "100 %"), (0.99996, "99.9 %"), (0.5, "50.0 %"), (0.0, "0.0 %")])
def test_share(value, text):
    assert share(value) == text


def test_only_what_is_listed_gets_from_an_address():
    query = address.parse("?a=x&b=1,2,9&c=0.5&d=nan&e=%00two%0A%0Ccats&e2=" + "x" * 500)
    assert address.pick(query, "a", ["y"], "y") == "y"
    assert address.pick(query, "missing", ["y"], "y") == "y"
    assert address.pick_many(query, "b", ["2", "1"]) == ["2", "1"]
    assert address.pick_number(query, "c", 0, 1, 0.1) == 0.5
    assert address.pick_number(query, "d", 0, 1, 0.1) == 0.1
    assert address.pick_number(query, "a", 0, 1, 0.1) == 0.1
    assert address.pick_text(query, "e") == "two cats"
    assert len(address.pick_text(query, "e2")) == 80
    assert len(address.parse("?a=" + "x" * 100_000)["a"]) < address.LONGEST
