"""What the queue tells of submissions and of what was done about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checking.report import Report

State = Literal["pending", "accepting", "accepted", "rejected"]


@dataclass(frozen=True)
class Receipt:
    """What a submitter gets.

    Attributes:
        id: Of the submission.
        name: The model's.
        report: Warnings, and flags for a person.
    """

    id: str
    name: str
    report: Report


@dataclass(frozen=True)
class Queued:
    """A submission as the queue knows it.

    Attributes:
        id: 32 hexadecimal digits.
        received: When, UTC.
        filename: What the submitter called the file; shown, never used.
        sha256: Of the file.
        size: Of the file, in bytes.
        submitter: Who sent it.
        name: The model's.
        slug: Its id on the board, once accepted.
        benchmark: On which it is measured.
        state: pending, accepting, accepted or rejected.
        report: What the checks found.
        reason: Why it was rejected, or what the reviewer noted.
        decided: When, UTC; None while pending.
        decided_by: Who; None while pending.
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
    report: Report
    reason: str
    decided: str | None
    decided_by: str | None


@dataclass(frozen=True)
class Logged:
    """A line of the log: when, who did what to which submission, and why."""

    at: str
    who: str
    what: str
    submission: str
    note: str
