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
    figures: list[str] = []
    """What reviewers see always: the nearest entries, and what of the votes it may know."""

    @property
    def lines(self) -> list[str]:
        """All of it as text, for reviewers."""
        return [*self.public_lines, *(f"to be looked at: {text}" for text in self.flags)]

    @property
    def reviewer_lines(self) -> list[str]:
        """All of it as text, with the figures that reviewers see always."""
        return [*self.lines, *(f"figures: {text}" for text in self.figures)]

    @property
    def public_lines(self) -> list[str]:
        """What submitters are told, as text: no flag, since whoever knows them knows how to stay below."""
        kinds = {"refused": self.problems, "warning": self.warnings}
        return [f"{kind}: {text}" for kind, texts in kinds.items() for text in texts]


class RefusedError(LeaderboardError):
    """A submission can't be accepted as it is.

    Args:
        problems: Why, one sentence each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)
