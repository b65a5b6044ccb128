"""What has changed since a day, against boards that hold only what was there on that day."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from tia2.leaderboard.data.board import Board
from tia2.leaderboard.pages.tabs.about import history_of
from tia2.leaderboard.submissions.history import changes, days, over_time, ranked_models, versions
from tia2.leaderboard.submissions.removals import Removal

DAYS = ["2026-03-05", "2026-01-02", "2026-02-03", "2026-01-02", "2026-03-05"]


def arranged(board: Board, days_of: dict[str, str], only: set[str] | None = None) -> Board:
    """A copy of a board whose models came on other days, or that has only some of them."""
    entries = [
        replace(entry, listing=entry.listing.model_copy(update={"added": f"{days_of[entry.model]}T12:00:00+00:00"}))
        for entry in board.entries
    ]
    kept = [number for number, entry in enumerate(entries) if only is None or entry.model in only]
    other = copy.copy(board)
    for name in ("ranked", "items"):
        other.__dict__.pop(name, None)
    other.entries = tuple(entries[number] for number in kept)
    other.estimates, other.figures = board.estimates[kept], board.figures[kept]
    return other


@pytest.fixture(scope="module")
def days_of(mini_board) -> dict[str, str]:
    models = sorted({entry.model for entry in mini_board.entries})
    return {model: DAYS[number % len(DAYS)] for number, model in enumerate(models)}


def test_ranks_then_are_those_of_a_board_without_what_came_later(mini_board, days_of):
    models = ranked_models(arranged(mini_board, days_of), "overall", "auroc")
    assert days(models) == sorted(set(days_of.values()), reverse=True)
    assert [model.rank for model in models] == list(range(1, len(models) + 1))
    moves = 0
    for day, count, best in over_time(models):
        there = {model for model, came in days_of.items() if came <= day}
        then = ranked_models(arranged(mini_board, days_of, there), "overall", "auroc")
        assert (count, best) == (len(then), then[0].name)
        changed = changes(models, day)
        assert {model.name for model in changed.new} == {model.name for model in models} - {
            model.name for model in then
        }
        now = {model.name: model.rank for model in models}
        moved = {model.name: (model.rank, now[model.name]) for model in then if model.rank != now[model.name]}
        assert {model.name: (before, model.rank) for model, before in changed.moved} == moved
        moves += len(moved)
    assert moves, "some rank moved"


def test_the_page_names_what_is_new_and_what_was_taken_off(mini_board, days_of):
    board = arranged(mini_board, days_of)
    removed = [
        Removal("2026-02-10", "gone-since", board.benchmark.name),
        Removal("2026-01-01", "gone-before", None),
        Removal("2026-02-10", "of-another-benchmark", "another"),
    ]
    page = history_of(board, "2026-01-02", removed)
    assert all(words in page for words in ("new on 2026-03-05", "taken off on 2026-02-10", "gone-since"))
    assert not any(words in page for words in ("gone-before", "of-another-benchmark"))
    assert "Nothing has changed since 2026-03-05." in history_of(board, "2026-03-05", [])


def test_a_version_of_tia2_stands_for_the_day_its_first_model_came(mini_board, days_of, monkeypatch):
    board = arranged(mini_board, days_of)
    assert set(versions(board)) == {"0.1.0"}, "what the embedded tables were scored with"
    assert versions(board)["0.1.0"] == min(days_of.values())
    board = arranged(mini_board, days_of)
    # A model of several tables may have been scored with several versions.
    with_tables = {
        digest: day for entry in board.entries for digest in entry.listing.tables for day in [days_of[entry.model]]
    }
    scored = {digest: "0.10.0" if day > "2026-02-01" else "0.9.1" for digest, day in with_tables.items()}
    monkeypatch.setattr(board.index, "scored_with", scored.__getitem__)
    came = versions(board)
    assert list(came) == ["0.10.0", "0.9.1"], "numbers are compared, not letters"
    for version, day in came.items():
        assert day == min(
            days_of[entry.model]
            for entry in board.entries
            if version in {scored[digest] for digest in entry.listing.tables}
        )
        of_day = str(history_of(board, day, []))
        assert str(history_of(board, version, [])) == of_day.replace(f"since {day}", f"since tia2 {version} ({day})")


def test_a_table_that_does_not_say_its_version_is_of_none(mini_board, monkeypatch):
    monkeypatch.setattr(mini_board.index, "scored_with", lambda _: "")
    assert versions(copy.copy(mini_board)) == {}
    monkeypatch.undo()
    assert mini_board.index.scored_with("0" * 64) == ""
