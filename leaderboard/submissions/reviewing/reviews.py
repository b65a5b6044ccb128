"""Reviews: what is decided about submissions, and what a killed process left half done.

A submission's file is put in place and its row written under one write lock, and acceptance is announced (state
`accepting`) before the board changes. So what a killed process left can be told from what a live one is doing: a
file without a row belongs to nobody, and an announced acceptance is carried through by whoever opens the queue next.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import unicodedata
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tia2.errors import LeaderboardError, Tia2Error, UnknownNameError, unknown_name

from ...data.records import Listing
from ...data.store import Store
from ...finetuned.files import StoredRun
from ..checking.lookalikes import ACCENTS
from ..checking.runs import ValidatedRun
from ..checking.texts import MARKS_IN_A_ROW, hidden, quote, stacked, text_problem
from ..checking.validation import Validated, check_submission
from ..database import Database, Logged, Queued, State
from ..limits import LIMITS, Limits
from ..quotas import WAITING, stamp
from .acceptance import ANNOUNCED, announce, announcement, given_up_on_failure, log, on_board, undone_on_failure

if TYPE_CHECKING:
    from typing_extensions import Self

LONGEST = 1000
ABANDONED = 3600.0
"""Seconds after which an unfinished score table belongs to a process that is gone."""


class Reviews:
    """The submissions of a store, as reviewers see them.

    Opening it finishes or undoes what a killed process left half done. It is used by the thread that opened it.

    Args:
        store: The store.
        limits: Limits of what is taken.
    """

    def __init__(self, store: Store, limits: Limits = LIMITS) -> None:
        self.store = store
        self.limits = limits
        self.uploads = store.folder / "uploads"
        self._database = Database(store.folder / "queue.sqlite")
        self.recover()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # Looking

    def pending(self) -> list[Queued]:
        """Return the submissions that wait, oldest first."""
        return self._database.submissions(WAITING)

    def upload(self, submission: str) -> Path:
        """Return the file of a submission that waits.

        Raises:
            UnknownNameError: There is no such submission.
            LeaderboardError: Its file is missing or damaged, or it is decided already.
        """
        queued = self.get(submission)
        expect(queued, "pending")
        self._check_upload(queued)
        return self._upload(queued.id)

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

    def remove(self, name: str, reviewer: str, reason: str) -> None:
        """Take a model, a published result or a fine-tuning run off the board; score tables stay in the store.

        Args:
            name: Id on the board.
            reviewer: Who does it.
            reason: Why; kept in the log.

        Raises:
            UnknownNameError: The board has nothing of this id.
            LeaderboardError: No reason is given.
        """
        who, reason = _reviewer(reviewer), _text("The reason", reason)
        if not reason:
            raise LeaderboardError("Expected a reason for taking it off the board, got none: the log keeps it.")
        runs = [run.id for run in self.store.runs]
        names = [*(listing.id for listing in self.store.listings), *self.store.published, *runs]
        if name not in names:
            raise unknown_name("model", name, names)
        rows = self._database.submissions("slug = ? AND state = 'accepted'", name)
        with undone_on_failure(self.store, name), self._database.writing() as connection:
            self._log(who, "removed", rows[-1].id if rows else "", f"{name}: {reason}", datetime.now(timezone.utc))
            if name not in runs:
                self.store.remove(name)
            connection.commit()
        if name in runs:
            # Last, as a folder can't be put back.
            self.store.remove_run(name)

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
        expect(queued, "pending")
        validated = self._validated(queued)
        with self._database.writing() as connection:
            queued = self.get(queued.id)
            if queued.state == "accepted":
                return self._listing(queued)
            expect(queued, "pending")
            with given_up_on_failure(self.uploads, queued.id):
                announce(self.uploads, queued.id)
                connection.execute(
                    "UPDATE submissions SET state = 'accepting', decided_by = ?, reason = ? WHERE id = ?",
                    (who, note, queued.id),
                )
                connection.commit()
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
            expect(queued, "pending")
            now = datetime.now(timezone.utc)
            connection.execute(
                "UPDATE submissions SET state = 'rejected', decided = ?, decided_by = ?, reason = ? WHERE id = ?",
                (stamp(now), who, reason, queued.id),
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
        given_up = not announcement(self.uploads, queued.id).is_file()
        # An earlier version announced in the database alone; what it had put on the board is carried through.
        if given_up and (queued.replaces or on_board(self.store, queued.slug) is None):
            self._put_back(queued, "It could not be carried through.")
            return
        try:
            self._carry_through(queued.id, self._validated(queued, again=True))
        except Tia2Error as error:
            self._put_back(queued, str(error))

    def _strays(self) -> list[Path]:
        """Return the uploads that no waiting submission stands for; for certain only under the write lock."""
        waiting = {f"{queued.id}.zip" for queued in self.pending()}
        waiting |= {f"{queued.id}{ANNOUNCED}" for queued in self.pending() if queued.state == "accepting"}
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
                expect(queued, "accepting")
                now, who = datetime.now(timezone.utc), queued.decided_by or "unknown"
                with (
                    given_up_on_failure(self.uploads, queued.id),
                    undone_on_failure(self.store, queued.replaces or validated.slug),
                ):
                    # Not the submitter, who may be known by an address: listings are published.
                    accepted = validated.put(self.store, stamp(now), who, queued.replaces)
                    connection.execute(
                        "UPDATE submissions SET state = 'accepted', decided = ?, slug = ? WHERE id = ?",
                        (stamp(now), accepted.id, submission),
                    )
                    self._log(who, "accepted", submission, queued.reason, now)
                    connection.commit()
        except (Tia2Error, OSError) as error:
            try:
                self._put_back(self.get(submission), str(error))
            except Tia2Error as another:  # a full disk: whoever opens the queue next puts it back
                log.warning("%s", another)
            raise
        self._upload(submission).unlink(missing_ok=True)
        announcement(self.uploads, submission).unlink(missing_ok=True)
        return accepted

    def _validated(self, queued: Queued, again: bool = False) -> Validated | ValidatedRun:
        self._check_upload(queued)
        return check_submission(
            self._upload(queued.id),
            self.store,
            limits=self.limits,
            suspicion=False,
            accepting=queued.slug if again or queued.replaces else None,
        )

    def _check_upload(self, queued: Queued) -> None:
        path = self._upload(queued.id)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != queued.sha256:
            raise LeaderboardError(
                f"The file of submission {queued.id} is missing or damaged: reject it, and ask for another."
            )

    def _listing(self, queued: Queued) -> Listing | StoredRun:
        """Return what an accepted submission put on the board."""
        accepted = on_board(self.store, queued.slug)
        if accepted is not None:
            return accepted
        raise LeaderboardError(
            f"{quote(queued.name)}, accepted by {queued.decided_by} on {queued.decided}, was taken off the board since."
        )

    def _log(self, who: str, what: str, submission: str, note: str, now: datetime) -> None:
        self._database.connection.execute(
            "INSERT INTO log (at, who, what, submission, note) VALUES (?, ?, ?, ?, ?)",
            (stamp(now), who, what, submission, note),
        )

    def _upload(self, submission: str) -> Path:
        return self.uploads / f"{submission}.zip"


def expect(queued: Queued, state: State) -> None:
    """Refuse a submission that is in another state."""
    if queued.state == state:
        return
    if queued.state == "accepting":
        raise LeaderboardError(f"{quote(queued.name)} is being accepted by {queued.decided_by}: wait a moment.")
    when = f" by {queued.decided_by} on {queued.decided}" if queued.decided_by else ""
    raise LeaderboardError(f"{quote(queued.name)} is {queued.state} already{when}; expected one that is {state}.")


def _reviewer(name: str) -> str:
    reviewer = clean(name)
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


def clean(text: str) -> str:
    """Return text on one line without what can't be shown, not too long."""
    plain = "".join(character for character in text if not hidden(character))
    plain = plain if not stacked(plain, MARKS_IN_A_ROW) else ACCENTS.sub("", unicodedata.normalize("NFD", plain))
    return " ".join(plain.split())[:100]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
