"""What the page for submitting calls."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from tia2.errors import LeaderboardError, Tia2Error
from tia2.files import without_folders

from ..data.store import Store
from .checking.isolated import run_apart
from .checking.report import RefusedError
from .database import Database
from .limits import LIMITS, Limits
from .queue import PublicStatus, Queue
from .quotas import count_upload

PATIENCE = 600.0


@dataclass(frozen=True)
class UploadOutcome:
    """What became of an upload.

    Attributes:
        lines: Lines for the submitter. Text that others wrote is among it: show it as text, never as markup.
        id: Id of a submission that now waits for a review; None when it was refused.
        key: Key with which the submitter withdraws or replaces it; empty when it was refused.
    """

    lines: tuple[str, ...]
    id: str | None = None
    key: str = ""


def receive_upload(
    store: Store,
    path: str | Path,
    submitter: str,
    *,
    filename: str | None = None,
    limits: Limits = LIMITS,
    apart: bool = True,
    replaces: str | None = None,
) -> UploadOutcome:
    """Take an uploaded file as a submission.

    Every upload counts towards its sender's share, whatever becomes of it.

    Args:
        store: The store.
        path: Where the web server put the file.
        submitter: Who sent it: an account's name, or what tells visitors apart.
        filename: The submitter's name for the file; the path's name if None.
        limits: Limits of what is taken.
        apart: Whether to check it in a process of its own, so that pages stay quick and the server small.
        replaces: The receipt of the submission that this is a new version of.

    Returns:
        What to say; nothing is raised for a bad upload.

    Example:
        >>> receive_upload(Store("runs/leaderboard"), "mine.zip", "me").lines  # doctest: +SKIP
        ('Received mine as 3f2a... It will be on the board once a maintainer has accepted it.', ...)
    """
    file = Path(path)
    try:
        with closing(Database(store.folder / "queue.sqlite")) as database:
            size = file.stat().st_size if file.is_file() else 0
            count_upload(database, limits, submitter, size, datetime.now(timezone.utc))
    except RefusedError as error:
        return UploadOutcome(tuple(f"Refused: {problem}" for problem in error.problems))
    except Tia2Error as error:
        return UploadOutcome((_public(store, f"The submission could not be taken: {error}"),))
    if not apart:
        return _receive(store, file, submitter, filename, limits, replaces)
    request = {
        "store": str(store.folder.resolve()),
        "path": str(file.resolve()),
        "submitter": submitter,
        "filename": filename,
        "limits": asdict(limits),
        "replaces": replaces,
    }
    try:
        answer = run_apart(__name__, json.dumps(request), PATIENCE)
    except LeaderboardError as error:
        return UploadOutcome((_public(store, f"The submission could not be checked: {error}."),))
    return UploadOutcome(tuple(answer["lines"]), answer["id"], answer["key"])


def status_of(store: Store, submission: str) -> PublicStatus:
    """Return what anybody may know of a submission who knows its id.

    Args:
        store: The store.
        submission: Its id, in full.

    Raises:
        UnknownNameError: There is none of this id.
    """
    with Queue(store) as queue:
        return queue.status(submission.strip())


def withdraw(store: Store, receipt: str) -> PublicStatus:
    """Take a submission back that isn't decided yet.

    Args:
        store: The store.
        receipt: Its id and its key, with a full stop between.

    Raises:
        UnknownNameError: There is none of this id.
        LeaderboardError: The key is another one, or it is decided already.
    """
    submission, _, key = receipt.strip().partition(".")
    with Queue(store) as queue:
        return queue.withdraw(submission, key)


def main() -> None:
    """Take the upload that stdin speaks of, and write what became of it to stdout as JSON."""
    request = json.load(sys.stdin)
    try:
        store = Store(request["store"])
    except Tia2Error as error:
        outcome = UploadOutcome((without_folders(f"The submission could not be taken: {error}", request["store"]),))
    else:
        limits, path = Limits(**request["limits"]), Path(request["path"])
        outcome = _receive(store, path, request["submitter"], request["filename"], limits, request["replaces"])
    sys.stdout.write(json.dumps(asdict(outcome)))


def _receive(
    store: Store, path: Path, submitter: str, filename: str | None, limits: Limits, replaces: str | None
) -> UploadOutcome:
    try:
        with Queue(store, limits) as queue:
            receipt = queue.receive(path, submitter, filename=filename, replaces=replaces)
    except RefusedError as error:
        return UploadOutcome(tuple(_public(store, f"Refused: {problem}") for problem in error.problems))
    except Tia2Error as error:
        return UploadOutcome((_public(store, f"The submission could not be taken: {error}"),))
    received = f"Received {receipt.name} as {receipt.id}. It will be on the board once a maintainer has accepted it."
    keep = f"Keep this receipt, with which you can withdraw or replace it: {receipt.id}.{receipt.key}"
    # Flags are for reviewers: whoever knows them knows how to stay below.
    return UploadOutcome((received, keep, *receipt.report.public_lines), receipt.id, receipt.key)


def _public(store: Store, sentence: str) -> str:
    return without_folders(sentence, store.folder, store.folder.resolve())
