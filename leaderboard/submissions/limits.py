"""How much a submission may take: of the disk, of memory, and of the reviewers' time."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much a submission may take.

    Attributes:
        upload: Bytes of the zip.
        members: Files in it.
        unpacked: Bytes of all files together.
        json: Bytes of one JSON file.
        ratio: Unpacked bytes per packed byte, in files of more than a MiB.
        an_hour: Submissions that one submitter may send per hour.
        pending: Submissions that may wait for a review.
    """

    upload: int = 64 * MIB
    members: int = 4096
    unpacked: int = 256 * MIB
    json: int = MIB // 4
    ratio: int = 100
    an_hour: int = 5
    pending: int = 50


LIMITS = Limits()
