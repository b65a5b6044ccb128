from __future__ import annotations

import pytest

from tia2.calibration import Mean, UncertaintyRegularised
from tia2.errors import LeaderboardError
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.submissions.queue import Queue

UNKNOWN = {"calibration": "textnrom"}


def test_from_score_table_to_board(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        assert (receipt.name, receipt.report.lines) == ("newcomer", [])
        (waiting,) = queue.pending()
        assert (waiting.id, waiting.state, waiting.submitter, waiting.benchmark) == (
            receipt.id, "pending", "somebody", "small",
        )  # fmt: skip
        assert [listing.id for listing in store.listings] == ["pick-score"], "pending is not on the board"
        listing = queue.accept(receipt.id, "maintainer", "looks fine")
        assert listing.added_by == "maintainer", "who submitted it is nobody's business"
        assert queue.accept(receipt.id, "another") == listing, "accepting twice is accepting once"
        assert queue.get(receipt.id).state == "accepted"
        assert queue.pending() == []
        assert [(line.who, line.what, line.note) for line in queue.log()] == [
            ("somebody", "received", "newcomer"),
            ("maintainer", "accepted", "looks fine"),
        ]
    board = Board.load(store, "small", index=Index(store, resamples=100))
    assert board.problems == {}
    assert {"newcomer", "newcomer~textnorm"} <= set(board.positions)
    assert board.entry("newcomer").ranked
    assert not list((store.folder / "uploads").iterdir())


def test_rejected_stays_off_the_board(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        with pytest.raises(LeaderboardError, match="Expected a reason"):
            queue.reject(receipt.id, "maintainer", " ")
        queued = queue.reject(receipt.id[:6], "maintainer", "a copy")
        assert (queued.state, queued.reason, queued.decided_by) == ("rejected", "a copy", "maintainer")
        with pytest.raises(
            LeaderboardError, match=r"'newcomer' is rejected already by maintainer on .*; expected one that"
        ):
            queue.accept(receipt.id, "maintainer")
        assert queue.log()[-1].note == "a copy"
        assert queue.receive(good, "somebody").id != receipt.id, "it can be handed in again"
    assert [listing.id for listing in store.listings] == ["pick-score"]


def test_an_ensemble(store, pack, make_table):
    calibrations = [Mean(), UncertaintyRegularised()]
    path = pack(make_table(name="a"), make_table(name="b", seed=2), calibrations=calibrations)
    with Queue(store) as queue:
        listing = queue.accept(queue.receive(path, "somebody").id, "maintainer")
    assert len(listing.tables) == 2
    board = Board.load(store, "small", index=Index(store, resamples=100))
    assert {"newcomer~mean-textnorm", "newcomer~ur-textnorm"} <= set(board.positions)


def test_equal_submissions_have_equal_bytes(pack, make_table):
    first, second = (pack(make_table(), created="2026-01-01") for _ in range(2))
    assert first.read_bytes() == second.read_bytes()


def test_what_is_missing_is_said(store, pack, make_table, card):
    path = pack(make_table(), card=type(card)(name="nobody"))
    with Queue(store) as queue:
        assert queue.receive(path, "somebody").report.lines == [
            "warning: The training data is unknown; the board says so.",
            "warning: The licence is unknown; the board says so.",
            "warning: There is no contact address, so nobody can ask about the model.",
        ]


def test_an_unknown_calibration_is_refused_with_a_suggestion(store, good, tools):
    path = tools.edit_json(good, "submission.json", lambda written: written["calibrations"].append(UNKNOWN))
    with Queue(store) as queue:
        with pytest.raises(LeaderboardError, match=r"Unknown calibration 'textnrom'\. Did you mean 'textnorm'\?"):
            queue.receive(path, "somebody")
        assert queue.pending() == []
