"""Items and raters as a study knows them, and what of an item its raters see."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tia2.people.store.question import Answer


@dataclass(frozen=True)
class NewItem:
    """An item to be asked about.

    Attributes:
        key: Name of the item, which its raters never see.
        prompt: The prompt.
        images: Image files in order; of a pair, the first half is A's and the second half B's.
        texts: Further texts to show, such as a contrastive prompt.
        elements: Parts of the prompt, for the question `elements`.
        facts: Anything that the owner wants to keep of the item: its seed, model, subset. Raters never see it.
        gold: The known answer, which makes the item one that checks raters; None for an item that is asked about.
    """

    key: str
    prompt: str
    images: Sequence[Path] = ()
    texts: Sequence[str] = ()
    elements: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    gold: Answer | None = None


@dataclass(frozen=True)
class StudyItem:
    """An item of a study.

    Attributes:
        number: Number of the item, from 0.
        key: Name of the item.
        prompt: The prompt.
        images: Names of its image files in the study's folder of images.
        texts: Further texts.
        elements: Parts of the prompt.
        facts: Facts that the owner keeps about the item.
        gold: The known answer, None where there is none.
    """

    number: int
    key: str
    prompt: str
    images: tuple[str, ...]
    texts: tuple[str, ...]
    elements: tuple[str, ...]
    facts: dict[str, Any]
    gold: Answer | None

    @classmethod
    def of(cls, row: sqlite3.Row) -> StudyItem:
        """Return the item that a row of the file holds."""
        return cls(
            row["number"],
            row["key"],
            row["prompt"],
            tuple(json.loads(row["images"])),
            tuple(json.loads(row["texts"])),
            tuple(json.loads(row["elements"])),
            json.loads(row["facts"]),
            None if row["gold"] is None else json.loads(row["gold"]),
        )


@dataclass(frozen=True)
class StudyRater:
    """A person who is asked.

    Attributes:
        number: Number of the rater, from 0 in order of joining.
        id: Id, which tells nothing.
        name: Name, which only the owner sees.
        token: Token of the rater's link.
    """

    number: int
    id: str
    name: str
    token: str


@dataclass(frozen=True)
class Assignment:
    """Something that a rater was given to judge, as the rater may see it.

    Attributes:
        id: Id of the assignment, which tells nothing of the item.
        prompt: The prompt.
        texts: Further texts.
        aspects: Names of the aspects that are asked about.
        images: Number of images.
    """

    id: str
    prompt: str
    texts: tuple[str, ...]
    aspects: tuple[str, ...]
    images: int


@dataclass(frozen=True)
class RaterQueue:
    """What a rater does next.

    Attributes:
        assignments: Assignments that wait for the rater's votes, the next first; empty when nothing is left.
        done: Votes that the rater has given.
        last: Id of the latest vote, which can be undone; None if there is none.
    """

    assignments: tuple[Assignment, ...]
    done: int
    last: str | None
