"""What reviewers took off the board, for everybody to see: which models and when, not by whom."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .database import Database

QUEUE = "queue.sqlite"


class Removal(NamedTuple):
    """Something that was taken off the board.

    Attributes:
        day: Date of the removal, UTC.
        name: Id that it had on the board.
        benchmark: Name of its benchmark; None where no submission says it.
    """

    day: str
    name: str
    benchmark: str | None


def removals(store: Path) -> list[Removal]:
    """Return what was taken off a leaderboard, oldest first.

    Args:
        store: Folder of the leaderboard.
    """
    if not (store / QUEUE).is_file():
        return []
    database = Database(store / QUEUE)
    try:
        rows = database.rows(
            "SELECT log.at, log.note, submissions.benchmark FROM log LEFT JOIN submissions "
            "ON submissions.id = log.submission WHERE log.what = 'removed' ORDER BY log.number"
        )
        return [Removal(at[:10], note.partition(":")[0], benchmark) for at, note, benchmark in rows]
    finally:
        database.close()
