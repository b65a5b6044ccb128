"""Simulated raters: how each errs, hesitates, learns and hurries."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tia2.errors import BenchmarkError, StudyError
from tia2.miniworld.annotators import Annotator
from tia2.miniworld.judge import Judgement, judge

if TYPE_CHECKING:
    from tia2.people.store.question import Answer, StudyQuestion

Character = Literal["honest", "spammer", "contrarian"]


@dataclass(frozen=True)
class SimulatedRater:
    """One simulated person.

    Attributes:
        name: Name of the rater.
        annotator: Rates of error and of being unsure, which rise with an image's ambiguity.
        beginner: Addition to the rate of errors at the first vote.
        learning: Votes after which half of that addition is gone.
        character: `honest`; `spammer`, who presses any key; `contrarian`, who means the opposite.
        seconds: Median of the seconds per vote.

    Example:
        >>> rater = SimulatedRater("Ann", Annotator("x", 0.1, 0, 0, 0), beginner=0.2, learning=10)
        >>> [round(rater.error_after(votes), 3) for votes in (0, 10, 1000)]
        [0.3, 0.2, 0.1]
    """

    name: str
    annotator: Annotator
    beginner: float = 0.0
    learning: float = 30.0
    character: Character = "honest"
    seconds: float = 3.0

    def error_after(self, votes: int) -> float:
        """Return the rate of errors on a plain image after so many votes."""
        return self.annotator.error + self.beginner * float(0.5 ** (votes / self.learning))

    def answers(
        self,
        question: StudyQuestion,
        prompt: str,
        aspects: Sequence[str],
        images: Sequence[bytes],
        votes: int,
        rng: np.random.Generator,
    ) -> Answer:
        """Return an answer to what a page shows.

        Args:
            question: The study's question.
            prompt: The prompt.
            aspects: Names of the aspects that are asked about.
            images: Image files, as they were shown.
            votes: Votes that the rater gave before.
            rng: Source of all randomness.

        Raises:
            StudyError: The image or the prompt isn't of the miniature world, or these people don't know the question.
        """
        values = [choice.value for choice in question.choices]
        if self.character == "spammer":
            return {aspect: values[int(rng.integers(len(values)))] for aspect in aspects}
        return {aspect: self._answer(question, prompt, aspect, images, votes, rng) for aspect in aspects}

    def _answer(
        self,
        question: StudyQuestion,
        prompt: str,
        aspect: str,
        images: Sequence[bytes],
        votes: int,
        rng: np.random.Generator,
    ) -> str | int:
        turned = self.character == "contrarian"
        if question.kind in ("aligned", "elements"):
            seen = judged(images[0], aspect if question.kind == "elements" else prompt)
            vote = self._person(votes).vote(seen, rng)
            words = {1: "no" if turned else "yes", 0: "yes" if turned else "no", -1: "unsure"}
            return words[vote]
        noise = self.error_after(votes) * rng.normal()
        if question.kind == "rating":
            worth = judged(images[0], prompt).score + noise
            worth = 1 - worth if turned else worth
            return question.low + round(float(np.clip(worth, 0, 1)) * (question.high - question.low))
        if question.kind == "pair":
            half = len(images) // 2
            left, right = (_mean(side, prompt, aspect) for side in (images[:half], images[half:]))
            lead = (right - left if turned else left - right) + noise
            threshold = self.annotator.unsure + 0.05
            return "tie" if abs(lead) < threshold else "left" if lead > 0 else "right"
        raise StudyError(f"Simulated people can't answer a question of the kind {question.kind}.")

    def _person(self, votes: int) -> Annotator:
        of = self.annotator
        return Annotator(of.name, self.error_after(votes), of.error_slope, of.unsure, of.unsure_slope)


PEOPLE = (
    SimulatedRater("Careful", Annotator("careful", 0.04, 0.30, 0.00, 0.15), seconds=4.0),
    SimulatedRater("Ordinary", Annotator("ordinary", 0.08, 0.30, 0.01, 0.25), seconds=3.0),
    SimulatedRater("Hasty", Annotator("hasty", 0.15, 0.30, 0.02, 0.20), seconds=1.2),
    SimulatedRater("Beginner", Annotator("beginner", 0.06, 0.30, 0.01, 0.20), beginner=0.25, learning=40, seconds=5.0),
    SimulatedRater("Hesitant", Annotator("hesitant", 0.06, 0.25, 0.08, 0.60), seconds=6.0),
)
"""Honest people; the first three are those who voted on `mini`."""
SPAMMER = SimulatedRater("Spammer", Annotator("spammer", 0.5, 0, 0, 0), character="spammer", seconds=0.4)
CONTRARIAN = SimulatedRater("Contrarian", Annotator("contrarian", 0.06, 0.3, 0.01, 0.2), character="contrarian")


def judged(image: bytes, text: str) -> Judgement:
    """Return what the exact judge says of an image file.

    Args:
        image: The file, of an image of the miniature world.
        text: The prompt.

    Raises:
        StudyError: The prompt isn't of the miniature world.
    """
    from PIL import Image

    try:
        return judge(np.asarray(Image.open(io.BytesIO(image)).convert("RGB")), text)
    except BenchmarkError as error:
        raise StudyError(f"Simulated people know the miniature world alone: {error}") from None


def _mean(images: Sequence[bytes], prompt: str, aspect: str) -> float:
    """Return how good a side is: how well it shows the prompt, or how clear what it shows is."""
    judgements = [judged(image, prompt) for image in images]
    if aspect == "fidelity":
        return float(np.mean([np.mean([seen.clarity for seen in each.seen] or [0.0]) for each in judgements]))
    return float(np.mean([each.score for each in judgements]))
