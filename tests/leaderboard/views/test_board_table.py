"""What the board's tables show, against the board's own numbers."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from tia2.evaluation.metrics import METRICS
from tia2.leaderboard.pages import address
from tia2.leaderboard.views.board_table import PEOPLE, all_chips, board_sheets, column_titles
from tia2.leaderboard.views.formats import NO_VALUE, best_text, share


def of(sheet, header: str) -> list[str]:
    return [row[sheet.headers.index(header)] for row in sheet.texts]


def test_ranked_then_bounds_then_people(mini_board):
    sheet, partial = board_sheets(mini_board, "overall", "auroc")
    ranked = len(mini_board.ranked)
    assert of(sheet, "#")[:ranked] == [str(rank + 1) for rank in range(ranked)]
    assert set(of(sheet, "#")[ranked:]) == {NO_VALUE}
    assert sheet.muted == [False] * ranked + [True] * (len(sheet) - ranked)
    assert of(sheet, "entry")[-2:] == list(PEOPLE.values())
    assert sheet.ids[-2:] == ["", ""]
    assert sorted(sheet.ids[:-2]) == sorted(mini_board.positions)
    assert len(partial) == 0
    assert "#" not in partial.headers
    assert {len(row) for row in (*sheet.values, *sheet.texts)} == {len(sheet.headers)}


@pytest.mark.parametrize("metric", ["auroc", "kendall"])
def test_cells_are_the_boards_numbers(mini_board, metric):
    sheet, _ = board_sheets(mini_board, "counting", metric, columns=list(column_titles(mini_board)))
    standing = mini_board.standing("counting", metric)
    for name, values, texts in zip(sheet.ids[:-2], sheet.values, sheet.texts, strict=False):
        number = mini_board.positions[name]
        focus = sheet.headers.index("what") + 1
        mean, low, high = (mini_board.estimate("counting", metric, what)[number] for what in ("mean", "low", "high"))
        assert values[focus] == mean
        assert texts[focus] == f"{mean:.3f}  {low:.3f}–{high:.3f}"
        assert (
            texts[sheet.headers.index("pooled")] == f"{mini_board.estimate('counting', metric, 'pooled')[number]:.3f}"
        )
        assert (values[0] or 0) == standing.rank[number]
        assert texts[sheet.headers.index("against the best")] == (
            best_text(int(standing.rank[number]), float(standing.p_best[number])) or NO_VALUE
        )
        assert texts[sheet.headers.index("items")] == "100 %"
    people = mini_board.people["counting"]
    assert sheet.values[-2][focus] == people.ceiling[metric].mean
    assert sheet.values[-1][focus] == people.annotator[metric].mean


def test_a_metric_is_no_column_beside_itself(mini_board):
    sheet, _ = board_sheets(mini_board, "overall", "spearman", columns=list(column_titles(mini_board)))
    assert sheet.headers.count("Spearman ρ") == 1


def test_chips_widen_within_a_facet_and_narrow_across(mini_board):
    def ids(*chips: str) -> set[str]:
        return set(board_sheets(mini_board, "overall", "auroc", chips=chips)[0].ids) - {""}

    have = {entry.id: set(entry.chips) for entry in mini_board.entries}
    assert ids() == set(have)
    assert ids("raw", "TextNorm") == {name for name, chips in have.items() if chips & {"raw", "TextNorm"}}
    assert ids("TextNorm", "cv") == {name for name, chips in have.items() if chips >= {"TextNorm", "cv"}}
    assert ids("cv", "oracle") == {name for name, chips in have.items() if chips & {"cv", "oracle"}}
    assert ids("ensemble", "cv") == {"mini-ensemble~ur-textnorm-cv"}
    assert ids("raw", "cv") == set()
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
    assert len(board_sheets(mini_board, "overall", "auroc", search=search)[0]) - len(PEOPLE) == found


@pytest.mark.parametrize("sort", ["rank", "name", "pooled", *METRICS])
def test_sorting_keeps_ranks_and_groups_apart(mini_board, sort):
    sheet, _ = board_sheets(mini_board, "overall", "auroc", sort=sort)
    usual, _ = board_sheets(mini_board, "overall", "auroc")
    assert dict(zip(sheet.ids, of(sheet, "#"), strict=True)) == dict(zip(usual.ids, of(usual, "#"), strict=True))
    ranked = [mini_board.positions[name] for name in sheet.ids[: len(mini_board.ranked)]]
    if sort == "name":
        names = [mini_board.entries[number].name.casefold() for number in ranked]
        assert names == sorted(names)
    else:
        by = ("auroc", "pooled") if sort == "pooled" else ("auroc" if sort == "rank" else sort, "mean")
        assert (np.diff(mini_board.estimate("overall", *by)[ranked]) <= 0).all()


def test_incomplete_entries_have_a_table_of_their_own(mini_board, monkeypatch):
    entries = list(mini_board.entries)
    place = mini_board.positions["mini-web"]
    entries[place] = dataclasses.replace(entries[place], coverage=0.99999)
    monkeypatch.setattr(mini_board, "entries", tuple(entries))
    monkeypatch.setitem(mini_board.__dict__, "ranked", np.array([n for n, one in enumerate(entries) if one.ranked]))
    sheet, partial = board_sheets(mini_board, "overall", "auroc")
    assert "mini-web" not in sheet.ids
    assert partial.ids == ["mini-web"]
    assert of(partial, "items") == ["99.9 %"]


def test_a_thousand_entries_take_a_moment(mini_board):
    """What a change of the filter costs, without the network: 100 ms on a quiet machine."""
    entries = mini_board.entries
    began = time.process_time()
    for _ in range(50):
        board_sheets(mini_board, "overall", "auroc", search="mini", chips=["TextNorm"])
    assert (time.process_time() - began) / 50 / len(entries) * 1000 < 0.2


def test_payload(mini_board):
    sheet, _ = board_sheets(mini_board, "overall", "auroc")
    payload = sheet.payload()
    assert payload["headers"] == sheet.headers
    assert payload["metadata"]["display_value"] == sheet.texts
    assert [bool(row[0]) for row in payload["metadata"]["styling"]] == sheet.muted


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
