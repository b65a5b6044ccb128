"""What a check of a submission found, and the limits that it is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from tia2.errors import LeaderboardError

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much a submission may take.

    Attributes:
        upload: Bytes of the zip.
        members: Files in it.
        unpacked: Bytes of all files together.
        json: Bytes of one JSON file.
        ratio: Unpacked bytes for each packed one, in files of more than a MiB.
        an_hour: Submissions that one submitter may send in an hour.
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


class Report(BaseModel):
    """What was found, each in one sentence.

    Example:
        >>> Report(warnings=["No licence is given."]).lines
        ['warning: No licence is given.']
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: list[str] = []
    """Why it is refused."""
    warnings: list[str] = []
    """What the submitter should know, and readers of the board will see."""
    flags: list[str] = []
    """What a person should look at before it is accepted."""

    @property
    def lines(self) -> list[str]:
        """All of it as text."""
        found = {"refused": self.problems, "warning": self.warnings, "to be looked at": self.flags}
        return [f"{kind}: {text}" for kind, texts in found.items() for text in texts]


class RefusedError(LeaderboardError):
    """A submission can't be accepted as it is.

    Args:
        problems: Why, one sentence each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)
