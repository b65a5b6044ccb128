"""What submitters see and may do after they sent something, and what a full disk leaves."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from tia2.errors import LeaderboardError, Tia2Error, UnknownNameError
from tia2.leaderboard.submissions import web
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.queue import Queue
from tia2.leaderboard.submissions.removals import removals


def receipt_of(receipt) -> str:
    return f"{receipt.id}.{receipt.key}"


def test_status_by_id_is_public_and_says_no_more(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        status = queue.status(receipt.id)
        assert (status.state, status.name, status.decided, status.listing) == ("pending", "newcomer", None, None)
        assert not {"submitter", "report", "decided_by", "key_sha256"} & set(vars(status))
        queue.reject(receipt.id, "maintainer", "the licence is missing")
        status = queue.status(receipt.id)
        assert (status.state, status.reason) == ("rejected", "the licence is missing")
        for wrong in (receipt.id[:8], "0" * 32, "x"):
            with pytest.raises(UnknownNameError):
                queue.status(wrong)


def test_a_reviewers_note_is_none_of_the_public_business(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        queue.accept(receipt.id, "maintainer", "I know these people")
        status = queue.status(receipt.id)
        assert (status.state, status.reason, status.listing) == ("accepted", "", "newcomer")
        queue.remove("newcomer", "maintainer", "a copy after all")
        assert (queue.status(receipt.id).state, queue.status(receipt.id).listing) == ("removed", None)
        assert (queue.log()[-1].what, queue.log()[-1].note) == ("removed", "newcomer: a copy after all")
        assert [listing.id for listing in store.listings] == ["pick-score"]
        with pytest.raises(LeaderboardError, match="was taken off the board since"):
            queue.accept(receipt.id, "maintainer")


def test_withdraw(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        with pytest.raises(LeaderboardError, match="This is not the key of submission"):
            queue.withdraw(receipt.id, "0" * 32)
        assert queue.withdraw(receipt.id, receipt.key).state == "withdrawn"
        assert queue.pending() == []
        assert not list(queue.uploads.iterdir())
        with pytest.raises(LeaderboardError, match="is withdrawn already"):
            queue.withdraw(receipt.id, receipt.key)
        with pytest.raises(LeaderboardError, match="is withdrawn already"):
            queue.accept(receipt.id, "maintainer")
        assert queue.receive(good, "somebody").id, "it can be sent again"
    assert web.status_of(store, receipt.id).state == "withdrawn"


def test_replace_what_waits(store, pack, make_table):
    with Queue(store) as queue:
        first = queue.receive(pack(make_table()), "somebody")
        second = queue.receive(pack(make_table(seed=5)), "somebody", replaces=receipt_of(first))
        assert second.report.flags == [], "the name of the one that it replaces is no collision"
        assert [queued.id for queued in queue.pending()] == [second.id]
        assert queue.status(first.id).reason == f"Replaced by {second.id}."
        with pytest.raises(LeaderboardError, match="not the key"):
            queue.receive(pack(make_table(seed=6)), "somebody", replaces=f"{second.id}.wrong")


def test_replace_what_is_on_the_board(store, pack, make_table, card):
    with Queue(store) as queue:
        first = queue.receive(pack(make_table()), "somebody")
        before = queue.accept(first.id, "maintainer")
        other = card.model_copy(update={"name": "another name"})
        with pytest.raises(RefusedError, match="A new version keeps the model's name: expected 'newcomer'"):
            queue.receive(pack(make_table(seed=5), card=other), "somebody", replaces=receipt_of(first))
        second = queue.receive(pack(make_table(seed=5)), "somebody", replaces=receipt_of(first))
        assert [listing for listing in store.listings if listing.id == "newcomer"] == [before], "until it is accepted"
        after = queue.accept(second.id, "maintainer")
        assert after.id == before.id
        assert after.tables != before.tables
        assert [listing for listing in store.listings if listing.id == "newcomer"] == [after]


def test_remove(store, review_error):
    with Queue(store) as queue:
        with pytest.raises(LeaderboardError, match="Expected a reason for taking it off the board"):
            queue.remove("pick-score", "maintainer", " ")
        with pytest.raises(UnknownNameError, match=r"Unknown model 'pick-scor'\. Did you mean 'pick-score'"):
            queue.remove("pick-scor", "maintainer", "x")
        with review_error(queue):
            queue.remove("pick-score", "maintainer", "x")
        assert [listing.id for listing in store.listings] == ["pick-score"], "no log, no removal"
        queue.remove("pick-score", "maintainer", "asked for by its authors")
        assert store.listings == []
        logged = queue.log()[-1]
        assert logged.who == "maintainer"
        assert removals(store.folder) == [(logged.at[:10], "pick-score", None)]


@pytest.fixture
def review_error():
    """A database that has no room for another page, as on a full disk."""
    from contextlib import contextmanager

    @contextmanager
    def full(queue):
        connection = queue._database.connection
        connection.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.log "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        with pytest.raises(LeaderboardError, match="disk is full"):
            yield
        connection.execute("DROP TRIGGER full")

    return full


@pytest.mark.parametrize("where", ["tables", "listings"])
def test_a_full_disk_undoes_an_acceptance(store, good, monkeypatch, where):
    from tia2 import files

    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        flush = files._flush_to_disk

        def full(path):
            if where in str(path):
                raise OSError(errno.ENOSPC, "No space left on device")
            flush(path)

        monkeypatch.setattr(files, "_flush_to_disk", full)
        with pytest.raises(Tia2Error, match="No space left on device"):
            queue.accept(receipt.id, "maintainer")
        monkeypatch.undo()
    with Queue(store) as queue:
        assert queue.get(receipt.id).state == "pending", "what is said to have failed doesn't happen later"
        assert [listing.id for listing in store.listings] == ["pick-score"]
        assert queue.accept(receipt.id, "maintainer").id == "newcomer"


def test_a_disk_too_full_for_the_database_undoes_it_too(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        connection = queue._database.connection
        # Nothing but the announcement can be written: neither the acceptance nor that it failed.
        connection.execute(
            "CREATE TEMP TRIGGER full BEFORE UPDATE ON main.submissions WHEN NEW.state != 'accepting' "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        with pytest.raises(LeaderboardError, match="disk is full"):
            queue.accept(receipt.id, "maintainer")
        assert [listing.id for listing in store.listings] == ["pick-score"]
        assert queue.get(receipt.id).state == "accepting"
    with Queue(store) as queue:
        assert queue.get(receipt.id).state == "pending", "put back when there is room"
        assert [listing.id for listing in store.listings] == ["pick-score"]


VERSION_1 = """
CREATE TABLE submissions (
    id TEXT PRIMARY KEY, received TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    submitter TEXT NOT NULL, name TEXT NOT NULL, slug TEXT NOT NULL, benchmark TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'accepting', 'accepted', 'rejected')),
    report TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', decided TEXT, decided_by TEXT
);
CREATE INDEX submissions_by_state ON submissions (state, received);
CREATE TABLE log (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    submission TEXT NOT NULL REFERENCES submissions (id), note TEXT NOT NULL
);
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the log of reviews is append-only'); END;
CREATE TRIGGER log_is_never_shortened BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the log of reviews is append-only'); END;
CREATE TRIGGER submissions_stay BEFORE DELETE ON submissions
BEGIN SELECT RAISE(ABORT, 'submissions are decided, never deleted'); END;
INSERT INTO submissions VALUES ('0123456789abcdef0123456789abcdef', '2026-01-01T12:00:00+00:00', 'a.zip', 'ab', 3,
    'somebody', 'old', 'old', 'small', 'rejected', '{}', 'no licence', '2026-01-02T12:00:00+00:00', 'maintainer');
INSERT INTO log (at, who, what, submission, note) VALUES ('2026-01-01T12:00:00+00:00', 'somebody', 'received',
    '0123456789abcdef0123456789abcdef', 'old'), ('2026-01-02T12:00:00+00:00', 'maintainer', 'rejected',
    '0123456789abcdef0123456789abcdef', 'no licence');
PRAGMA user_version = 1;
"""


def test_a_queue_of_version_1_is_brought_up(store, good):
    with sqlite3.connect(store.folder / "queue.sqlite") as connection:
        connection.executescript(VERSION_1)
    connection.close()
    with Queue(store) as queue:
        status = queue.status("0123456789abcdef0123456789abcdef")
        assert (status.state, status.reason) == ("rejected", "no licence")
        assert [(line.who, line.what) for line in queue.log()] == [("somebody", "received"), ("maintainer", "rejected")]
        with pytest.raises(LeaderboardError, match="not the key"):
            queue.withdraw("0123456789abcdef0123456789abcdef", "")
        queue.accept(queue.receive(good, "somebody").id, "maintainer")
    with sqlite3.connect(store.folder / "queue.sqlite") as connection:
        for statement in ("UPDATE log SET who = 'nobody'", "DELETE FROM log", "DELETE FROM submissions"):
            with pytest.raises(sqlite3.IntegrityError, match=r"append-only|never deleted"):
                connection.execute(statement)
