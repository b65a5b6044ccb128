"""How raters worked, and rules by which votes are left out, stated before and applied alike to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tia2.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 5
"""Votes below which pace and one-sidedness say nothing of a rater."""


@dataclass(frozen=True)
class RaterConduct:
    """How a rater worked.

    Attributes:
        rater: Name of the rater.
        votes: Number of votes on pairs without a known answer.
        checks: Number of votes on pairs with a known answer.
        passed: Number of those that give it.
        repeats: Number of votes on pairs that the rater had seen before.
        consistent: Number of those that say what the first vote said, whichever side it stood on then.
        seconds: Median time per vote; None where times weren't kept.
        left: Share of votes for the left side among those for a side; None without any.
        same: Share of the votes that give the answer which the rater gives most often: left, tie or right.
    """

    rater: str
    votes: int
    checks: int = 0
    passed: int = 0
    repeats: int = 0
    consistent: int = 0
    seconds: float | None = None
    left: float | None = None
    same: float = 0.0


@dataclass(frozen=True)
class RejectionRules:
    """Rules by which all votes of a rater are left out.

    Attributes:
        checks: Share of the checks that must be passed, 0 for no such rule.
        seconds: Median time per vote that is the least, 0 for no such rule.
        same: Share of votes with the same answer that is the most, 1 for no such rule.
    """

    checks: float = 0.7
    seconds: float = 1.0
    same: float = 0.95

    def __post_init__(self) -> None:
        if not 0 <= self.checks <= 1 or not 0 < self.same <= 1 or self.seconds < 0:
            raise ResultError("Rules of rejection are shares from 0 to 1 and a time that isn't negative.")

    def sentences(self) -> list[str]:
        """Return the rules as they can be told to raters before they begin."""
        sentences = []
        if self.checks:
            sentences.append(f"fewer than {self.checks:.0%} of the pairs with a known answer are answered rightly")
        if self.seconds:
            sentences.append(f"half of the votes took less than {self.seconds:g} s (from {FEWEST} votes on)")
        if self.same < 1:
            sentences.append(f"more than {self.same:.0%} of the votes are the same key (from {FEWEST} votes on)")
        return sentences

    def reason(self, conduct: RaterConduct) -> str:
        """Return why a rater's votes are left out; empty if they are kept.

        Args:
            conduct: The rater's way of working.

        Example:
            >>> RejectionRules().reason(RaterConduct("Ann", votes=20, checks=4, passed=2, seconds=6.0, same=0.5))
            'passed 2 of 4 checks'
        """
        if conduct.checks and conduct.passed < self.checks * conduct.checks:
            return f"passed {conduct.passed} of {conduct.checks} checks"
        if conduct.votes >= FEWEST and conduct.seconds is not None and conduct.seconds < self.seconds:
            return f"took {conduct.seconds:.1f} s per vote"
        if conduct.votes >= FEWEST and conduct.same > self.same:
            return f"gave the same answer {conduct.same:.0%} of the time"
        return ""


NO_RULES = RejectionRules(checks=0, seconds=0, same=1)


def conducts(
    frame: pd.DataFrame, aspects: Sequence[str], answers: dict[str, dict[str, str | int]]
) -> list[RaterConduct]:
    """Return how every rater worked, in the order in which they appear.

    Args:
        frame: Votes of a study of pairs, as `Study.votes` returns them.
        aspects: Names of the questions, each a column of the votes.
        answers: Known answers by item.
    """
    return [_conduct(str(rater), rows, aspects, answers) for rater, rows in frame.groupby("rater", sort=False)]


def _conduct(
    rater: str, rows: pd.DataFrame, aspects: Sequence[str], answers: dict[str, dict[str, str | int]]
) -> RaterConduct:
    items, gold, repeats = (rows[rows["slot"] == slot].to_dict("records") for slot in ("item", "gold", "repeat"))
    given = {(row["item"], aspect): row[aspect] for row in items for aspect in aspects}
    passed = sum(all(row[aspect] == answers[row["item"]][aspect] for aspect in aspects) for row in gold)
    again = [all(given.get((row["item"], aspect)) == row[aspect] for aspect in aspects) for row in repeats]
    sides = [side_of(row[aspect], bool(row["swapped"])) for row in items for aspect in aspects]
    lefts, rights = sides.count("left"), sides.count("right")
    times = rows["seconds"][rows["slot"] == "item"].dropna().tolist()
    return RaterConduct(
        rater=rater,
        votes=len(items),
        checks=len(gold),
        passed=int(passed),
        repeats=len(again),
        consistent=sum(again),
        seconds=float(median(times)) if times else None,
        left=lefts / (lefts + rights) if lefts + rights else None,
        same=max(sides.count(side) for side in ("left", "tie", "right")) / len(sides) if sides else 0.0,
    )


def side_of(answer: str, swapped: bool) -> str:
    """Return the side that an answer of A, B or tie chose.

    Args:
        answer: The answer.
        swapped: Whether B stood left.

    Example:
        >>> side_of("A", True), side_of("tie", True)
        ('right', 'tie')
    """
    if answer == "tie":
        return "tie"
    return "left" if (answer == "A") != swapped else "right"
