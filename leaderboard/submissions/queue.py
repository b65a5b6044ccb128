"""Submissions that wait, as their submitters see them; reviewers' part is in `reviews`."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tia2.errors import LeaderboardError, UnknownNameError
from tia2.files import write_atomically

from ..finetuned.files import StoredRun
from .checking.report import RefusedError
from .checking.runs import ValidatedRun
from .checking.texts import quote
from .checking.validation import check_submission
from .database import Queued, Receipt
from .quotas import check_quotas, count_upload, stamp
from .reviewing.acceptance import on_board
from .reviewing.reviews import Reviews, clean, expect


@dataclass(frozen=True)
class PublicStatus:
    """What anybody may know of a submission who knows its id: not who sent it, nor what reviewers see.

    Attributes:
        id: Id of the submission.
        name: Name of the model.
        state: pending, accepted, rejected, withdrawn, or removed from the board since.
        received: Time of arrival, UTC.
        decided: Time of the decision, UTC; None while pending.
        reason: Reason of a rejection or a withdrawal.
        listing: Id on the board; None unless it is there.
    """

    id: str
    name: str
    state: str
    received: str
    decided: str | None
    reason: str
    listing: str | None

    @property
    def sentence(self) -> str:
        """All of it in a sentence or two."""
        when = f" on {self.decided[:10]}" if self.decided else ""
        words = {
            "pending": "waits for a review",
            "accepted": f"was accepted{when}, and is on the board as {self.listing}",
            "rejected": f"was rejected{when}",
            "withdrawn": f"was withdrawn{when}",
            "removed": f"was accepted{when}, and taken off the board since",
        }
        reason = f" Reason: {self.reason}" if self.reason else ""
        return f"{self.name}, received on {self.received[:10]}, {words[self.state]}.{reason}"


class Queue(Reviews):
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

    def count_upload(self, sender: str, size: int, now: datetime | None = None) -> None:
        """Count a file that somebody uploaded, whatever becomes of it.

        Args:
            sender: Who uploads it.
            size: Bytes of the file.
            now: The time; the clock's if None.

        Raises:
            RefusedError: It is one too many.
        """
        moment = now or datetime.now(timezone.utc)
        count_upload(self._database, self.limits, clean(sender) or "unknown", size, moment)

    def receive(
        self,
        path: Path,
        submitter: str,
        now: datetime | None = None,
        *,
        filename: str | None = None,
        replaces: str | None = None,
    ) -> Receipt:
        """Check a submission, and let it wait for a review if nothing is wrong with it.

        Args:
            path: The zip.
            submitter: Who sends it; limits are counted by this.
            now: The time; the clock's if None.
            filename: The submitter's name for the file; the path's name if None.
            replaces: The id and the key, with a full stop between, of the submission that this is a new version of.

        Raises:
            RefusedError: Something is wrong with it, or too many were sent. Nothing is kept of it then.
        """
        moment = now or datetime.now(timezone.utc)
        submitter = clean(submitter) or "unknown"
        size = path.stat().st_size if path.is_file() else 0
        check_quotas(self._database, self.limits, self.store.folder, submitter, size, moment)
        earlier = self._by_key(*_parted(replaces)) if replaces else None
        listing = self._to_replace(earlier)
        waiting = [queued.name for queued in self.pending() if earlier is None or queued.id != earlier.id]
        validated = check_submission(path, self.store, limits=self.limits, waiting=waiting, accepting=listing)
        if listing is not None and (isinstance(validated, ValidatedRun) or earlier is None):
            raise RefusedError(["A fine-tuning run is no new version of a model: submit it by itself."])
        if listing is not None and earlier is not None and validated.name != earlier.name:
            raise RefusedError(
                [f"A new version keeps the model's name: expected {quote(earlier.name)}, got {quote(validated.name)}."]
            )
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        receipt = Receipt(uuid.uuid4().hex, validated.name, validated.report, secrets.token_hex(16))
        values = {
            "id": receipt.id,
            "received": stamp(moment),
            "filename": clean(os.path.basename(filename or path.name)),
            "sha256": sha256,
            "size": len(content),
            "submitter": submitter,
            "name": receipt.name,
            "slug": listing or validated.slug,
            "benchmark": validated.benchmark_name,
            "state": "pending",
            "report": validated.report.model_dump_json(),
            "key_sha256": _digest(receipt.key),
            "replaces": listing,
        }
        with self._database.writing() as connection:
            check_quotas(self._database, self.limits, self.store.folder, submitter, len(content), moment)
            same = "SELECT 1 FROM submissions WHERE sha256 = ? AND state NOT IN ('rejected', 'withdrawn')"
            if self._database.rows(same, sha256):
                raise RefusedError(["This very file was submitted before: there is nothing new to review."])
            write_atomically(self._upload(receipt.id), content, LeaderboardError)
            placeholders = ", ".join(f":{name}" for name in values)
            connection.execute(f"INSERT INTO submissions ({', '.join(values)}) VALUES ({placeholders})", values)
            self._log(submitter, "received", receipt.id, receipt.name, moment)
            if earlier is not None and earlier.state == "pending":
                self._withdraw(earlier, f"Replaced by {receipt.id}.", moment)
        if earlier is not None and earlier.state == "pending":
            self._upload(earlier.id).unlink(missing_ok=True)
        return receipt

    def status(self, submission: str) -> PublicStatus:
        """Return what anybody may know of a submission who knows its whole id.

        Raises:
            UnknownNameError: There is none of this id.
        """
        if not re.fullmatch(r"[0-9a-f]{32}", submission):
            raise UnknownNameError(f"Expected a submission's id, 32 hexadecimal digits, got {quote(submission)}.")
        rows = self._database.submissions("id = ?", submission)
        if not rows:
            raise UnknownNameError(f"There is no submission {submission}.")
        queued = rows[0]
        listed = queued.state == "accepted" and on_board(self.store, queued.slug) is not None
        state = {"accepting": "pending"}.get(queued.state, queued.state)
        if queued.state == "accepted" and not listed:
            state = "removed"
        return PublicStatus(
            id=queued.id,
            name=queued.name,
            state=state,
            received=queued.received,
            decided=queued.decided if state != "pending" else None,
            reason=queued.reason if state in ("rejected", "withdrawn") else "",
            listing=queued.slug if listed else None,
        )

    def withdraw(self, submission: str, key: str) -> PublicStatus:
        """Take a submission back that isn't decided yet.

        Args:
            submission: Its id.
            key: The key that its submitter got with the receipt.

        Raises:
            UnknownNameError: There is no such submission.
            LeaderboardError: The key is another one, or the submission is decided already.
        """
        queued = self._by_key(submission, key)
        with self._database.writing():
            queued = self.get(queued.id)
            expect(queued, "pending")
            self._withdraw(queued, "Withdrawn by its submitter.", datetime.now(timezone.utc))
        self._upload(queued.id).unlink(missing_ok=True)
        return self.status(queued.id)

    def _by_key(self, submission: str, key: str) -> Queued:
        self.status(submission)  # refuses what is no whole id
        queued = self.get(submission)
        if not queued.key_sha256 or not hmac.compare_digest(_digest(key), queued.key_sha256):
            raise LeaderboardError(f"This is not the key of submission {submission}: its receipt has it.")
        return queued

    def _to_replace(self, earlier: Queued | None) -> str | None:
        """Return the listing that a submission will replace; None for a new model, and for one that only waited."""
        if earlier is None or earlier.state != "accepted":
            return None
        listing = on_board(self.store, earlier.slug)
        if isinstance(listing, StoredRun):
            raise RefusedError(["A fine-tuning run on the board isn't replaced: submit the new one by itself."])
        return None if listing is None else listing.id

    def _withdraw(self, queued: Queued, reason: str, now: datetime) -> None:
        self._database.connection.execute(
            "UPDATE submissions SET state = 'withdrawn', decided = ?, reason = ? WHERE id = ? AND state = 'pending'",
            (stamp(now), reason, queued.id),
        )
        self._log(queued.submitter, "withdrawn", queued.id, reason, now)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _parted(receipt: str) -> tuple[str, str]:
    submission, _, key = receipt.strip().partition(".")
    return submission, key
