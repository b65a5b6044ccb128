"""What is asked about an item, what may be answered, and what an answer is worth as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tia2.errors import StudyError

Kind = Literal["aligned", "rating", "elements", "pair", "contrast"]
Answer = dict[str, str | int]
"""An answer: a value per aspect."""

YES_NO = ("yes", "no", "unsure")
PAIR = ("A", "tie", "B")
SIDES = ("left", "tie", "right")
"""What the page says in place of A and B, which stand left or right by chance."""
_ASPECTS: dict[str, tuple[str, ...]] = {
    "aligned": ("alignment",),
    "rating": ("alignment",),
    "elements": (),
    "pair": ("alignment", "fidelity"),
    "contrast": ("different", "failure"),
}
_WORDING = {
    ("aligned", "alignment"): "Does the image show what the text says?",
    ("rating", "alignment"): "How well does the image show what the text says?",
    ("pair", "alignment"): "Which shows better what the text says?",
    ("pair", "fidelity"): "Which looks better, whatever the text says?",
    ("contrast", "different"): "Do the two texts differ in what they mean?",
    ("contrast", "failure"): "Could a picture for the first text wrongly show the second?",
}
_WORTHS = {"yes": 1.0, "no": 0.0, "unsure": 0.5, "A": 1.0, "B": 0.0, "tie": 0.5}


class AnswerChoice(NamedTuple):
    """Something that may be answered.

    Attributes:
        value: Value of the answer as the page sends it.
        label: Text on the button.
        key: Key that gives it.
    """

    value: str | int
    label: str
    key: str


class StudyQuestion(BaseModel):
    """A study's question.

    Attributes:
        kind: `aligned` (yes, no, unsure), `rating` (a number), `elements` (yes, no, unsure for each part of the
            prompt), `pair` (which of two images, or of two strips), `contrast` (yes, no, unsure about two texts).
        aspects: Names of the parts that are asked apart, in order; empty for `elements`, where each item has its own.
        low: Lowest rating.
        high: Highest rating.
        wording: Sentences that the page asks in place of the usual ones, by aspect.

    Example:
        >>> question = StudyQuestion(kind="pair", aspects=("fidelity",))
        >>> question.checked({"fidelity": "A"}), question.worth("tie")
        ({'fidelity': 'A'}, 0.5)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "aligned"
    aspects: tuple[str, ...] = ()
    low: int = Field(default=1, ge=0)
    high: int = Field(default=5, le=9)
    wording: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _with_aspects(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and not fields.get("aspects"):
            return {**fields, "aspects": _ASPECTS.get(str(fields.get("kind", "aligned")), ())}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> StudyQuestion:
        if self.low >= self.high:
            raise ValueError(f"expected low below high, got {self.low} and {self.high}")
        if len(set(self.aspects)) < len(self.aspects) or not all(aspect.strip() for aspect in self.aspects):
            raise ValueError("aspects are named once each, and have a name")
        if self.kind == "elements" and self.aspects:
            raise ValueError("the aspects of elements are those of each item")
        return self

    def aspects_of(self, elements: Sequence[str] = ()) -> tuple[str, ...]:
        """Return what is asked about an item.

        Args:
            elements: Parts of the item's prompt.
        """
        return tuple(elements) if self.kind == "elements" else self.aspects

    def sentence(self, aspect: str) -> str:
        """Return what the page asks about an aspect."""
        usual = "Does the image show this?" if self.kind == "elements" else f"{aspect.capitalize()}?"
        return self.wording.get(aspect) or _WORDING.get((self.kind, aspect), usual)

    @property
    def values(self) -> tuple[str | int, ...]:
        """The values that an aspect may have."""
        if self.kind == "rating":
            return tuple(range(self.low, self.high + 1))
        return PAIR if self.kind == "pair" else YES_NO

    @property
    def choices(self) -> tuple[AnswerChoice, ...]:
        """What the page offers; of a pair, sides in place of A and B."""
        if self.kind == "rating":
            return tuple(AnswerChoice(value, str(value), str(value)) for value in range(self.low, self.high + 1))
        shown: tuple[str, ...] = SIDES if self.kind == "pair" else YES_NO
        return tuple(AnswerChoice(value, value.capitalize(), str(number)) for number, value in enumerate(shown, 1))

    def checked(self, answer: Any, elements: Sequence[str] = ()) -> Answer:
        """Return an answer if it is one.

        Args:
            answer: A value for every aspect.
            elements: Parts of the item's prompt.

        Raises:
            StudyError: An aspect is missing or unknown, or a value isn't among those that may be given.
        """
        aspects = self.aspects_of(elements)
        if not isinstance(answer, Mapping) or set(answer) != set(aspects):
            raise StudyError(f"Expected an answer about {', '.join(aspects)}, got {answer!r:.80}.")
        for value in answer.values():
            if isinstance(value, bool) or value not in self.values:
                raise StudyError(f"Expected {', '.join(map(str, self.values))} as answer, got {value!r:.40}.")
        return {aspect: answer[aspect] for aspect in aspects}

    def from_sides(self, answer: Any, swapped: bool) -> Any:
        """Return a page's answer about a pair in terms of A and B; any other answer as it is.

        Args:
            answer: The answer as the page sent it.
            swapped: Whether B stood left.
        """
        if self.kind != "pair" or not isinstance(answer, Mapping):
            return answer
        sides = ("B", "tie", "A") if swapped else PAIR
        names = dict(zip(SIDES, sides, strict=True))
        return {aspect: names.get(side, "?") if isinstance(side, str) else side for aspect, side in answer.items()}

    def worth(self, value: str | int) -> float:
        """Return a value as a number from 0 to 1: yes and A are 1, no and B are 0, unsure and a tie are one half."""
        if isinstance(value, int):
            return (value - self.low) / (self.high - self.low)
        return _WORTHS[value]
