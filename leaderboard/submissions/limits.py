"""How much submissions may take: of the disk, of memory, and of the reviewers' time."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
WITHOUT = 1 << 60


@dataclass(frozen=True)
class Limits:
    """How much submissions may take.

    Attributes:
        upload: Bytes of the zip.
        members: Files in it.
        unpacked: Bytes of all files together.
        json: Bytes of one JSON file.
        ratio: Unpacked bytes per packed byte, in files of more than a MiB.
        an_hour: Submissions that one submitter may hand in per hour.
        uploads: Files that one sender may upload per hour, whatever becomes of them.
        uploads_in_all: Files that all senders together may upload per hour.
        pending: Submissions that may wait for a review.
        pending_each: Submissions of one submitter that may wait.
        waiting: Bytes of the files that wait.
        waiting_each: Bytes of one submitter's files that wait.
        free: Bytes that stay free on the store's disk.
    """

    upload: int = 64 * MIB
    members: int = 4096
    unpacked: int = 256 * MIB
    json: int = MIB // 4
    ratio: int = 100
    an_hour: int = 5
    uploads: int = 20
    uploads_in_all: int = 200
    pending: int = 50
    pending_each: int = 10
    waiting: int = 1024 * MIB
    waiting_each: int = 256 * MIB
    free: int = 512 * MIB


LIMITS = Limits()
UNLIMITED = Limits(
    an_hour=WITHOUT, uploads=WITHOUT, uploads_in_all=WITHOUT, pending=WITHOUT, pending_each=WITHOUT, waiting=WITHOUT,
    waiting_each=WITHOUT, free=0,
)  # fmt: skip
"""For whoever can write to the store's folder anyway."""
