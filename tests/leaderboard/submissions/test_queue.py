from __future__ import annotations

import os
import sqlite3
from datetime import datetime, timedelta, timezone

import pytest

from tia2.errors import LeaderboardError, Tia2Error, UnknownNameError
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.limits import Limits
from tia2.leaderboard.submissions.queue import Queue
from tia2.leaderboard.submissions.quotas import stamp
from tia2.leaderboard.submissions.web import receive_upload

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def many(pack, make_table, card):
    """Submissions of different names, each built when asked for."""

    def make(number: int):
        return pack(make_table(seed=number + 20), card=card.model_copy(update={"name": f"model {number}x"}))

    return make


def test_so_many_an_hour(store, many):
    with Queue(store, Limits(an_hour=2)) as queue:
        for number in range(2):
            queue.receive(many(number), "somebody", NOON)
        with pytest.raises(RefusedError, match="2 submissions came from you within an hour"):
            queue.receive(many(2), "somebody", NOON + timedelta(minutes=59))
        queue.receive(many(2), "somebody else", NOON + timedelta(minutes=59))
        queue.receive(many(3), "somebody", NOON + timedelta(minutes=61))


def test_so_many_at_all(store, many):
    with Queue(store, Limits(pending=1)) as queue:
        first = queue.receive(many(0), "somebody")
        with pytest.raises(RefusedError, match="1 submissions wait for a review, which is the most"):
            queue.receive(many(1), "another")
        queue.reject(first.id, "maintainer", "no")
        queue.receive(many(1), "another")


def test_the_same_file_twice(store, good):
    with Queue(store) as queue:
        queue.receive(good, "somebody")
        with pytest.raises(RefusedError, match="This very file was submitted before"):
            queue.receive(good, "another")


def test_two_of_a_name(store, pack, make_table):
    with Queue(store) as queue:
        first = queue.receive(pack(make_table()), "somebody")
        second = queue.receive(pack(make_table(seed=5)), "another")
        assert second.report.flags == ["The name 'newcomer' is taken by a model waiting for a review: choose another."]
        queue.accept(first.id, "maintainer")
        with pytest.raises(RefusedError, match="'newcomer' is taken by a model on the board"):
            queue.accept(second.id, "maintainer")
        assert queue.get(second.id).state == "pending"


def test_the_log_only_grows(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
    with sqlite3.connect(store.folder / "queue.sqlite") as connection:
        for statement in (
            "UPDATE log SET who = 'nobody'",
            "DELETE FROM log",
            "DELETE FROM submissions",
        ):
            with pytest.raises(sqlite3.IntegrityError, match=r"append-only|never deleted"):
                connection.execute(statement)
    with Queue(store) as queue:
        (line,) = queue.log()
        assert (line.who, line.what, line.submission) == ("somebody", "received", receipt.id)


def test_ids(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        assert queue.get(receipt.id[:4]).id == receipt.id
        for wrong in ("../../etc", "", "%", "xyz1", receipt.id + "0"):
            with pytest.raises(UnknownNameError, match="hexadecimal digits"):
                queue.get(wrong)
        with pytest.raises(UnknownNameError, match="no submission whose id begins with 00000000"):
            queue.get("0" * 8)


def test_what_people_call_files_and_themselves_is_text(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "me\u202e\n<b>", filename="../../\x1b[31m evil.zip")
        queued = queue.get(receipt.id)
    assert (queued.submitter, queued.filename) == ("me<b>", "[31m evil.zip")


def test_a_damaged_upload_is_not_accepted(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        path = store.folder / "uploads" / f"{receipt.id}.zip"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(LeaderboardError, match="missing or damaged"):
            queue.accept(receipt.id, "maintainer")
        assert queue.get(receipt.id).state == "pending"


def test_an_acceptance_that_fails_is_undone(store, good, monkeypatch):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")

        def full(table):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(queue.store, "add_table", full)
        with pytest.raises(OSError, match="No space left"):
            queue.accept(receipt.id, "maintainer")
        assert queue.get(receipt.id).state == "pending"
        assert queue.log()[-1].what == "put back"
        monkeypatch.undo()
        queue.accept(receipt.id, "maintainer")


def test_files_of_nobody_are_deleted(store, good):
    uploads = store.folder / "uploads"
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
    for name in ("0" * 32 + ".zip", f".{receipt.id}.zip.x.tmp"):
        (uploads / name).write_bytes(b"x")
    unfinished = [store.folder / "tables" / f".{name}.0123456789ab.tmp" for name in ("old", "new")]
    for path in unfinished:
        path.mkdir()
    os.utime(unfinished[0], (0, 0))
    with Queue(store):
        pass
    assert [path.name for path in uploads.iterdir()] == [f"{receipt.id}.zip"]
    assert [path.exists() for path in unfinished] == [False, True]


def test_a_full_disk_is_one_sentence(store, good, monkeypatch, tools):
    with Queue(store):
        pass
    before = tools.contents(store.folder)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    outcome = receive_upload(store, good, "somebody", apart=False)
    monkeypatch.undo()
    assert outcome.id is None
    assert "No space left on device" in outcome.lines[0]
    after = tools.contents(store.folder)
    assert {name for name in after if not name.startswith("index")} == {
        name for name in (*before, "uploads") if not name.startswith("index")
    }


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_queue(store, content):
    (store.folder / "queue.sqlite").write_bytes(content)
    with pytest.raises(LeaderboardError, match=r"queue\.sqlite is damaged"):
        Queue(store)


def test_a_newer_queue(store):
    with sqlite3.connect(store.folder / "queue.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(LeaderboardError, match=r"schema version 9; this tia2 reads 2\. Update tia2"):
        Queue(store)


def test_a_busy_queue(store, good, monkeypatch):
    from tia2.leaderboard.submissions import database

    with Queue(store):
        pass
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    holder = sqlite3.connect(store.folder / "queue.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with Queue(store) as queue, pytest.raises(LeaderboardError, match="busy: another process writes to it"):
            queue.receive(good, "somebody")
    finally:
        holder.close()


def test_the_reviewer_has_a_name(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        with pytest.raises(LeaderboardError, match="Expected the reviewer's name"):
            queue.accept(receipt.id, " \u200b ")
        with pytest.raises(Tia2Error, match="looks like markup"):
            queue.accept(receipt.id, "maintainer", "<script>")


def test_accepted_and_taken_off_since(store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
        store.remove_listing(queue.accept(receipt.id, "maintainer").id)
        with pytest.raises(LeaderboardError, match="taken off the board since"):
            queue.accept(receipt.id, "maintainer")


def test_times_are_utc():
    assert stamp(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-01-01T12:00:00+00:00"
