"""Submissions that wait, what was decided about them, and by whom.

A submission's file is put in place and its row written under one write lock, and acceptance is announced (state
`accepting`) before the board changes. So what a killed process left can be told from what a live one is doing: a
file without a row belongs to nobody, and an announced acceptance is carried through by whoever opens the queue next.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import unicodedata
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType

from tia2.errors import LeaderboardError, Tia2Error, UnknownNameError
from tia2.files import write_atomically

from ..data.records import Listing
from ..data.store import Store
from ..finetuned.files import StoredRun
from .checking.lookalikes import ACCENTS
from .checking.report import RefusedError
from .checking.runs import ValidatedRun
from .checking.texts import MARKS_IN_A_ROW, hidden, quote, stacked, text_problem
from .checking.validation import Validated, check_submission
from .database import Database, Logged, Queued, Receipt, State
from .limits import LIMITS, Limits

LONGEST = 1000
ABANDONED = 3600.0
"""Seconds after which an unfinished score table belongs to a process that is gone."""


class Queue:
    """The submissions of a store.

    Opening it finishes or undoes what a killed process left half done. A queue is used by the thread that opened it.

    Args:
        store: The store.
        limits: Limits of what is taken.

    Example:
        >>> with Queue(Store("runs/leaderboard")) as queue:  # doctest: +SKIP
        ...     receipt = queue.receive(Path("mine.zip"), "me")
        ...     queue.accept(receipt.id, "maintainer")
    """

    def __init__(self, store: Store, limits: Limits = LIMITS) -> None:
        self.store = store
        self.limits = limits
        self.uploads = store.folder / "uploads"
        self._database = Database(store.folder / "queue.sqlite")
        self.recover()

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # Submitters

    def receive(
        self, path: Path, submitter: str, now: datetime | None = None, *, filename: str | None = None
    ) -> Receipt:
        """Check a submission, and let it wait for a review if nothing is wrong with it.

        Args:
            path: The zip.
            submitter: Who sends it; limits are counted by this.
            now: The time; the clock's if None.
            filename: The submitter's name for the file; the path's name if None.

        Raises:
            RefusedError: Something is wrong with it, or too many were sent. Nothing is kept of it then.
        """
        moment = now or datetime.now(timezone.utc)
        submitter = _clean(submitter) or "unknown"
        self._check_limits(submitter, moment)
        waiting = [queued.name for queued in self.pending()]
        validated = check_submission(path, self.store, limits=self.limits, waiting=waiting)
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        receipt = Receipt(uuid.uuid4().hex, validated.name, validated.report)
        values = {
            "id": receipt.id,
            "received": _stamp(moment),
            "filename": _clean(os.path.basename(filename or path.name)),
            "sha256": sha256,
            "size": len(content),
            "submitter": submitter,
            "name": receipt.name,
            "slug": validated.slug,
            "benchmark": validated.benchmark_name,
            "state": "pending",
            "report": validated.report.model_dump_json(),
        }
        with self._database.writing() as connection:
            self._check_limits(submitter, moment)
            if self._database.rows("SELECT 1 FROM submissions WHERE sha256 = ? AND state != 'rejected'", sha256):
                raise RefusedError(["This very file was submitted before: there is nothing new to review."])
            write_atomically(self._upload(receipt.id), content, LeaderboardError)
            placeholders = ", ".join(f":{name}" for name in values)
            connection.execute(f"INSERT INTO submissions ({', '.join(values)}) VALUES ({placeholders})", values)
            self._log(submitter, "received", receipt.id, receipt.name, moment)
        return receipt

    # Reviewers

    def pending(self) -> list[Queued]:
        """Return the submissions that wait, oldest first."""
        return self._database.submissions("state IN ('pending', 'accepting')")

    def get(self, submission: str) -> Queued:
        """Return a submission by its id, or by enough of its beginning.

        Raises:
            UnknownNameError: There is none, or several begin like this.
        """
        if not re.fullmatch(r"[0-9a-f]{4,32}", submission):
            raise UnknownNameError(f"Expected a submission's id, hexadecimal digits, got {quote(submission)}.")
        matches = self._database.submissions("id LIKE ? || '%'", submission)
        if len(matches) != 1:
            what = (
                f"{len(matches)} submissions have ids that begin"
                if matches
                else "There is no submission whose id begins"
            )
            raise UnknownNameError(f"{what} with {submission}. `tia2 leaderboard review` lists those that wait.")
        return matches[0]

    def log(self) -> list[Logged]:
        """Return the log of reviews, oldest first."""
        rows = self._database.rows("SELECT at, who, what, submission, note FROM log ORDER BY number")
        return [Logged(**dict(row)) for row in rows]

    def accept(self, submission: str, reviewer: str, note: str = "") -> Listing | StoredRun:
        """Put a submission on the board. Accepting it twice is accepting it once.

        Args:
            submission: Its id.
            reviewer: Who accepts it.
            note: Note for the log.

        Returns:
            What is on the board now: a model, or a fine-tuning run.

        Raises:
            UnknownNameError: There is no such submission.
            LeaderboardError: It is rejected, being accepted by somebody else, or can't be accepted any more, because
                its name was taken meanwhile, for example.
        """
        who, note = _reviewer(reviewer), _text("The note", note)
        queued = self.get(submission)
        if queued.state == "accepted":
            return self._listing(queued)
        _expect(queued, "pending")
        validated = self._validated(queued)
        with self._database.writing() as connection:
            queued = self.get(queued.id)
            if queued.state == "accepted":
                return self._listing(queued)
            _expect(queued, "pending")
            connection.execute(
                "UPDATE submissions SET state = 'accepting', decided_by = ?, reason = ? WHERE id = ?",
                (who, note, queued.id),
            )
        return self._carry_through(queued.id, validated)

    def reject(self, submission: str, reviewer: str, reason: str) -> Queued:
        """Keep a submission off the board.

        Args:
            submission: Its id.
            reviewer: Who rejects it.
            reason: Why; told to the submitter.

        Raises:
            UnknownNameError: There is no such submission.
            LeaderboardError: It is decided already, or no reason is given.
        """
        who, reason = _reviewer(reviewer), _text("The reason", reason)
        if not reason:
            raise LeaderboardError("Expected a reason for rejecting the submission, got none: its submitter needs one.")
        with self._database.writing() as connection:
            queued = self.get(submission)
            _expect(queued, "pending")
            now = datetime.now(timezone.utc)
            connection.execute(
                "UPDATE submissions SET state = 'rejected', decided = ?, decided_by = ?, reason = ? WHERE id = ?",
                (_stamp(now), who, reason, queued.id),
            )
            self._log(who, "rejected", queued.id, reason, now)
        self._upload(queued.id).unlink(missing_ok=True)
        return self.get(queued.id)

    # After a crash

    def recover(self) -> None:
        """Finish or undo what killed processes left: acceptances half done, files of nobody."""
        for queued in self._database.submissions("state = 'accepting'"):
            self._finish(queued)
        if self._strays():
            with self._database.writing():
                for path in self._strays():
                    path.unlink(missing_ok=True)
        for path in (self.store.folder / "tables").glob(".*.tmp"):
            if time.time() - _changed(path) > ABANDONED:
                shutil.rmtree(path, ignore_errors=True)

    def _finish(self, queued: Queued) -> None:
        try:
            self._carry_through(queued.id, self._validated(queued, again=True))
        except Tia2Error as error:
            self._put_back(queued, str(error))

    def _strays(self) -> list[Path]:
        """Return the uploads that no waiting submission stands for; for certain only under the write lock."""
        waiting = {f"{queued.id}.zip" for queued in self.pending()}
        return [path for path in self.uploads.glob("*") if path.name not in waiting]

    def _put_back(self, queued: Queued, why: str) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE submissions SET state = 'pending', decided_by = NULL, reason = '' "
                "WHERE id = ? AND state = 'accepting'",
                (queued.id,),
            )
            if changed.rowcount:
                self._log(queued.decided_by or "unknown", "put back", queued.id, why, datetime.now(timezone.utc))

    def _carry_through(self, submission: str, validated: Validated | ValidatedRun) -> Listing | StoredRun:
        try:
            with self._database.writing() as connection:
                queued = self.get(submission)
                if queued.state == "accepted":
                    return self._listing(queued)
                _expect(queued, "accepting")
                now = datetime.now(timezone.utc)
                # Not the submitter, who may be known by an address: listings are published.
                accepted = validated.put(self.store, _stamp(now), queued.decided_by or "unknown")
                connection.execute(
                    "UPDATE submissions SET state = 'accepted', decided = ?, slug = ? WHERE id = ?",
                    (_stamp(now), accepted.id, submission),
                )
                self._log(queued.decided_by or "unknown", "accepted", submission, queued.reason, now)
        except (Tia2Error, OSError) as error:
            self._put_back(self.get(submission), str(error))
            raise
        self._upload(submission).unlink(missing_ok=True)
        return accepted

    def _validated(self, queued: Queued, again: bool = False) -> Validated | ValidatedRun:
        path = self._upload(queued.id)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != queued.sha256:
            raise LeaderboardError(
                f"The file of submission {queued.id} is missing or damaged: reject it, and ask for another."
            )
        return check_submission(
            path, self.store, limits=self.limits, suspicion=False, accepting=queued.slug if again else None
        )

    def _listing(self, queued: Queued) -> Listing | StoredRun:
        """Return what an accepted submission put on the board."""
        on_board: list[Listing | StoredRun] = [*self.store.listings, *self.store.runs]
        for accepted in on_board:
            if accepted.id == queued.slug:
                return accepted
        raise LeaderboardError(
            f"{quote(queued.name)}, accepted by {queued.decided_by} on {queued.decided}, was taken off the board since."
        )

    def _check_limits(self, submitter: str, now: datetime) -> None:
        ((waiting,),) = self._database.rows("SELECT COUNT(*) FROM submissions WHERE state IN ('pending', 'accepting')")
        if waiting >= self.limits.pending:
            raise RefusedError([f"{waiting} submissions wait for a review, which is the most: try again in some days."])
        ((lately,),) = self._database.rows(
            "SELECT COUNT(*) FROM submissions WHERE submitter = ? AND received > ?",
            submitter,
            _stamp(now - timedelta(hours=1)),
        )
        if lately >= self.limits.an_hour:
            raise RefusedError(
                [f"{lately} submissions came from you within an hour, which is the most: try again later."]
            )

    def _log(self, who: str, what: str, submission: str, note: str, now: datetime) -> None:
        self._database.connection.execute(
            "INSERT INTO log (at, who, what, submission, note) VALUES (?, ?, ?, ?, ?)",
            (_stamp(now), who, what, submission, note),
        )

    def _upload(self, submission: str) -> Path:
        return self.uploads / f"{submission}.zip"


def _expect(queued: Queued, state: State) -> None:
    if queued.state == state:
        return
    if queued.state == "accepting":
        raise LeaderboardError(f"{quote(queued.name)} is being accepted by {queued.decided_by}: wait a moment.")
    when = f" by {queued.decided_by} on {queued.decided}" if queued.decided_by else ""
    raise LeaderboardError(f"{quote(queued.name)} is {queued.state} already{when}; expected one that is {state}.")


def _reviewer(name: str) -> str:
    reviewer = _clean(name)
    if not reviewer:
        raise LeaderboardError("Expected the reviewer's name for the log, got none: give one with --by.")
    return reviewer


def _text(what: str, text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST:
        raise LeaderboardError(f"{what} has {len(text):,} characters; at most {LONGEST:,} are kept.")
    problem = text_problem(what, text)
    if problem:
        raise LeaderboardError(problem)
    return text


def _clean(text: str) -> str:
    """Return text on one line without what can't be shown, not too long."""
    plain = "".join(character for character in text if not hidden(character))
    plain = plain if not stacked(plain, MARKS_IN_A_ROW) else ACCENTS.sub("", unicodedata.normalize("NFD", plain))
    return " ".join(plain.split())[:100]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
