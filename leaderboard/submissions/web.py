"""What the page for submitting calls."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tia2.errors import LeaderboardError, Tia2Error

from ..data.store import Store
from .checking.isolated import run_apart
from .checking.report import RefusedError
from .limits import LIMITS, Limits
from .queue import Queue

PATIENCE = 600.0


@dataclass(frozen=True)
class UploadOutcome:
    """What became of an upload.

    Attributes:
        lines: Lines for the submitter. Text that others wrote is among it: show it as text, never as markup.
        id: Id of a submission that now waits for a review; None when it was refused.
    """

    lines: tuple[str, ...]
    id: str | None = None


def receive_upload(
    store: Store,
    path: str | Path,
    submitter: str,
    *,
    filename: str | None = None,
    limits: Limits = LIMITS,
    apart: bool = True,
) -> UploadOutcome:
    """Take an uploaded file as a submission.

    Args:
        store: The store.
        path: Where the web server put the file.
        submitter: Who sent it: an account's name, or what tells visitors apart.
        filename: The submitter's name for the file; the path's name if None.
        limits: Limits of what is taken.
        apart: Whether to check it in a process of its own, so that pages stay quick and the server small.

    Returns:
        What to say; nothing is raised for a bad upload.

    Example:
        >>> receive_upload(Store("runs/leaderboard"), "mine.zip", "me").lines  # doctest: +SKIP
        ('Received mine as 3f2a... It will be on the board once a maintainer has accepted it.',)
    """
    if not apart:
        return _receive(store, Path(path), submitter, filename, limits)
    request = {
        "store": str(store.folder.resolve()),
        "path": str(Path(path).resolve()),
        "submitter": submitter,
        "filename": filename,
        "limits": asdict(limits),
    }
    try:
        answer = run_apart(__name__, json.dumps(request), PATIENCE)
    except LeaderboardError as error:
        return UploadOutcome((f"The submission could not be checked: {error}.",))
    return UploadOutcome(tuple(answer["lines"]), answer["id"])


def main() -> None:
    """Take the upload that stdin speaks of, and write what became of it to stdout as JSON."""
    request = json.load(sys.stdin)
    try:
        store = Store(request["store"])
    except Tia2Error as error:
        outcome = UploadOutcome((f"The submission could not be taken: {error}",))
    else:
        limits = Limits(**request["limits"])
        outcome = _receive(store, Path(request["path"]), request["submitter"], request["filename"], limits)
    sys.stdout.write(json.dumps(asdict(outcome)))


def _receive(store: Store, path: Path, submitter: str, filename: str | None, limits: Limits) -> UploadOutcome:
    try:
        with Queue(store, limits) as queue:
            receipt = queue.receive(path, submitter, filename=filename)
    except RefusedError as error:
        return UploadOutcome(tuple(f"Refused: {problem}" for problem in error.problems))
    except Tia2Error as error:
        return UploadOutcome((f"The submission could not be taken: {error}",))
    received = f"Received {receipt.name} as {receipt.id}. It will be on the board once a maintainer has accepted it."
    return UploadOutcome((received, *receipt.report.lines), receipt.id)
