"""Findings of the conformance checks, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from tia2.errors import RewardError

Status = Literal["passed", "failed", "skipped"]


class CheckResult(BaseModel):
    """The result of one check."""

    model_config = ConfigDict(frozen=True)

    name: str
    """The check's name, for example "batch-size"."""
    tests: str
    """The rule that the check tests."""
    status: Status
    """The outcome. A check with warnings has passed."""
    found: str
    """The finding, in one line."""
    fix: str | None = None
    """Advice, in one sentence; only of a failed check."""
    warnings: tuple[str, ...] = ()
    """Findings that are allowed, but worth knowing."""
    measured: dict[str, float | int | str | None] = {}
    """The numbers behind it; None for one that isn't finite."""
    seconds: float = 0.0
    """Duration of the check."""


class ConformanceReport(BaseModel):
    """Findings of all checks about one reward model.

    Example:
        >>> row = CheckResult(name="finite", tests="every reward is a number", status="passed", found="120 rewards")
        >>> ConformanceReport(reward="mine", tolerance=1e-3, results=(row,)).passed
        True
    """

    model_config = ConfigDict(frozen=True)

    reward: str
    """The reward model's name."""
    spec: str | None = None
    """The spec that it was loaded from; None for an object."""
    fingerprint: str | None = None
    """The reward model's fingerprint; None if it has none."""
    device: str = "unknown"
    """Where it ran."""
    dtype: str = "unknown"
    """The number format of its towers, as its card says."""
    tia2_version: str = "unknown"
    """The version of the suite."""
    tolerance: float
    """The largest difference between rewards that should be equal, as a share of the spread."""
    spread: float | None = None
    """The standard deviation of the rewards of all sample images with all sample texts; None if there are none."""
    allowed: float | None = None
    """The largest difference in units of the reward: tolerance times spread, and no less than float32 rounding."""
    n_images: int = 0
    """Number of sample images."""
    n_texts: int = 0
    """Number of sample texts."""
    results: tuple[CheckResult, ...]
    """Every check that was run."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether no check failed; skipped ones and warnings don't count."""
        return not self.failures

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.status == "failed")

    def __getitem__(self, name: str) -> CheckResult:
        """Return the result of a check by its name.

        Raises:
            UnknownNameError: No check of this name was run.
        """
        from tia2.errors import unknown_name

        for result in self.results:
            if result.name == name:
                return result
        raise unknown_name("check", name, [result.name for result in self.results])

    def raise_for_failures(self) -> None:
        """Do nothing if all checks passed; for the tests of a plugin.

        Raises:
            RewardError: Some failed; the text has a line for each, with what was found and what to do.
        """
        if self.passed:
            return
        lines = [f"{result.name}: {result.found} {result.fix}" for result in self.failures]
        count = f"{len(self.failures)} of {len(self.results)} conformance checks"
        raise RewardError("\n".join([f"Reward {self.reward!r} fails {count}.", *lines]))
