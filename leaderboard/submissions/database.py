"""The SQLite file of submissions and of the log of reviews, which only grows; readers don't wait for writers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tia2.errors import LeaderboardError

from .checking.report import SubmissionReport

VERSION = 2
"""2 has uploads, withdrawn submissions, their keys, and what a submission replaces; 1 is brought up to it."""
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
State = Literal["pending", "accepting", "accepted", "rejected", "withdrawn"]
_STATES = ", ".join(f"'{state}'" for state in get_args(State))
_SCHEMA = f"""
CREATE TABLE submissions (
    id TEXT PRIMARY KEY,
    received TEXT NOT NULL,
    filename TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    submitter TEXT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    benchmark TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({_STATES})),
    report TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    decided TEXT,
    decided_by TEXT,
    key_sha256 TEXT NOT NULL DEFAULT '',
    replaces TEXT
);
CREATE INDEX submissions_by_state ON submissions (state, received);
CREATE TABLE log (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    submission TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE TABLE uploads (
    at TEXT NOT NULL,
    sender TEXT NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX uploads_by_time ON uploads (at);
"""
_RULES = """
CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the log of reviews is append-only'); END;
CREATE TRIGGER log_is_never_shortened BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the log of reviews is append-only'); END;
CREATE TRIGGER submissions_stay BEFORE DELETE ON submissions
BEGIN SELECT RAISE(ABORT, 'submissions are decided, never deleted'); END;
"""
# A table's checks can't be changed: the tables of version 1 are copied, in one transaction, and dropped.
_FROM_1 = f"""
DROP TRIGGER log_is_never_changed;
DROP TRIGGER log_is_never_shortened;
DROP TRIGGER submissions_stay;
DROP INDEX submissions_by_state;
ALTER TABLE log RENAME TO log_1;
ALTER TABLE submissions RENAME TO submissions_1;
{_SCHEMA}
INSERT INTO submissions (id, received, filename, sha256, size, submitter, name, slug, benchmark, state, report, reason,
    decided, decided_by)
SELECT id, received, filename, sha256, size, submitter, name, slug, benchmark, state, report, reason,
    decided, decided_by
FROM submissions_1 ORDER BY rowid;
INSERT INTO log (number, at, who, what, submission, note)
SELECT number, at, who, what, submission, note FROM log_1 ORDER BY number;
DROP TABLE log_1;
DROP TABLE submissions_1;
"""


@dataclass(frozen=True)
class Receipt:
    """What a submitter gets.

    Attributes:
        id: Id of the submission, by which anybody can ask for its status.
        name: Name of the model.
        report: Warnings, and flags for a person.
        key: Secret with which the submitter withdraws or replaces it.
    """

    id: str
    name: str
    report: SubmissionReport
    key: str = ""


@dataclass(frozen=True)
class Queued:
    """A submission as the queue knows it.

    Attributes:
        id: Id, 32 hexadecimal digits.
        received: Time of arrival, UTC.
        filename: The submitter's name for the file; shown, never used.
        sha256: Digest of the file.
        size: Size of the file, in bytes.
        submitter: Person or address that sent it.
        name: Name of the model.
        slug: Id on the board, once accepted.
        benchmark: Name of the benchmark that it is measured on.
        state: pending, accepting, accepted, rejected or withdrawn.
        report: Result of the checks.
        reason: Reason of a rejection or withdrawal, or the reviewer's note.
        decided: Time of the decision, UTC; None while pending.
        decided_by: The reviewer; None while pending.
        key_sha256: Digest of the submitter's key; empty for submissions of before version 2.
        replaces: Id on the board of the model that it is a new version of; None for a new model.
    """

    id: str
    received: str
    filename: str
    sha256: str
    size: int
    submitter: str
    name: str
    slug: str
    benchmark: str
    state: State
    report: SubmissionReport
    reason: str
    decided: str | None
    decided_by: str | None
    key_sha256: str = ""
    replaces: str | None = None


@dataclass(frozen=True)
class Logged:
    """A line of the log: when, who did what to which submission, and why."""

    at: str
    who: str
    what: str
    submission: str
    note: str


class Database:
    """A connection, opened with the schema in place.

    Args:
        path: The file; made if it isn't there.

    Raises:
        LeaderboardError: It is damaged, no database, or of a newer tia2.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.errors():
            self.connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self.connection.row_factory = sqlite3.Row
            self.connection.execute("PRAGMA recursive_triggers = ON")
            self.connection.execute("PRAGMA synchronous = FULL")
            version = self._version()
            if version > VERSION:
                raise LeaderboardError(f"{path} has schema version {version}; this tia2 reads {VERSION}. Update tia2.")
            if version < VERSION:
                self.connection.execute("PRAGMA journal_mode = WAL")
                self._update()

    def _version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _update(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version()  # another process may have been first
            if version < VERSION:
                script = f"{_FROM_1 if version == 1 else _SCHEMA}{_RULES}"
                for statement in _statements(script):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the only right to write; what a block did is kept if it ends without an error, and undone otherwise."""
        with self.errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.commit()
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.rollback()
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise LeaderboardError(f"{self.path} is busy: another process writes to it. Try again.") from None
            raise LeaderboardError(f"{self.path} can't be used: {error}.") from None
        except sqlite3.DatabaseError as error:
            raise LeaderboardError(f"{self.path} is damaged: {error}. Restore a backup.") from None

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self.errors():
            return self.connection.execute(query, values).fetchall()

    def submissions(self, condition: str, *values: object) -> list[Queued]:
        """Return the submissions that fit a condition, oldest first.

        Args:
            condition: Text after WHERE, with a question mark for each value.
            *values: Values of the condition.
        """
        rows = self.rows(f"SELECT * FROM submissions WHERE {condition} ORDER BY received, rowid", *values)
        return [Queued(**{**dict(row), "report": SubmissionReport.model_validate_json(row["report"])}) for row in rows]


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements one by one: `executescript` would commit before the first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
