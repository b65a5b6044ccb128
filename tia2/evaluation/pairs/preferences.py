"""People's preferences between two items of a prompt: what they are, checked, and rankings as pairs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.benchmark.reading.tables import frame_of
from tia2.errors import ResultError
from tia2.evaluation.pairs.layouts import with_known_columns

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FIRST, SECOND, TIE = 1.0, 0.0, 0.5
COLUMNS = ("prompt_id", "item_a", "item_b", "preference")
_WORTHS = {"a": FIRST, "0": FIRST, "b": SECOND, "1": SECOND, "tie": TIE, "equal": TIE, "": None}


@dataclass(frozen=True, eq=False)
class Preferences:
    """Preferences between two items each.

    Attributes:
        prompt_ids: Prompt of every pair, shape (pairs,).
        first: Item ids, shape (pairs,).
        second: Item ids, shape (pairs,). An item may be in several pairs.
        votes: 1 for the first, 0 for the second, 0.5 for a tie, NaN for no vote, shape (pairs, votes).

    Example:
        >>> pairs = Preferences.of([{"prompt_id": "p", "item_a": "x", "item_b": "y", "preference": ["a", "tie"]}])
        >>> pairs.votes.tolist(), pairs.preferred.tolist()
        ([[1.0, 0.5]], [1.0])
    """

    prompt_ids: NDArray[Any]
    first: NDArray[Any]
    second: NDArray[Any]
    votes: Floats

    @classmethod
    def of(cls, table: Any) -> Preferences:
        """Read pairs.

        Args:
            table: Path of a CSV, TSV, JSON Lines, JSON or Parquet file, frame, dataset or rows with the columns
                prompt_id, item_a, item_b, and preference: "a", "b" or "tie", or a list of them, one per vote; or in
                Pick-a-Pic's layout.

        Raises:
            ResultError: A column is absent, a preference is something else, a pair has no vote or is of one item twice.
        """
        frame = with_known_columns(frame_of(table, "the pairs", ResultError))
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise ResultError(f"The pairs lack {', '.join(absent)}; their columns are {', '.join(frame.columns)}.")
        if not len(frame):
            raise ResultError("There are no pairs.")
        rows = [_votes_of(cell, row) for row, cell in enumerate(frame["preference"].tolist())]
        votes = np.full((len(rows), max(map(len, rows))), np.nan)
        for row, given in enumerate(rows):
            votes[row, : len(given)] = given
        texts = {column: np.array([str(cell) for cell in frame[column]], dtype=object) for column in COLUMNS[:3]}
        same = texts["item_a"] == texts["item_b"]
        if same.any():
            raise ResultError(f"Pair {int(same.argmax())} is of {texts['item_a'][same.argmax()]!r} twice.")
        return cls(texts["prompt_id"], texts["item_a"], texts["item_b"], votes)

    @classmethod
    def of_rankings(cls, rankings: Mapping[str, Sequence[Mapping[str, float]]]) -> Preferences:
        """Expand rankings to pairs, one vote per ranking; equal ranks are a tie.

        Args:
            rankings: Rankings that people gave of the items of a prompt, by prompt id; each has the rank, 1 for the
                best, by item id.

        Example:
            >>> pairs = Preferences.of_rankings({"p": [{"x": 1, "y": 2, "z": 2}]})
            >>> pairs.votes.ravel().tolist()
            [1.0, 1.0, 0.5]
        """
        votes: dict[tuple[str, str, str], list[str]] = {}
        for prompt, given in rankings.items():
            for ranking in given:
                for a, b in itertools.combinations(sorted(ranking), 2):
                    better = "a" if ranking[a] < ranking[b] else "b" if ranking[b] < ranking[a] else "tie"
                    votes.setdefault((prompt, a, b), []).append(better)
        return cls.of([dict(zip(COLUMNS, (*pair, given), strict=True)) for pair, given in votes.items()])

    def __len__(self) -> int:
        return len(self.votes)

    @cached_property
    def preferred(self) -> Floats:
        """What most votes say: 1 for the first, 0 for the second, 0.5 where as many say one as the other, (pairs,)."""
        mean = np.nanmean(self.votes, axis=1)
        preferred: Floats = np.where(mean > TIE, FIRST, np.where(mean < TIE, SECOND, TIE))
        return preferred

    @cached_property
    def prompts(self) -> Ints:
        """Number of every pair's prompt, in order of appearance, shape (pairs,)."""
        numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(self.prompt_ids))}
        return np.array([numbers[prompt] for prompt in self.prompt_ids], dtype=np.intp)

    def differences(self, items: Sequence[str], values: Floats) -> Floats:
        """Return the value of the first item less that of the second, shape (pairs,).

        Args:
            items: Ids of the items that have values.
            values: Their values.

        Raises:
            ResultError: An item of a pair has no value.
        """
        position_of = {item: number for number, item in enumerate(items)}
        missing = [item for item in (*self.first, *self.second) if item not in position_of]
        if missing:
            raise ResultError(f"{len(missing):,} items of the pairs have no value, first {missing[0]!r}.")
        numbers = np.asarray(values, np.float64)
        left, right = (numbers[[position_of[item] for item in side]] for side in (self.first, self.second))
        difference: Floats = left - right
        if not np.isfinite(difference).all():
            bad = int(np.flatnonzero(~np.isfinite(difference))[0])
            raise ResultError(f"An item of pair {bad} ({self.first[bad]!r}, {self.second[bad]!r}) has no finite value.")
        return difference

    def frame(self) -> pd.DataFrame:
        """Return the pairs as a frame, as `of` takes it."""
        import pandas as pd

        names = {FIRST: "a", SECOND: "b", TIE: "tie"}
        votes: Any = [[names[vote] for vote in row if vote == vote] for row in self.votes.tolist()]
        columns = (self.prompt_ids, self.first, self.second, votes)
        frame: pd.DataFrame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
        return frame

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the pairs as Parquet.

        Args:
            path: The file.
        """
        from tia2.files import replacing

        with replacing(path) as unfinished:
            self.frame().to_parquet(unfinished, index=False)


def _votes_of(cell: Any, row: int) -> list[float]:
    given = list(cell) if isinstance(cell, list | tuple | np.ndarray) else [cell]
    worths = []
    for vote in given:
        text = "" if vote is None or vote != vote else str(vote).strip().lower()
        if text not in _WORTHS:
            raise ResultError(f"Pair {row}: expected the preference as a, b or tie, got {vote!r:.40}.")
        worth = _WORTHS[text]
        if worth is not None:
            worths.append(worth)
    if not worths:
        raise ResultError(f"Pair {row} has no preference: expected a, b or tie.")
    return worths
