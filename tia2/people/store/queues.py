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
from tia2.people.allocation import Slot, certainty, choose, is_swapped, order_of, slot_of, votes_wanted
from tia2.people.store.database import VotesFile
from tia2.people.store.items import Assignment, RaterQueue
from tia2.people.store.settings import StudySettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 256
"""Items of a rater's order that are looked at together."""
_HELD = "slot = 'item' AND released IS NULL"
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
        self._orders: dict[int, NDArray[np.intp]] = {}
        self._begins: dict[int, int] = {}

    def queue(self, rater: int, ahead: int) -> RaterQueue:
        """Return what waits for a rater, and give out more where it is less than asked."""
        waiting = self._file.rows(_WAITING, rater, ahead)
        if len(waiting) < ahead:
            with self._file.writing() as connection:
                self._release(connection)
                waiting = connection.execute(_WAITING, (rater, ahead)).fetchall()
                self._give(connection, rater, ahead - len(waiting))
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

    def _give(self, connection: sqlite3.Connection, rater: int, count: int) -> None:
        """Give a rater so many things more, as far as there are items that he hasn't seen."""
        settings = self._settings
        (position,) = connection.execute(
            "SELECT coalesce(max(position) + 1, 0) FROM assignments WHERE rater = ?", (rater,)
        ).fetchone()
        following = iter(self._following(connection, rater, count))
        following_item = next(following, None)
        for at in range(position, position + count):
            if following_item is None:
                return
            slot = slot_of(rater, at, settings.gold_share, settings.repeat_share, settings.seed)
            item = None
            if slot == "gold":
                item = self._gold(connection, rater, at)
            elif slot == "repeat":
                item = self._repeated(connection, rater, at)
            if item is None:
                slot, item, following_item = "item", following_item, next(following, None)
            swapped = settings.question.kind == "pair" and self._is_swapped(connection, rater, item, slot)
            connection.execute(
                "INSERT INTO assignments (id, rater, item, position, slot, swapped, given) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (secrets.token_urlsafe(18), rater, item, at, slot, int(swapped), self._clock()),
            )
            if slot == "item":
                connection.execute("UPDATE items SET taken = taken + 1 WHERE number = ?", (item,))

    def _is_swapped(self, connection: sqlite3.Connection, rater: int, item: int, slot: Slot) -> bool:
        if slot == "repeat":
            # The other side than the first time: who answers by position contradicts himself.
            (first,) = connection.execute(
                f"SELECT swapped FROM assignments WHERE item = ? AND rater = ? AND {_HELD}", (item, rater)
            ).fetchone()
            return not first
        (before,) = connection.execute(
            "SELECT count(*) FROM assignments WHERE item = ? AND slot = ?", (item, slot)
        ).fetchone()
        return is_swapped(item, before, self._settings.seed)

    def _following(self, connection: sqlite3.Connection, rater: int, count: int) -> list[int]:
        """Return the items that a rater gets next, as many as asked and as there are for this rater."""
        settings = self._settings
        if settings.items_per_rater is not None:
            (had,) = connection.execute(
                "SELECT count(*) FROM assignments WHERE rater = ? AND slot = 'item' AND released IS NULL", (rater,)
            ).fetchone()
            count = min(count, settings.items_per_rater - had)
        if count <= 0:
            return []
        following = self._lacking(connection, rater, count)
        if len(following) < count:
            following = self._any(connection, rater, count)
        return following

    def _lacking(self, connection: sqlite3.Connection, rater: int, count: int) -> list[int]:
        """Return the next items in a rater's order that lack votes, from where the last search ended."""
        order = self._order(rater)
        lacking: list[int] = []
        while self._begins[rater] < len(order) and len(lacking) < count:
            begin = self._begins[rater]
            chunk = order[begin : begin + CHUNK].tolist()
            marks = ", ".join("?" * len(chunk))
            open_ones = {
                row[0]
                for row in connection.execute(
                    f"SELECT number FROM items WHERE number IN ({marks}) AND taken < min(wanted, ?) AND gold IS NULL "
                    f"AND NOT EXISTS (SELECT 1 FROM assignments WHERE rater = ? AND item = items.number AND {_HELD})",
                    (*chunk, self._settings.votes_per_item, rater),
                )
            }
            lacking += [item for item in chunk if item in open_ones]
            if len(lacking) >= count:
                # The next search begins within this chunk again.
                break
            self._begins[rater] = begin + CHUNK
        return lacking[:count]

    def _any(self, connection: sqlite3.Connection, rater: int, count: int) -> list[int]:
        """Return the next items among all that want votes: some may have come back since, or be in doubt."""
        rows = connection.execute(
            "SELECT number, taken, sureness FROM items WHERE taken < wanted AND gold IS NULL AND number NOT IN "
            f"(SELECT item FROM assignments WHERE rater = ? AND {_HELD})",
            (rater,),
        ).fetchall()
        if not rows:
            return []
        numbers, taken = (np.array([row[column] for row in rows], dtype=np.intp) for column in (0, 1))
        ranks = np.argsort(self._order(rater))[numbers]
        sureness = np.array([row[2] for row in rows], dtype=np.float64)
        chosen = choose(numbers, ranks, taken >= self._settings.votes_per_item, sureness)
        return [int(number) for number in chosen[:count]]

    def _order(self, rater: int) -> NDArray[np.intp]:
        if rater not in self._orders:
            settings = self._settings
            self._orders[rater] = order_of(self._items, rater, settings.votes_per_item, settings.seed)
            self._begins[rater] = 0
        return self._orders[rater]

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
