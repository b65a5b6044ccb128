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

from tia2.benchmark.judgements.comparisons import FIRST, SECOND, TIE, votes_on_pair
from tia2.benchmark.reading.tables import frame_of
from tia2.errors import ResultError
from tia2.evaluation.pairs.layouts import with_known_columns

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

COLUMNS = ("prompt_id", "item_a", "item_b", "preference")


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
        rows = [votes_on_pair(cell, row, ResultError) for row, cell in enumerate(frame["preference"].tolist())]
        votes = _matrix(rows)
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

    @classmethod
    def of_items(cls, items: pd.DataFrame) -> Preferences:
        """Return the comparisons that the items of a benchmark list; those with an item that isn't there are left out.

        Args:
            items: The columns prompt_id, item_id, compared_with and preferences.

        Raises:
            ResultError: The items list none.

        Example:
            >>> import pandas as pd
            >>> columns = {"prompt_id": "p", "item_id": ["x", "y"], "compared_with": [["y", "y"], []]}
            >>> pairs = Preferences.of_items(pd.DataFrame({**columns, "preferences": [[1.0, 0.5], []]}))
            >>> pairs.second.tolist(), pairs.votes.tolist()
            (['y'], [[1.0, 0.5]])
        """
        if "preferences" not in items.columns:
            raise ResultError("The benchmark has no comparisons of two items.")
        prompt_of = dict(zip(items["item_id"], items["prompt_id"], strict=True))
        votes: dict[tuple[str, str], list[float]] = {}
        for item, others, given in zip(items["item_id"], items["compared_with"], items["preferences"], strict=True):
            for other, vote in zip(others, given, strict=True):
                if other not in prompt_of:
                    continue
                if (other, item) in votes:
                    votes[other, item].append(1 - vote)
                else:
                    votes.setdefault((item, other), []).append(vote)
        if not votes:
            raise ResultError("There are no pairs.")
        first, second = (np.array([pair[side] for pair in votes], dtype=object) for side in (0, 1))
        prompts = np.array([prompt_of[item] for item in first], dtype=object)
        return cls(prompts, first, second, _matrix(list(votes.values())))

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


def _matrix(rows: Sequence[Sequence[float]]) -> Floats:
    votes = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, given in enumerate(rows):
        votes[row, : len(given)] = given
    return votes
