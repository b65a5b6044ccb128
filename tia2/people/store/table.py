"""All votes of a study as arrays, for what is computed from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.people.store.study import Study


@dataclass(frozen=True)
class VoteTable:
    """The votes that count, in order of arrival, as numbers.

    Attributes:
        aspects: Names of what is asked apart; of a question about elements, the single one `elements`, their mean.
        raters: Names of the raters.
        item: Number of each vote's item, shape (votes,).
        rater: Number of each vote's rater.
        slot: Each vote's slot: item, gold or repeat.
        worths: Worths of the answers, from 0 to 1, shape (votes, aspects).
        expected: Worths of the known answers of what has one, NaN elsewhere, shape (votes, aspects).
        at: Time of arrival, in seconds since 1970.
        seconds: Seconds that each vote took, NaN where that isn't known.
        size: Number of items, those with a known answer included.
        asked: Whether an item is asked about, rather than used to check raters, shape (items,).
    """

    aspects: tuple[str, ...]
    raters: tuple[str, ...]
    item: NDArray[np.intp]
    rater: NDArray[np.intp]
    slot: NDArray[np.str_]
    worths: NDArray[np.float64]
    expected: NDArray[np.float64]
    at: NDArray[np.float64]
    seconds: NDArray[np.float64]
    size: int
    asked: NDArray[np.bool_]

    @classmethod
    def of(cls, study: Study) -> VoteTable:
        """Return the votes of a study."""
        question = study.settings.question
        aspects = question.aspects or ("elements",)

        def worths_of(text: str) -> list[float]:
            answer = json.loads(text)
            worths = [question.worth(value) for value in answer.values()]
            return worths if question.aspects else [sum(worths) / len(worths)]

        rows = study.file.rows(
            "SELECT a.item, a.rater, a.slot, v.answer, v.at, v.seconds FROM votes v "
            "JOIN assignments a ON a.id = v.assignment WHERE v.undone IS NULL ORDER BY v.number"
        )
        items = study.file.rows("SELECT number, gold FROM items ORDER BY number")
        gold = {row[0]: worths_of(row[1]) for row in items if row[1] is not None}
        # Most answers are one of a few texts.
        meaning = {text: worths_of(text) for text in {row[3] for row in rows}}
        gap = [np.nan] * len(aspects)
        return cls(
            aspects,
            tuple(rater.name for rater in study.raters()),
            np.array([row[0] for row in rows], dtype=np.intp),
            np.array([row[1] for row in rows], dtype=np.intp),
            np.array([row[2] for row in rows], dtype=np.str_),
            np.array([meaning[row[3]] for row in rows], dtype=np.float64).reshape(len(rows), len(aspects)),
            np.array([gold.get(row[0], gap) for row in rows], dtype=np.float64).reshape(len(rows), len(aspects)),
            np.array([row[4] for row in rows], dtype=np.float64),
            np.array([np.nan if row[5] is None else row[5] for row in rows], dtype=np.float64),
            len(items),
            np.array([row[1] is None for row in items], dtype=np.bool_),
        )

    @cached_property
    def counting(self) -> NDArray[np.bool_]:
        """Which votes are the first of a rater about an item without a known answer, shape (votes,)."""
        return np.asarray(self.slot == "item")

    def matrix(self, aspect: int, until: int | None = None) -> NDArray[np.float64]:
        """Return the worths of the votes about one aspect by item and rater, NaN where there is none.

        Args:
            aspect: Number of the aspect.
            until: Number of votes, in order of arrival, that are looked at; all if None.
        """
        matrix = np.full((self.size, len(self.raters)), np.nan)
        chosen = np.flatnonzero(self.counting[:until])
        matrix[self.item[chosen], self.rater[chosen]] = self.worths[chosen, aspect]
        return matrix
