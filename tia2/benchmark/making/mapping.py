"""Which columns of a table hold what, and what their cells say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from numbers import Real
from typing import TYPE_CHECKING, Any

from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd

_PROMPTS = ("prompt", "caption", "text")
_IMAGES = ("image", "file_name", "image_path", "file", "path")
GAPS = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
"""Texts that stand for no judgement, in lower case."""


@dataclass(frozen=True)
class Mapping:
    """The columns of a table that hold a benchmark's, by name; None where there is none.

    Attributes:
        prompt: Column of the prompts; if None, the only one called prompt, caption or text.
        image: Column of the images: files, bytes or decoded; if None, the only one called image, file_name, image_path,
            file or path, if there is one.
        ratings: Columns of ratings: one per rater, or a single one of lists; "rater_*" stands for all that begin so.
        votes: Columns of votes: one per annotator, or a single one of lists.
        human_score: Column of mean judgements, on the scale if one is stated, else from 0 to 1.
        label: Column of labels.
        rater: Column of raters' ids, for tables of one row per rating.
        item: Column of item ids; if None, the image files' names where they differ, else the prompt's id and a number.
        prompt_id: Column of prompt ids; if None, numbers in order of appearance.
        subset: Column of subsets; if None, all items are of one.
        contrastive: Column of contrastive prompts, as lists.
        captions_of: Column that says which image a caption is of, where items are grouped by image; None to group them
            by prompt.
    """

    prompt: str | None = None
    image: str | None = None
    ratings: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()
    human_score: str | None = None
    label: str | None = None
    rater: str | None = None
    item: str | None = None
    prompt_id: str | None = None
    subset: str | None = None
    contrastive: str | None = None
    captions_of: str | None = None

    def resolved(self, frame: pd.DataFrame, what: str) -> Mapping:
        """Return the mapping with prompt and image found among a table's columns.

        Args:
            frame: The table.
            what: Words for the table, for errors.

        Raises:
            BenchmarkError: A named column is absent, no column or several can be the prompts, or there is no judgement.
        """
        ratings, votes = (_expanded(frame, columns) for columns in (self.ratings, self.votes))
        named = [self.human_score, self.label, self.rater, self.item, self.prompt_id, self.subset, self.contrastive]
        if self.captions_of is not None and self.captions_of not in frame.columns:
            raise BenchmarkError(
                f"{what} has no column {self.captions_of!r}; its columns are {', '.join(frame.columns)}."
            )
        wanted = [*ratings, *votes, self.prompt, self.image, *named]
        absent = [column for column in wanted if column is not None and column not in frame.columns]
        if absent:
            raise BenchmarkError(
                f"{what} has no column {', '.join(map(repr, absent))}; its columns are {', '.join(frame.columns)}."
            )
        if not (ratings or votes or self.human_score):
            raise BenchmarkError(
                f"Which columns of {what} are judgements? Name them with --rating, --vote or --score (ratings=, "
                f"votes=, human_score=); its columns are {', '.join(frame.columns)}."
            )
        if ratings and votes:
            raise BenchmarkError("Expected columns of ratings or of votes, got both.")
        if self.rater is not None and len(ratings) != 1:
            raise BenchmarkError("With a column of raters there is one rating per row: expected one --rating column.")
        taken = {column for column in (*ratings, *votes, *named) if column is not None}
        prompt = self.prompt or only_column(frame, taken, what)
        image = self.image or _only(frame, _IMAGES, taken | {prompt}, what, "images", "--image (image=)")
        fields = {**vars(self), "prompt": prompt, "image": image, "ratings": ratings, "votes": votes}
        return Mapping(**fields)


def cell_number(cell: Any) -> float | None:
    """Return what a cell says as a number, None for a gap, NaN for what is none.

    Args:
        cell: A number, a text, or nothing.

    Example:
        >>> cell_number("4"), cell_number(" n/a "), cell_number(None), cell_number("four")
        (4.0, None, None, nan)
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in GAPS:
            return None
        try:
            number = float(text)
        except ValueError:
            return math.nan
        return number if math.isfinite(number) else math.nan
    if isinstance(cell, bool) or not isinstance(cell, Real):
        return math.nan
    return float(cell) if math.isfinite(cell) else math.nan


def lists_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[list[Any]]:
    """Return the cells of several columns as one list per row; those of a single column of lists as they are.

    Args:
        frame: The table.
        columns: The columns.
    """
    if len(columns) == 1:
        cells = frame[columns[0]].tolist()
        if any(_is_list(cell) for cell in cells):
            return [list(cell) if _is_list(cell) else [cell] for cell in cells]
    return [list(row) for row in zip(*(frame[column].tolist() for column in columns), strict=True)]


def only_column(frame: pd.DataFrame, taken: set[str], what: str) -> str:
    """Return the column of the prompts: the only one called prompt, caption or text.

    Args:
        frame: The table.
        taken: Columns that hold something else.
        what: Words for the table, for errors.

    Raises:
        BenchmarkError: There is none, or there are several.
    """
    prompt = _only(frame, _PROMPTS, taken, what, "prompts", "--prompt (prompt=)")
    if prompt is None:
        raise BenchmarkError(
            f"Which column of {what} holds the prompts? Name it with --prompt (prompt=); its columns are "
            f"{', '.join(frame.columns)}."
        )
    return prompt


def _expanded(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return columns with those that a pattern such as "rater_*" stands for, in the order of the table."""
    names: list[str] = []
    for column in columns:
        matching = [name for name in frame.columns if "*" in column and fnmatchcase(name, column)]
        names += [column] if column in frame.columns or not matching else matching
    return tuple(dict.fromkeys(names))


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple) or (hasattr(cell, "tolist") and getattr(cell, "ndim", 0) == 1)


def _only(frame: pd.DataFrame, names: Sequence[str], taken: set[str], what: str, kind: str, option: str) -> str | None:
    candidates = [column for column in frame.columns if column.lower() in names and column not in taken]
    if len(candidates) > 1:
        raise BenchmarkError(f"{', '.join(candidates)} of {what} can all be the {kind}: name one with {option}.")
    return candidates[0] if candidates else None
