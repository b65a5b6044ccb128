"""The settings of a study, kept in its study.json."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tia2.errors import StudyError
from tia2.files import explain, write_atomically
from tia2.people.store.question import StudyQuestion

FILE = "study.json"
SCHEMA: Literal[1] = 1


class Adaptive(BaseModel):
    """Votes where they pay: an item is asked about again while it is in doubt.

    Attributes:
        most: Votes that an item gets at most.
        confidence: Credibility of the interval of the item's share of yes; an item whose interval leaves out one half
            is decided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(default=7, ge=2, le=1000)
    confidence: float = Field(default=0.8, gt=0.5, lt=1)


class StudySettings(BaseModel):
    """What is asked, and how the work is shared out.

    Attributes:
        schema_version: Version of this file's format.
        name: Name of the study, which raters see.
        question: The question.
        votes_per_item: Raters per item; the least where votes are adaptive.
        adaptive: Further votes for items in doubt; None for the same number for each.
        gold_share: Share of what a rater sees that has a known answer.
        repeat_share: Share of what a rater sees that he has seen before.
        repeat_gap: Items between the two times, at least.
        items_per_rater: Items that one rater gets at most; None for no limit.
        break_every: Votes after which the page proposes a break; 0 for never.
        hold_minutes: Minutes for which an item waits for the rater that it was given to.
        seed: Seed of every order and side.
        guide: Text for raters, shown before they begin.

    Example:
        >>> StudySettings(name="circles").question.kind
        'aligned'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = SCHEMA
    name: str = Field(min_length=1, max_length=120)
    question: StudyQuestion = Field(default_factory=StudyQuestion)
    votes_per_item: int = Field(3, ge=1, le=1000)
    adaptive: Adaptive | None = None
    gold_share: float = Field(0.05, ge=0, le=0.5)
    repeat_share: float = Field(0.05, ge=0, le=0.5)
    repeat_gap: int = Field(20, ge=1)
    items_per_rater: int | None = Field(None, ge=1)
    break_every: int = Field(50, ge=0)
    hold_minutes: float = Field(30.0, gt=0)
    seed: int = Field(0, ge=0)
    guide: str = Field("", max_length=5000)

    @model_validator(mode="after")
    def _consistent(self) -> StudySettings:
        if self.adaptive is not None and self.adaptive.most < self.votes_per_item:
            raise ValueError(f"adaptive.most is below votes_per_item, {self.votes_per_item}")
        return self

    def write(self, folder: Path) -> None:
        """Write study.json into a folder, whole or not at all.

        Raises:
            StudyError: It can't be written.
        """
        write_atomically(folder / FILE, (self.model_dump_json(indent=1) + "\n").encode(), StudyError)

    @classmethod
    def read(cls, folder: Path) -> StudySettings:
        """Return the settings of the study in a folder.

        Raises:
            StudyError: There is no study, or its file is damaged or of a newer tia2.
        """
        path = folder / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise StudyError(f"{folder} holds no study: `tia2 people new` makes one.") from None
        except OSError as error:
            raise StudyError(f"{path} can't be read: {error.strerror}.") from None
        except ValidationError as error:
            raise StudyError(f"{path} is no study: {explain(error)}.") from None


def settings_of(**fields: object) -> StudySettings:
    """Return settings made of fields.

    Raises:
        StudyError: They don't fit together; the first that doesn't is named.
    """
    try:
        return StudySettings.model_validate(fields)
    except ValidationError as error:
        raise StudyError(f"A study can't have these settings: {explain(error, 'the settings')}.") from None
