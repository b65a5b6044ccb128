"""Every export says which votes and items it is about, when it was made, and where it can be seen."""

from __future__ import annotations

import csv
import datetime
import io
import json

import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.exports import static_html, to_csv, to_json, to_latex
from tia2.leaderboard.exports.bibtex import parse, reference_of_view
from tia2.leaderboard.exports.facts import permalink
from tia2.leaderboard.exports.formats import export

PAGE = "https://boards.example.org/ours/"


def says(text: str, board: object, address: str) -> None:
    record = board.benchmark
    assert datetime.datetime.now(datetime.timezone.utc).date().isoformat() in text
    assert "simulated" in text
    assert record.fingerprint[:8] in text
    assert record.votes_fingerprint[:8] in text
    assert address in text


def test_each_format_says_what_it_is(mini_board):
    where = f"{PAGE}?benchmark=mini"
    rows = list(csv.DictReader(io.StringIO(to_csv(mini_board, page=PAGE))))
    assert {row["permalink"] for row in rows} == {where}
    assert {row["votes"] for row in rows} == {"simulated"}
    says(to_csv(mini_board, page=PAGE), mini_board, where)
    assert json.loads(to_json(mini_board, PAGE))["provenance"]["permalink"] == where
    says(to_json(mini_board, PAGE), mini_board, where)
    says(to_latex(mini_board, "counting", "kendall", page=PAGE), mini_board, f"{where}&subset=counting&metric=kendall")
    says(static_html(mini_board, page=PAGE), mini_board, f"{PAGE}?benchmark=mini&amp;metric=auroc")


def test_the_latex_table_has_a_label_and_the_width_of_the_text(mini_board):
    source = to_latex(mini_board, "counting", "kendall")
    assert r"\label{tab:tia2-mini-counting-kendall}" in source
    assert r"p{0.31\textwidth}" in source


@pytest.mark.parametrize("page", ["javascript:alert(1)", "https://a.org/\n\\input{x}", "https://a.org/?x=1", "x" * 999])
def test_only_a_plain_address_gets_into_a_file(mini_board, page):
    assert permalink(mini_board, "counting", page=page) == "?benchmark=mini&subset=counting"
    assert page not in to_latex(mini_board, "counting", "auroc", page=page)


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_pictures(mini_board, hostile_board, kind, start):
    name, content = export(mini_board, kind, "counting", "auroc", PAGE)
    assert name == f"tia2-mini-counting-auroc.{kind}"
    assert content.startswith(start)
    assert export(hostile_board, kind)[1].startswith(start)


def test_a_board_without_entries_has_no_picture(mini_board):
    import copy

    board = copy.copy(mini_board)
    board.entries, board.positions = (), {}
    board.__dict__.pop("ranked", None)
    board.estimates, board.figures = mini_board.estimates[:0], mini_board.figures[:0]
    with pytest.raises(LeaderboardError, match="no complete entry"):
        export(board, "png")


def test_the_view_can_be_cited(hostile_board, mini_board):
    text = reference_of_view(mini_board).replace("PERMALINK", f"{PAGE}?benchmark=mini").replace("DATE", "2026-11-27")
    assert "votes are simulated" in text
    assert parse(text.replace(r"\url", "")) is not None, text
    assert "<script" not in reference_of_view(hostile_board)
