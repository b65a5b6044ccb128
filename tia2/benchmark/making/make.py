"""Make a benchmark of judgements that people have, whatever table they are kept in."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping as Fields
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.layouts.layout import Layout
from tia2.benchmark.layouts.registry import LAYOUTS, layout_of
from tia2.benchmark.making.mapping import Mapping, cell_number, lists_of
from tia2.benchmark.making.pairs import PairColumns, benchmark_of_pairs
from tia2.benchmark.making.rows import asked_columns, dataset_of, put_together
from tia2.benchmark.making.sources import SourceTable, source_of
from tia2.benchmark.votes import votes_of
from tia2.errors import BenchmarkError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark.loading import Benchmark

Invalid = Literal["refuse", "drop"]
"""Treatment of judgements that aren't on the scale: refused by row, or taken for gaps and counted."""
_NAMED = 3


@dataclass
class Counts:
    """What was left out on the way, for the card and the terminal.

    Attributes:
        rows: Rows that were read.
        invalid: Judgements that aren't on the scale and were taken for gaps.
        examples: Some of them, in words.
        without: Items that had no judgement left.
    """

    rows: int = 0
    invalid: int = 0
    examples: list[str] = field(default_factory=list)
    without: int = 0

    @property
    def sentences(self) -> list[str]:
        """What a reader must know, one sentence each; none where nothing was left out."""
        lines = []
        if self.invalid:
            lines.append(
                f"{self.invalid:,} judgements that aren't on the scale were taken for gaps: "
                f"{', '.join(self.examples)}{', …' if self.invalid > len(self.examples) else ''}."
            )
        if self.without:
            lines.append(f"{self.without:,} items without a judgement were left out.")
        return lines


def make(
    source: Any,
    *,
    prompt: str | None = None,
    image: str | None = None,
    ratings: str | Sequence[str] = (),
    votes: str | Sequence[str] = (),
    human_score: str | None = None,
    label: str | None = None,
    rater: str | None = None,
    item: str | None = None,
    prompt_id: str | None = None,
    subset: str | None = None,
    contrastive: str | None = None,
    captions_of: str | None = None,
    pair: Sequence[str] = (),
    preferences: str | Sequence[str] = (),
    pair_images: Sequence[str] = (),
    layout: str | None = None,
    scale: RatingScale | Fields[str, Any] | None = None,
    invalid: Invalid = "refuse",
    split: str | None = None,
    config: str | None = None,
    images_dir: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Benchmark:
    """Make a benchmark of a table of judgements.

    Args:
        source: Path of a CSV, TSV, JSON Lines, JSON or Parquet file; a folder: images with metadata, `save_to_disk`, or
            data files; a Hub id such as "org/name"; a frame, dataset, or iterable of rows.
        prompt: Column of the prompts; if None, the only one called prompt, caption or text.
        image: Column of the images; if None, the only one called image, file_name, image_path, file or path, if any.
        ratings: Columns of ratings: one per rater, or a single one of lists; with `rater` a column of numbers.
        votes: Columns of votes (1, 0, -1 for unsure): one per annotator, or a single one of lists.
        human_score: Column of mean judgements, on the scale if one is stated, else from 0 to 1.
        label: Column of labels, where they don't follow from a rule.
        rater: Column of raters' ids, for a table of one row per rating; rows of one item are then put together.
        item: Column of item ids.
        prompt_id: Column of prompt ids; prompts of equal text are one prompt otherwise.
        subset: Column of subsets.
        contrastive: Column of contrastive prompts, as lists.
        captions_of: Column of the images, or of their ids, that several captions are of: items are then grouped by
            image, and the question within a group is which caption fits.
        pair: Columns of the two items of a pair, ids or image files, for a table of one row per pair; without them ids
            are numbers of rows.
        preferences: Columns of preferences, one per vote, or one of lists: "a", "b", "tie", or the better item's id.
        pair_images: Columns of the two images of a pair.
        layout: Name of the public layout that the table is in, one of `tia2.benchmark.layouts.registry.LAYOUTS`; if
            None, and no column of judgements is named, it is recognised by its columns.
        scale: Scale of the ratings and the rule by which an item is aligned: a `RatingScale`, or its fields.
        invalid: Treatment of judgements that aren't on the scale: "refuse" names the first, "drop" takes them for gaps,
            and the card says how many they are.
        split: Name of a split, where there are several.
        config: Name of a config, where there are several.
        images_dir: Folder that image files are relative to; that of the table if None.
        name: Name of the benchmark; the file's, folder's or dataset's if None.

    Returns:
        The benchmark; `tia2.benchmark.export` writes it with its card.

    Raises:
        BenchmarkError: The source can't be read, a column is absent, ratings come without a scale, a judgement isn't on
            it, an id is listed twice, or an image file isn't there.

    Example:
        >>> rows = [{"caption": "a cat", "ann": 4, "bob": None}, {"caption": "a cat", "ann": 2, "bob": 1}]
        >>> benchmark = make(rows, prompt="caption", ratings=["ann", "bob"], scale={"low": 1, "high": 5})
        >>> benchmark.items[["item_id", "human_score", "label"]].values.tolist()
        [['all-items/0/0', 0.75, True], ['all-items/0/1', 0.125, False]]
    """
    arguments = dict(locals())  # by their names, by which public layouts give them as well
    if invalid not in ("refuse", "drop"):
        raise BenchmarkError(f"invalid is {invalid!r}; expected 'refuse' or 'drop'.")
    return _of_arguments(source_of(source, split, config), arguments)


_TOGETHER = ("source", "split", "config", "layout", "invalid", "images_dir", "name")
"""Arguments of `make` that name no column and no scale."""


def _of_arguments(table: SourceTable, arguments: Fields[str, Any]) -> Benchmark:
    """Return the benchmark of a table, in a public layout where one is named, or no column of judgements is."""
    columns = {key: value for key, value in arguments.items() if key not in _TOGETHER and value not in (None, ())}
    invalid, images_dir, name = (arguments[key] for key in ("invalid", "images_dir", "name"))
    judged = any(arguments[key] for key in ("ratings", "votes", "human_score", "preferences"))
    layout = layout_in(table, arguments["layout"]) if arguments["layout"] is not None or not judged else None
    if layout is None:
        return make_of(table, columns, invalid, images_dir, name)
    frame = layout.read(table.frame)
    table, fields = _without_absent_images(table._replace(frame=frame), layout.arguments(frame), images_dir)
    benchmark = make_of(table, {**fields, **columns}, invalid, images_dir, name)
    benchmark.notes.insert(1, f"Read in the layout of {layout.title}. {layout.note}".strip())
    return benchmark


def layout_in(table: SourceTable, name: str | None) -> Layout | None:
    """Return the public layout that a table is in, None where it is none.

    Args:
        table: The table.
        name: Name of the layout that it is said to be in; None to recognise it by its columns.

    Raises:
        UnknownNameError: There is no layout of this name.
        BenchmarkError: The table isn't in that layout.
    """
    if name is None:
        return layout_of(table.frame.columns)
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    if not LAYOUTS[name].fits(table.frame.columns):
        wanted = " or ".join(", ".join(sorted(columns)) for columns in LAYOUTS[name].columns)
        raise BenchmarkError(
            f"{table.origin} isn't in the layout {name}: expected the columns {wanted}; it has "
            f"{', '.join(table.frame.columns)}."
        )
    return LAYOUTS[name]


def make_of(
    table: SourceTable,
    arguments: Fields[str, Any],
    invalid: Invalid,
    images_dir: str | os.PathLike[str] | None,
    name: str | None,
) -> Benchmark:
    """Return the benchmark of a table whose columns are named by arguments of `make`.

    Args:
        table: The table.
        arguments: Columns and scale, by the names that `make` has for them.
        invalid: Treatment of judgements that aren't on the scale.
        images_dir: Folder that image files are relative to; that of the table if None.
        name: Name of the benchmark; the table's if None.

    Raises:
        BenchmarkError: As `make` does.
    """
    fields = dict(arguments)
    if "preferences" in fields:
        columns = PairColumns(
            preferences=_columns(fields["preferences"]),
            pair=tuple(fields.get("pair", ())),
            images=tuple(fields.get("pair_images", ())),
            **{key: fields[key] for key in ("prompt", "prompt_id", "subset", "contrastive") if key in fields},
        )
        return benchmark_of_pairs(table, columns, drop=invalid == "drop", images_dir=images_dir, name=name)
    if "pair" in fields or "pair_images" in fields:
        raise BenchmarkError("Pairs need the column of their preferences: name it with --preference (preferences=).")
    scale = fields.pop("scale", None)
    lists: dict[str, Any] = {key: _columns(fields.pop(key)) for key in ("ratings", "votes") if key in fields}
    return _benchmark_of(table, Mapping(**fields, **lists), scale, invalid, images_dir, name)


def _without_absent_images(
    table: SourceTable, arguments: dict[str, Any], images_dir: str | os.PathLike[str] | None
) -> tuple[SourceTable, dict[str, Any]]:
    """Leave out columns of image files that aren't there: annotations are often shared without their images."""
    if images_dir is not None:
        return table, arguments
    for key in ("image", "pair_images"):
        columns = list(_columns(arguments.get(key) or ()))
        if not all(_are_there(table.frame[column].tolist(), table.folder) for column in columns):
            del arguments[key]
            table = table._replace(frame=table.frame.drop(columns=columns))
    return table, arguments


def _are_there(cells: Sequence[Any], folder: Path) -> bool:
    return all(not isinstance(cell, str) or (folder / cell).is_file() for cell in cells)


def _benchmark_of(
    table: SourceTable,
    columns_of: Mapping,
    scale: RatingScale | Fields[str, Any] | None,
    invalid: Invalid,
    images_dir: str | os.PathLike[str] | None,
    name: str | None,
) -> Benchmark:
    from tia2.benchmark.loading import Benchmark

    mapping = columns_of.resolved(table.frame, table.origin)
    counts = Counts(rows=len(table.frame))
    if not len(table.frame):
        raise BenchmarkError(f"{table.origin} has no rows.")
    frame = table.frame if mapping.rater is None else put_together(table, mapping)
    stated = _scale(scale, mapping, frame)
    columns = asked_columns(table, frame, mapping)
    columns |= _judged(table, frame, mapping, stated, invalid, counts)
    rows = dataset_of(table, frame, mapping, columns, images_dir)
    kept = [number for number, judged in enumerate(_has_judgement(columns)) if judged]
    counts.without = len(rows) - len(kept)
    if not kept:
        raise BenchmarkError(f"{table.origin}: no item has a judgement.")
    if counts.without:
        rows = rows.select(kept)
    how_made = {"label": f"the column {mapping.label}"} if mapping.label else {}
    if mapping.captions_of:
        how_made["prompt"] = (
            f"several captions of one image, which {mapping.captions_of} says; items are grouped by image"
        )
    benchmark = Benchmark(rows, name or table.name, how_made, stated)
    benchmark.notes = [_described(table, mapping), *counts.sentences]
    return benchmark


def _columns(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _scale(scale: Any, mapping: Mapping, frame: pd.DataFrame) -> RatingScale | None:
    if scale is None:
        if mapping.ratings:
            raise BenchmarkError(
                "Ratings need their scale: --scale LOW-HIGH (scale={'low': 1, 'high': 5}). An item is aligned above "
                "its middle, unless --aligned-from or --aligned-above (aligned_from, aligned_above) says otherwise."
            )
        return None
    stated = RatingScale.of(scale, "scale")
    if stated.raters is None and mapping.rater is not None:
        return stated.model_copy(update={"raters": tuple(frame.attrs["raters"])})
    if stated.raters is None and len(mapping.ratings) > 1:
        return stated.model_copy(update={"raters": mapping.ratings})
    return stated


def _judged(
    table: SourceTable,
    frame: pd.DataFrame,
    mapping: Mapping,
    scale: RatingScale | None,
    invalid: Invalid,
    counts: Counts,
) -> dict[str, list[Any]]:
    """Return ratings, votes, human scores and labels, as far as there are columns of them."""
    columns: dict[str, list[Any]] = {}
    if mapping.ratings and scale is not None:
        low, high = scale.low, scale.high
        wrong = f"on the scale of {low:g} to {high:g}"
        cells = lists_of(frame, mapping.ratings)
        columns["ratings"] = _checked(table, cells, lambda number: low <= number <= high, wrong, invalid, counts)
    if mapping.votes:
        cells = lists_of(frame, mapping.votes)
        numbers = _checked(table, cells, lambda number: number in (1, 0, -1), "a vote (1, 0 or -1)", invalid, counts)
        columns["votes"] = [votes_of(row) for row in numbers]
    if mapping.human_score is not None:
        low, high = (0.0, 1.0) if scale is None else (scale.low, scale.high)
        cells = [[cell] for cell in frame[mapping.human_score].tolist()]
        wrong = f"from {low:g} to {high:g}"
        rows = _checked(table, cells, lambda number: low <= number <= high, wrong, invalid, counts)
        columns["human_score"] = [
            None if row[0] is None else row[0] if scale is None else float(scale.scaled(row[0])) for row in rows
        ]
    if mapping.label is not None:
        columns["label"] = [_label(table, row, cell) for row, cell in enumerate(frame[mapping.label].tolist())]
    return columns


def _checked(
    table: SourceTable, rows: list[list[Any]], fits: Any, wanted: str, invalid: Invalid, counts: Counts
) -> list[list[float | None]]:
    checked = []
    for row, cells in enumerate(rows):
        numbers: list[float | None] = []
        for cell in cells:
            number = cell_number(cell)
            if number is not None and (math.isnan(number) or not fits(number)):
                if invalid == "refuse":
                    raise BenchmarkError(
                        f"{table.origin}, row {row}: {cell!r:.40} is not {wanted}. Correct it, or take such cells for "
                        "gaps with --drop-invalid (invalid='drop'), which the card will say."
                    )
                counts.invalid += 1
                if len(counts.examples) < _NAMED:
                    counts.examples.append(f"{cell!s:.20} in row {row}")
                number = None
            numbers.append(number)
        checked.append(numbers)
    return checked


def _label(table: SourceTable, row: int, cell: Any) -> bool:
    text = str(cell).strip().lower()
    if text in ("true", "1", "1.0", "yes"):
        return True
    if text in ("false", "0", "0.0", "no"):
        return False
    raise BenchmarkError(f"{table.origin}, row {row}: the label is {cell!r:.40}; expected true or false.")


def _has_judgement(columns: dict[str, list[Any]]) -> list[bool]:
    kinds = [columns[name] for name in ("ratings", "votes") if name in columns]
    if kinds:
        return [any(judgement is not None for judgement in row) for row in kinds[0]]
    return [score is not None for score in columns["human_score"]]


def _described(table: SourceTable, mapping: Mapping) -> str:
    parts = {
        "prompts": mapping.prompt,
        "images": mapping.image,
        "ratings": ", ".join(mapping.ratings),
        "votes": ", ".join(mapping.votes),
        "mean judgements": mapping.human_score,
        "labels": mapping.label,
        "raters": mapping.rater,
        "item ids": mapping.item,
        "prompt ids": mapping.prompt_id,
        "subsets": mapping.subset,
        "contrastive prompts": mapping.contrastive,
        "images with several captions": mapping.captions_of,
    }
    columns = "; ".join(f"{what}: {column}" for what, column in parts.items() if column)
    return f"Made from {table.origin}. Its columns: {columns}."
