"""Simulated people: three annotators with different, stated rates of error and of being unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tia2.miniworld.judge import Judgement

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Annotator:
    """One simulated person; every rate is a probability and rises linearly with the judgement's ambiguity.

    Attributes:
        name: Name of the annotator on the card.
        error: Probability of a wrong vote on a plain image.
        error_slope: Addition to `error` for the most ambiguous image.
        unsure: Probability of an unsure vote on a plain image.
        unsure_slope: Addition to `unsure` for the most ambiguous image.
    """

    name: str
    error: float
    error_slope: float
    unsure: float
    unsure_slope: float

    def vote(self, judgement: Judgement, rng: np.random.Generator) -> int:
        """Return 1 (aligned), 0 (not) or -1 (unsure).

        Args:
            judgement: The exact judge's verdict on the image.
            rng: Source of all randomness; two numbers are drawn whatever the outcome.

        Returns:
            The vote.
        """
        doubt, slip = rng.random(2)
        ambiguity = judgement.ambiguity
        if doubt < self.unsure + self.unsure_slope * ambiguity:
            return -1
        return int(judgement.accepted != (slip < self.error + self.error_slope * ambiguity))


ANNOTATORS = (
    Annotator("careful", error=0.04, error_slope=0.30, unsure=0.00, unsure_slope=0.15),
    Annotator("ordinary", error=0.08, error_slope=0.30, unsure=0.01, unsure_slope=0.25),
    Annotator("hasty", error=0.15, error_slope=0.30, unsure=0.02, unsure_slope=0.20),
)
"""Chosen so that one annotator agrees with the other two about as well as in TIA2."""


def votes(judgement: Judgement, rng: np.random.Generator) -> list[int]:
    """Return the three annotators' votes on one image, always in the order of `ANNOTATORS`."""
    return [annotator.vote(judgement, rng) for annotator in ANNOTATORS]
