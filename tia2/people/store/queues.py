"""What waits for each rater: items are given out, voted on, undone, and given to others when nobody comes back."""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import StudyError
from tia2.people.allocation import certainty, choose, is_swapped, order_of, slot_of, votes_wanted
from tia2.people.store.database import VotesFile
from tia2.people.store.items import Assignment, RaterQueue
from tia2.people.store.settings import StudySettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 3600.0
"""Seconds that a vote may have taken; who leaves a page open all night took no longer."""
_WAITING = """
SELECT a.id, i.prompt, i.texts, i.elements, i.images FROM assignments a JOIN items i ON i.number = a.item
WHERE a.rater = ? AND a.voted = 0 AND a.released IS NULL ORDER BY a.position LIMIT ?
"""


class Queues:
    """The work of a study, shared out.

    Args:
        file: The study's votes.
        settings: Its settings.
        clock: Returns the time in seconds.
    """

    def __init__(self, file: VotesFile, settings: StudySettings, clock: Callable[[], float]) -> None:
        self._file, self._settings, self._clock = file, settings, clock
        self._items = int(file.rows("SELECT count(*) FROM items")[0][0])
        self._ranks: dict[int, NDArray[np.intp]] = {}

    def queue(self, rater: int, ahead: int) -> RaterQueue:
        """Return what waits for a rater, and give out more where it is less than asked."""
        waiting = self._file.rows(_WAITING, rater, ahead)
        if len(waiting) < ahead:
            with self._file.writing() as connection:
                self._release(connection)
                waiting = connection.execute(_WAITING, (rater, ahead)).fetchall()
                for _ in range(ahead - len(waiting)):
                    if not self._give(connection, rater):
                        break
                waiting = connection.execute(_WAITING, (rater, ahead)).fetchall()
        question = self._settings.question
        last = self._file.rows(
            "SELECT v.id FROM votes v JOIN assignments a ON a.id = v.assignment "
            "WHERE a.rater = ? AND v.undone IS NULL ORDER BY v.number DESC LIMIT 1",
            rater,
        )
        done = self._file.rows("SELECT count(*) FROM assignments WHERE rater = ? AND voted = 1", rater)
        return RaterQueue(
            tuple(
                Assignment(
                    row["id"],
                    row["prompt"],
                    tuple(json.loads(row["texts"])),
                    question.aspects_of(json.loads(row["elements"])),
                    len(json.loads(row["images"])),
                )
                for row in waiting
            ),
            int(done[0][0]),
            last[0]["id"] if last else None,
        )

    def vote(self, rater: int, assignment: str, answer: object, vote_id: str, seconds: float | None) -> bool:
        """Keep a vote; see `Study.vote`."""
        with self._file.writing() as connection:
            before = connection.execute(
                "SELECT a.rater, v.assignment FROM votes v JOIN assignments a ON a.id = v.assignment WHERE v.id = ?",
                (vote_id,),
            ).fetchone()
            if before is not None:
                return bool(before["rater"] == rater and before["assignment"] == assignment)
            row = connection.execute(
                "SELECT a.*, i.elements, i.taken, i.wanted FROM assignments a JOIN items i ON i.number = a.item "
                "WHERE a.id = ? AND a.rater = ?",
                (assignment, rater),
            ).fetchone()
            if row is None:
                raise StudyError("This was not given to you: load the page again.")
            turned = self._settings.question.from_sides(answer, bool(row["swapped"]))
            checked = self._settings.question.checked(turned, json.loads(row["elements"]))
            if row["voted"] or not self._is_free(connection, row):
                return False
            took = None if seconds is None or not math.isfinite(seconds) else min(max(seconds, 0.0), LONGEST)
            connection.execute(
                "INSERT INTO votes (id, assignment, answer, seconds, at) VALUES (?, ?, ?, ?, ?)",
                (vote_id, assignment, json.dumps(checked), took, self._clock()),
            )
            connection.execute("UPDATE assignments SET voted = 1, released = NULL WHERE id = ?", (assignment,))
            self._weigh(connection, row["item"], row["slot"])
        return True

    def undo(self, rater: int, vote_id: str) -> bool:
        """Take a vote back; see `Study.undo`."""
        with self._file.writing() as connection:
            row = connection.execute(
                "SELECT v.undone, a.id, a.item, a.slot FROM votes v JOIN assignments a ON a.id = v.assignment "
                "WHERE v.id = ? AND a.rater = ?",
                (vote_id, rater),
            ).fetchone()
            if row is None:
                return False
            if row["undone"] is None:
                now = self._clock()
                connection.execute("UPDATE votes SET undone = ? WHERE id = ?", (now, vote_id))
                connection.execute("UPDATE assignments SET voted = 0, given = ? WHERE id = ?", (now, row["id"]))
                self._weigh(connection, row["item"], row["slot"])
        return True

    def _is_free(self, connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
        """Return whether a vote on an assignment counts: one that was released is taken again if nobody else has."""
        if row["released"] is None:
            return True
        again = connection.execute(
            "SELECT 1 FROM assignments WHERE rater = ? AND item = ? AND slot = ? AND released IS NULL",
            (row["rater"], row["item"], row["slot"]),
        ).fetchone()
        if again or (row["slot"] == "item" and row["taken"] >= row["wanted"]):
            return False
        if row["slot"] == "item":
            connection.execute("UPDATE items SET taken = taken + 1 WHERE number = ?", (row["item"],))
        return True

    def _release(self, connection: sqlite3.Connection) -> None:
        """Take back what waits for raters who don't come back."""
        late = self._clock() - 60 * self._settings.hold_minutes
        condition = "voted = 0 AND released IS NULL AND given < ?"
        connection.execute(
            "UPDATE items SET taken = taken - (SELECT count(*) FROM assignments a WHERE a.item = items.number "
            f"AND a.slot = 'item' AND {condition}) "
            f"WHERE number IN (SELECT item FROM assignments WHERE slot = 'item' AND {condition})",
            (late, late),
        )
        connection.execute(f"UPDATE assignments SET released = ? WHERE {condition}", (self._clock(), late))

    def _give(self, connection: sqlite3.Connection, rater: int) -> bool:
        """Give a rater one thing more; return whether there was any."""
        settings = self._settings
        (position,) = connection.execute(
            "SELECT coalesce(max(position) + 1, 0) FROM assignments WHERE rater = ?", (rater,)
        ).fetchone()
        following = self._following(connection, rater)
        if following is None:
            return False
        slot = slot_of(rater, position, settings.gold_share, settings.repeat_share, settings.seed)
        item = None
        if slot == "gold":
            item = self._gold(connection, rater, position)
        elif slot == "repeat":
            item = self._repeated(connection, rater, position)
        if item is None:
            slot, item = "item", following
        (before,) = connection.execute(
            "SELECT count(*) FROM assignments WHERE item = ? AND slot = ?", (item, slot)
        ).fetchone()
        swapped = settings.question.kind == "pair" and is_swapped(item, before, settings.seed)
        if slot == "repeat" and settings.question.kind == "pair":
            # The other side than the first time: who answers by position contradicts himself.
            (first,) = connection.execute(
                "SELECT swapped FROM assignments WHERE item = ? AND rater = ? AND slot = 'item'", (item, rater)
            ).fetchone()
            swapped = not first
        connection.execute(
            "INSERT INTO assignments (id, rater, item, position, slot, swapped, given) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (secrets.token_urlsafe(18), rater, item, position, slot, int(swapped), self._clock()),
        )
        if slot == "item":
            connection.execute("UPDATE items SET taken = taken + 1 WHERE number = ?", (item,))
        return True

    def _following(self, connection: sqlite3.Connection, rater: int) -> int | None:
        """Return the item that the rater gets next; None if there is none for this rater."""
        settings = self._settings
        (had,) = connection.execute(
            "SELECT count(*) FROM assignments WHERE rater = ? AND slot = 'item' AND released IS NULL", (rater,)
        ).fetchone()
        if settings.items_per_rater is not None and had >= settings.items_per_rater:
            return None
        rows = connection.execute(
            "SELECT number, taken, sureness FROM items WHERE taken < wanted AND gold IS NULL AND number NOT IN "
            "(SELECT item FROM assignments WHERE rater = ? AND slot = 'item' AND released IS NULL)",
            (rater,),
        ).fetchall()
        if not rows:
            return None
        numbers = np.array([row[0] for row in rows], dtype=np.intp)
        beyond = np.array([row[1] for row in rows]) >= settings.votes_per_item
        sureness = np.array([row[2] for row in rows], dtype=np.float64)
        return choose(numbers, self._rank(rater)[numbers], beyond, sureness)

    def _rank(self, rater: int) -> NDArray[np.intp]:
        if rater not in self._ranks:
            order = order_of(self._items, rater, self._settings.votes_per_item, self._settings.seed)
            ranks = np.empty(self._items, dtype=np.intp)
            ranks[order] = np.arange(self._items)
            self._ranks[rater] = ranks
        return self._ranks[rater]

    def _gold(self, connection: sqlite3.Connection, rater: int, position: int) -> int | None:
        rows = connection.execute(
            "SELECT number FROM items WHERE gold IS NOT NULL AND number NOT IN "
            "(SELECT item FROM assignments WHERE rater = ? AND slot = 'gold' AND released IS NULL)",
            (rater,),
        ).fetchall()
        return self._drawn(rows, rater, position)

    def _repeated(self, connection: sqlite3.Connection, rater: int, position: int) -> int | None:
        rows = connection.execute(
            "SELECT item FROM assignments WHERE rater = ? AND slot = 'item' AND voted = 1 AND position <= ? AND item "
            "NOT IN (SELECT item FROM assignments WHERE rater = ? AND slot = 'repeat' AND released IS NULL)",
            (rater, position - self._settings.repeat_gap, rater),
        ).fetchall()
        return self._drawn(rows, rater, position)

    def _drawn(self, rows: list[sqlite3.Row], rater: int, position: int) -> int | None:
        if not rows:
            return None
        rng = np.random.default_rng([self._settings.seed, 4, rater, position])
        return int(rows[int(rng.integers(len(rows)))][0])

    def _weigh(self, connection: sqlite3.Connection, item: int, slot: str) -> None:
        """Where votes are adaptive, say how sure an item is now, and how many votes it shall have."""
        adaptive = self._settings.adaptive
        if adaptive is None or slot != "item":
            return
        question = self._settings.question
        answers = [
            json.loads(row[0])
            for row in connection.execute(
                "SELECT v.answer FROM votes v JOIN assignments a ON a.id = v.assignment "
                "WHERE a.item = ? AND a.slot = 'item' AND v.undone IS NULL",
                (item,),
            )
        ]
        totals: dict[str, float] = {}
        for answer in answers:
            for aspect, value in answer.items():
                totals[aspect] = totals.get(aspect, 0.0) + question.worth(value)
        sureness = min((certainty(total, len(answers)) for total in totals.values()), default=0.5)
        wanted = votes_wanted(len(answers), sureness, self._settings.votes_per_item, adaptive.most, adaptive.confidence)
        connection.execute("UPDATE items SET sureness = ?, wanted = ? WHERE number = ?", (sureness, wanted, item))
