"""Accepting a submission: whole or not at all, whether a process is killed, the disk is full, or two do it at once.

An acceptance is announced before the board changes: in the database, by the state `accepting`, and by an empty file
beside the upload. A process that is killed leaves both, and whoever opens the queue next carries it through. A process
that fails, as on a full disk, takes the file away first, which needs no room: what is announced in the database alone
was given up, and is put back.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tia2.errors import Tia2Error

from ...data.records import Listing
from ...data.store import Store
from ...finetuned.files import StoredRun

ANNOUNCED = ".accepting"
"""Ending of the file that stands for an announced acceptance."""
log = logging.getLogger(__name__)


def announcement(uploads: Path, submission: str) -> Path:
    """Return the file that says that a submission is being accepted."""
    return uploads / f"{submission}{ANNOUNCED}"


def announce(uploads: Path, submission: str) -> None:
    """Say that a submission is being accepted; call it while the database is being written."""
    uploads.mkdir(exist_ok=True)
    announcement(uploads, submission).touch()


@contextmanager
def undone_on_failure(store: Store, name: str) -> Iterator[None]:
    """Put the board back as it was if a block fails, without needing room on the disk.

    Args:
        store: The store.
        name: Id of the listing that the block writes, or of the run that it adds.
    """
    listing = store.folder / "listings" / f"{name}.json"
    before = listing.with_name(f".{listing.name}.before")
    runs = {run.id for run in store.runs}
    replaces = listing.is_file()
    before.unlink(missing_ok=True)
    if replaces:
        try:
            os.link(listing, before)
        except OSError:  # a file system without links
            shutil.copyfile(listing, before)
    try:
        yield
    except BaseException:
        if replaces:
            os.replace(before, listing)
        else:
            listing.unlink(missing_ok=True)
        for run in store.runs:
            if run.id == name and name not in runs:
                store.remove_run(name)
        raise
    finally:
        before.unlink(missing_ok=True)


@contextmanager
def given_up_on_failure(uploads: Path, submission: str) -> Iterator[None]:
    """Take an announcement back if a block fails for a reason that a person is told."""
    try:
        yield
    except (Tia2Error, OSError, sqlite3.Error):
        announcement(uploads, submission).unlink(missing_ok=True)
        raise


def on_board(store: Store, name: str) -> Listing | StoredRun | None:
    """Return the listing or the run of an id; None if there is none."""
    entries: list[Listing | StoredRun] = [*store.listings, *store.runs]
    return next((entry for entry in entries if entry.id == name), None)
