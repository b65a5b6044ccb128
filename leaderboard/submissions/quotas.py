"""Shares: what one sender, and all of them together, may send per hour, let wait, and take of the disk."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .checking.report import RefusedError
from .database import Database
from .limits import MIB, Limits

WAITING = "state IN ('pending', 'accepting')"


def stamp(moment: datetime) -> str:
    """Return a time as the queue writes it: UTC, to the second.

    Example:
        >>> stamp(datetime(2026, 1, 1, 12, tzinfo=timezone.utc))
        '2026-01-01T12:00:00+00:00'
    """
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def count_upload(database: Database, limits: Limits, sender: str, size: int, now: datetime) -> None:
    """Count a file that somebody uploaded, before anything reads it, or refuse it.

    Args:
        database: The queue's.
        limits: Limits of what is taken.
        sender: Who uploads it.
        size: Bytes of the file.
        now: The time.

    Raises:
        RefusedError: This sender, or all together, uploaded too much within an hour. Refused uploads aren't counted, so
            that somebody who waits an hour can go on.
    """
    since = stamp(now - timedelta(hours=1))
    with database.writing() as connection:
        connection.execute("DELETE FROM uploads WHERE at <= ?", (since,))
        (mine,) = connection.execute("SELECT COUNT(*) FROM uploads WHERE sender = ?", (sender,)).fetchone()
        (everybody,) = connection.execute("SELECT COUNT(*) FROM uploads").fetchone()
        if mine >= limits.uploads:
            raise RefusedError([f"{mine} files came from you within an hour, which is the most: try again later."])
        if everybody >= limits.uploads_in_all:
            raise RefusedError([f"{everybody} files came within an hour, which is the most: try again later."])
        connection.execute("INSERT INTO uploads (at, sender, size) VALUES (?, ?, ?)", (stamp(now), sender, size))


def check_quotas(database: Database, limits: Limits, folder: Path, submitter: str, size: int, now: datetime) -> None:
    """Refuse a submission that is one too many, or too large for the room that is left.

    Args:
        database: The queue's.
        limits: Limits of what is taken.
        folder: Folder of the store.
        submitter: Who sends it.
        size: Bytes of its file.
        now: The time.

    Raises:
        RefusedError: It is.
    """
    whole = f"SELECT COUNT(*), COALESCE(SUM(size), 0) FROM submissions WHERE {WAITING}"
    ((waiting, held),) = database.rows(whole)
    ((mine, mine_held),) = database.rows(f"{whole} AND submitter = ?", submitter)
    ((lately,),) = database.rows(
        "SELECT COUNT(*) FROM submissions WHERE submitter = ? AND received > ?",
        submitter,
        stamp(now - timedelta(hours=1)),
    )
    room = "accepted and rejected ones make room"
    if waiting >= limits.pending:
        raise RefusedError([f"{waiting} submissions wait for a review, which is the most: try again in some days."])
    if mine >= limits.pending_each:
        raise RefusedError([f"{mine} submissions of yours wait for a review, which is the most: {room}."])
    if lately >= limits.an_hour:
        raise RefusedError([f"{lately} submissions came from you within an hour, which is the most: try again later."])
    if mine_held + size > limits.waiting_each:
        raise RefusedError([f"Your files that wait for a review may take {limits.waiting_each // MIB} MiB: {room}."])
    if held + size > limits.waiting:
        raise RefusedError([f"All files that wait for a review may take {limits.waiting // MIB} MiB: {room}."])
    if limits.free and shutil.disk_usage(folder).free - size < limits.free:
        raise RefusedError(["The leaderboard's disk is nearly full: its maintainers need to make room first."])
