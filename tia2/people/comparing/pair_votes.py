"""Votes on pairs of images: who preferred which side, of which prompt, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError, on_one_line, unknown_name

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]

COLUMNS = ("prompt_id", "item_id", "left", "right", "rater", "aspect", "choice", "time")
LEFT, RIGHT, TIE = "left", "right", "tie"
WORTHS = {LEFT: 1.0, TIE: 0.5, RIGHT: 0.0}
"""What a choice is worth to the model on the left."""


@dataclass(frozen=True)
class PairVotes:
    """Votes on pairs, one per row of a table.

    Args:
        frame: Columns prompt_id, item_id (one prompt and seed), left and right (models), rater, aspect ("alignment",
            "fidelity" or any other question), choice ("left", "right" or "tie") and time (seconds since the epoch).

    Raises:
        ResultError: A column is missing or has gaps, a choice is none of the three, a model is compared with itself, an
            item belongs to two prompts, or a rater voted twice on one pair.

    Example:
        >>> import pandas as pd
        >>> row = ("a/0", "a/0/7", "base", "tuned", "Ada", "alignment", "right", 0.0)
        >>> PairVotes(pd.DataFrame([row], columns=COLUMNS)).models
        ['base', 'tuned']
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.frame.columns]
        if missing:
            raise ResultError(f"Votes on pairs have the columns {', '.join(COLUMNS)}; {missing[0]} is missing.")
        frame = self.frame[list(COLUMNS)].reset_index(drop=True)
        object.__setattr__(self, "frame", frame)
        if frame.isna().to_numpy().any():
            name = str(frame.columns[frame.isna().any().to_numpy().argmax()])
            raise ResultError(f"Votes on pairs have no gaps; the column {name} has some.")
        strange = frame["choice"][~frame["choice"].isin(list(WORTHS))]
        if len(strange):
            raise ResultError(f"Expected a choice of left, right or tie, got {str(strange.iloc[0])!r}.")
        alike = frame[frame["left"] == frame["right"]]
        if len(alike):
            raise ResultError(f"{on_one_line(str(alike['left'].iloc[0]))} is compared with itself.")
        if len(frame) and (frame.groupby("item_id")["prompt_id"].nunique() > 1).any():
            raise ResultError("An item belongs to two prompts; item_id names one prompt and seed.")
        pairs = [tuple(sorted(pair)) for pair in zip(frame["left"], frame["right"], strict=True)]
        keys = frame[["item_id", "rater", "aspect"]].assign(pair=pairs)
        if keys.duplicated().any():
            row = keys[keys.duplicated()].iloc[0]
            rater, item = (on_one_line(str(row[name])) for name in ("rater", "item_id"))
            raise ResultError(f"{rater} voted twice on {item} ({on_one_line(str(row['aspect']))}).")

    def __len__(self) -> int:
        """Return the number of votes."""
        return len(self.frame)

    @property
    def models(self) -> list[str]:
        """The models' names, sorted."""
        return sorted(set(self.frame["left"]) | set(self.frame["right"]))

    @property
    def aspects(self) -> list[str]:
        """The questions that were asked, sorted."""
        return sorted(set(self.frame["aspect"]))

    def of_aspect(self, aspect: str) -> PairVotes:
        """Return the votes on one question.

        Args:
            aspect: Name of the question.

        Raises:
            UnknownNameError: Nobody was asked it.
        """
        if aspect not in self.aspects:
            raise unknown_name("aspect", aspect, self.aspects)
        return PairVotes(self.frame[self.frame["aspect"] == aspect])

    def between(self, first: str, second: str) -> Contest:
        """Return the votes on pairs of two models, seen from the first.

        Args:
            first: Name of a model.
            second: Name of another one.

        Raises:
            UnknownNameError: There is no such model.
            ResultError: Nobody compared the two.
        """
        for name in (first, second):
            if name not in self.models:
                raise unknown_name("model", name, self.models)
        frame = self.frame
        on_left = (frame["left"] == first) & (frame["right"] == second)
        chosen = on_left | ((frame["left"] == second) & (frame["right"] == first))
        if not chosen.any():
            raise ResultError(f"Nobody compared {on_one_line(first)} with {on_one_line(second)}.")
        rows = frame[chosen]
        sides = on_left[chosen].to_numpy(np.bool_)
        worths = rows["choice"].map(WORTHS).to_numpy(np.float64)
        return Contest(
            first=first,
            second=second,
            worths=np.where(sides, worths, 1 - worths),
            on_left=sides,
            prompts=codes_of(rows["prompt_id"].tolist()),
            raters=codes_of(rows["rater"].tolist()),
            items=rows["item_id"].astype(str).tolist(),
            prompt_ids=rows["prompt_id"].astype(str).tolist(),
            times=rows["time"].to_numpy(np.float64),
        )


@dataclass(frozen=True)
class Contest:
    """Votes on pairs of two models, all of shape (votes,).

    Attributes:
        first: Name of the model from which the votes are seen.
        second: Name of the other model.
        worths: 1 where the first was preferred, 0.5 for a tie, 0 where the second was.
        on_left: Whether the first stood on the left.
        prompts: Number of each vote's prompt, from 0.
        raters: Number of each vote's rater, from 0.
        items: Name of each vote's item.
        prompt_ids: Name of each vote's prompt.
        times: Seconds since the epoch.
    """

    first: str
    second: str
    worths: Floats
    on_left: Flags
    prompts: Ints
    raters: Ints
    items: list[str]
    prompt_ids: list[str]
    times: Floats

    def swapped(self) -> Contest:
        """Return the same votes, seen from the other model."""
        return Contest(
            self.second, self.first, 1 - self.worths, ~self.on_left, self.prompts, self.raters, self.items,
            self.prompt_ids, self.times,
        )  # fmt: skip


def codes_of(names: list[str]) -> Ints:
    """Return each name's number among the distinct names, in the order of first appearance.

    Example:
        >>> codes_of(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)
