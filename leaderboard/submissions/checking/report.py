"""What the checks of a submission report."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tia2.errors import LeaderboardError


class SubmissionReport(BaseModel):
    """What was found, each in one sentence.

    Example:
        >>> SubmissionReport(warnings=["No licence is given."]).lines
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
        kinds = {"refused": self.problems, "warning": self.warnings, "to be looked at": self.flags}
        return [f"{kind}: {text}" for kind, texts in kinds.items() for text in texts]


class RefusedError(LeaderboardError):
    """A submission can't be accepted as it is.

    Args:
        problems: Why, one sentence each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)
