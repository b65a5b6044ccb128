"""The SQLite file of a study: items, raters, what each was given, and every vote. Readers don't wait for writers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tia2.errors import StudyError

FILE = "votes.sqlite"
VERSION = 1
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
_SCHEMA = (
    """CREATE TABLE items (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        prompt TEXT NOT NULL,
        images TEXT NOT NULL,
        texts TEXT NOT NULL,
        elements TEXT NOT NULL,
        facts TEXT NOT NULL,
        gold TEXT,
        wanted INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        sureness REAL NOT NULL DEFAULT 0.5
    )""",
    "CREATE INDEX items_open ON items (number) WHERE taken < wanted AND gold IS NULL",
    """CREATE TABLE raters (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        added REAL NOT NULL
    )""",
    """CREATE TABLE assignments (
        id TEXT PRIMARY KEY,
        rater INTEGER NOT NULL REFERENCES raters,
        item INTEGER NOT NULL REFERENCES items,
        position INTEGER NOT NULL,
        slot TEXT NOT NULL CHECK (slot IN ('item', 'gold', 'repeat')),
        swapped INTEGER NOT NULL,
        given REAL NOT NULL,
        voted INTEGER NOT NULL DEFAULT 0,
        released REAL
    )""",
    "CREATE UNIQUE INDEX once_per_rater ON assignments (rater, item, slot) WHERE released IS NULL",
    "CREATE UNIQUE INDEX assignments_in_order ON assignments (rater, position)",
    "CREATE INDEX assignments_waiting ON assignments (rater, position) WHERE voted = 0 AND released IS NULL",
    """CREATE TABLE votes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        assignment TEXT NOT NULL REFERENCES assignments,
        answer TEXT NOT NULL,
        seconds REAL,
        at REAL NOT NULL,
        undone REAL
    )""",
    # An assignment has one vote that counts: a second one, whatever sent it, is refused by the file itself.
    "CREATE UNIQUE INDEX one_vote ON votes (assignment) WHERE undone IS NULL",
    """CREATE TRIGGER votes_stay BEFORE DELETE ON votes
    BEGIN SELECT RAISE(ABORT, 'votes are undone, never deleted'); END""",
    """CREATE TRIGGER votes_are_not_changed BEFORE UPDATE OF id, assignment, answer, at ON votes
    BEGIN SELECT RAISE(ABORT, 'votes are undone, never changed'); END""",
)


class VotesFile:
    """A connection to a study's votes, which threads take in turns.

    Args:
        path: The file.
        new: Whether to make it.
        durable: Whether a vote is on the disk before it is confirmed, so that a power cut loses none either; a killed
            program never loses one.

    Raises:
        StudyError: It is damaged, not there, or of a newer tia2.
    """

    def __init__(self, path: Path, *, new: bool = False, durable: bool = True) -> None:
        self.path = path
        self._lock = threading.RLock()
        if not new and not path.is_file():
            raise StudyError(f"{path} isn't there: the study's votes are gone. Restore a backup.")
        with self._errors():
            self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("PRAGMA foreign_keys = ON")
            if new:
                self._connection.execute("PRAGMA journal_mode = WAL")
                with self.writing() as connection:
                    for statement in _SCHEMA:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise StudyError(f"{path} has schema version {version}; this tia2 reads {VERSION}.")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the only right to write; what a block did is kept if it ends without an error, and undone otherwise."""
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self._lock, self._errors():
            return self._connection.execute(query, values).fetchall()

    def copy_to(self, path: Path) -> None:
        """Write a copy of the file as it is at one moment; raters vote on meanwhile.

        Args:
            path: The copy, which is a file of its own without a journal.
        """
        # A connection of its own, so that votes don't wait for the copy.
        with (
            self._errors(),
            closing(sqlite3.connect(self.path, timeout=PATIENCE)) as reader,
            closing(sqlite3.connect(path)) as target,
        ):
            reader.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StudyError(f"{self.path} is busy: another process writes to it. Try again.") from None
            raise StudyError(f"{self.path} can't be used: {error}.") from None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise
            raise StudyError(f"{self.path} is damaged: {error}. Restore a backup.") from None
