"""The form of a conformance check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tia2.rewards.conformance.trial import Finding, Subject

Run: TypeAlias = Callable[[Subject], Finding]


@dataclass(frozen=True)
class Check:
    """One conformance check.

    Attributes:
        name: The name in reports.
        tests: The rule that must hold.
        fix: Advice for when it doesn't, unless the finding has a better one.
        run: Tests a reward model; may raise whatever that raises.
    """

    name: str
    tests: str
    fix: str
    run: Run


def conformance(name: str, *, tests: str, fix: str) -> Callable[[Run], Check]:
    """Turn a function into a check.

    Args:
        name: The name in reports.
        tests: The rule that must hold.
        fix: Advice for when it doesn't.
    """
    return lambda run: Check(name, tests, fix, run)
