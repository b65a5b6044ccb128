"""A benchmark of pairs made of a table with one row per pair."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.judgements.comparisons import votes_on_pair
from tia2.benchmark.making.mapping import Mapping, lists_of, only_column
from tia2.benchmark.making.rows import SUBSET, dataset_of
from tia2.benchmark.making.sources import SourceTable
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark.loading import Benchmark

SIDES = ("a", "b")


@dataclass(frozen=True)
class PairColumns:
    """The columns of a table of pairs, by name.

    Attributes:
        preferences: Columns of preferences: one per vote, or a single one of lists; "a", "b" or "tie", or the id of the
            better item.
        pair: Columns of the ids of the two items; if there are none, of their images; else ids go by the rows.
        images: Columns of the two images, files or bytes; none without images.
        prompt: Column of the prompts; if None, the only one called prompt, caption or text.
        prompt_id: Column of prompt ids; prompts of equal text are one prompt otherwise.
        subset: Column of subsets.
        contrastive: Column of contrastive prompts, as lists.
    """

    preferences: tuple[str, ...]
    pair: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    prompt: str | None = None
    prompt_id: str | None = None
    subset: str | None = None
    contrastive: str | None = None

    def resolved(self, frame: pd.DataFrame, what: str) -> PairColumns:
        """Return the columns with that of the prompts found, checked.

        Args:
            frame: The table.
            what: Words for the table, for errors.

        Raises:
            BenchmarkError: A column is absent, one side of a pair alone is named, or the prompts can't be told.
        """
        for columns, option in ((self.pair, "--pair (pair=)"), (self.images, "--pair-image (pair_images=)")):
            if len(columns) not in (0, 2):
                raise BenchmarkError(f"{option} takes two columns, one per item of a pair; got {', '.join(columns)}.")
        named = [
            self.prompt,
            self.prompt_id,
            self.subset,
            self.contrastive,
            *self.preferences,
            *self.pair,
            *self.images,
        ]
        absent = [column for column in named if column is not None and column not in frame.columns]
        if absent:
            raise BenchmarkError(
                f"{what} has no column {', '.join(map(repr, absent))}; its columns are {', '.join(frame.columns)}."
            )
        prompt = self.prompt or only_column(frame, {column for column in named if column}, what)
        return PairColumns(**{**vars(self), "prompt": prompt})


@dataclass
class _Rows:
    """A benchmark's rows by item id, as they are put together."""

    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def benchmark_of_pairs(
    table: SourceTable,
    columns: PairColumns,
    *,
    drop: bool,
    images_dir: str | os.PathLike[str] | None,
    name: str | None,
    note: str = "",
) -> Benchmark:
    """Return the benchmark of a table of pairs.

    Args:
        table: The table.
        columns: Its columns.
        drop: Whether pairs without a preference are left out and counted, rather than refused.
        images_dir: Folder that image files are relative to; that of the table if None.
        name: Name of the benchmark; the table's if None.
        note: Sentence for the card on how the table was read.

    Raises:
        BenchmarkError: A column is absent, a preference is none of a, b and tie, an item is in pairs of two prompts or
            compared with itself, or an image isn't there.
    """
    from tia2.benchmark.loading import Benchmark

    chosen = columns.resolved(table.frame, table.origin)
    if not len(table.frame):
        raise BenchmarkError(f"{table.origin} has no rows.")
    rows = _put_together(table, chosen, drop)
    if not rows.by_id:
        raise BenchmarkError(f"{table.origin}: no pair has a preference.")
    records = list(rows.by_id.values())
    kept = [key for key in records[0] if key != "image"]
    content: dict[str, list[Any]] = {key: [record[key] for record in records] for key in kept}
    import pandas as pd

    frame: pd.DataFrame = pd.DataFrame({"image": [record["image"] for record in records]})
    mapping = Mapping(
        image="image" if chosen.images or _are_files(frame["image"].tolist(), table, images_dir) else None
    )
    benchmark = Benchmark(dataset_of(table, frame, mapping, content, images_dir), name or table.name)
    benchmark.notes = [_described(table, chosen)]
    if note:
        benchmark.notes.append(note)
    if rows.dropped:
        benchmark.notes.append(
            f"{len(rows.dropped):,} pairs without a preference were left out: {', '.join(rows.dropped[:3])}"
            f"{', …' if len(rows.dropped) > 3 else ''}."
        )
    return benchmark


def _put_together(table: SourceTable, columns: PairColumns, drop: bool) -> _Rows:
    frame = table.frame
    items = item_ids(frame, columns.pair or columns.images)
    images = columns.images or columns.pair
    votes = lists_of(frame, columns.preferences)
    numbers: dict[str, dict[str, int]] = {}
    rows = _Rows()
    for number, record in enumerate(frame.to_dict("records")):
        prompt = _text(table, number, record, columns.prompt)
        subset = SUBSET if columns.subset is None else _text(table, number, record, columns.subset)
        of_subset = numbers.setdefault(subset, {})
        key = of_subset.setdefault(prompt, len(of_subset))
        prompt_id = f"{subset}/{key}" if columns.prompt_id is None else _text(table, number, record, columns.prompt_id)
        try:
            given = votes_on_pair([_named(vote, items[number]) for vote in votes[number]], number, BenchmarkError)
        except BenchmarkError as error:
            if not drop:
                raise BenchmarkError(
                    f"{table.origin}: {error} Correct it, or leave such pairs out with --drop-invalid (invalid='drop')."
                ) from None
            rows.dropped.append(f"row {number}")
            continue
        for side, item in enumerate(items[number]):
            row: dict[str, Any] = {"item_id": item, "subset": subset, "prompt_id": prompt_id, "prompt": prompt}
            if columns.contrastive is not None:
                row["contrastive_prompts"] = list(record[columns.contrastive] or [])
            image = record[images[side]] if images else None
            together = rows.by_id.setdefault(item, {**row, "image": image, "compared_with": [], "preferences": []})
            if together["prompt_id"] != prompt_id:
                raise BenchmarkError(
                    f"{table.origin}, row {number}: {item!r} is in pairs of two prompts, {together['prompt_id']!r} and "
                    f"{prompt_id!r}. An item is one image with one prompt: give it an id for each."
                )
        first, second = items[number]
        rows.by_id[first]["compared_with"] += [second] * len(given)
        rows.by_id[first]["preferences"] += given
    return rows


def item_ids(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the ids of both items of each row of a table of pairs.

    Args:
        frame: The table.
        columns: Columns of ids or image files, one per side; if there are none, or they hold no texts, ids are the
            row's number and the side.

    Example:
        >>> import pandas as pd
        >>> item_ids(pd.DataFrame({"score_a": [1.0, 2.0]}), ())
        [('0/a', '0/b'), ('1/a', '1/b')]
    """
    derived = [(f"{number}/a", f"{number}/b") for number in range(len(frame))]
    if not columns:
        return derived
    sides = [[_id(cell) for cell in frame[column].tolist()] for column in columns]
    if any(item is None for side in sides for item in side):
        return derived
    return [(str(first), str(second)) for first, second in zip(*sides, strict=True)]


def _id(cell: Any) -> str | None:
    if isinstance(cell, dict):
        path = cell.get("path")
        return Path(path).name if path else None
    if isinstance(cell, bytes) or cell is None or cell != cell or hasattr(cell, "save"):
        return None
    return str(cell).strip() or None


def _named(vote: Any, items: tuple[str, str]) -> Any:
    """Return a preference that names the better item as the side that it is on."""
    text = str(vote).strip()
    if text in items and text not in ("0", "1"):
        return SIDES[items.index(text)]
    return {"left": "a", "first": "a", "right": "b", "second": "b"}.get(text.lower(), vote)


def _text(table: SourceTable, number: int, record: dict[Any, Any], column: str | None) -> str:
    cell = record[column]
    if cell is None or cell != cell or str(cell).strip() == "":
        raise BenchmarkError(f"{table.origin}: {column} of row {number} is empty; expected a text.")
    return str(cell)


def _are_files(cells: list[Any], table: SourceTable, images_dir: str | os.PathLike[str] | None) -> bool:
    """Return whether columns of ids name image files that are there."""
    folder = table.folder if images_dir is None else Path(images_dir).expanduser()
    return bool(cells) and all(isinstance(cell, str) and (folder / cell).is_file() for cell in cells)


def _described(table: SourceTable, columns: PairColumns) -> str:
    parts = {
        "prompts": columns.prompt,
        "items": " and ".join(columns.pair),
        "images": " and ".join(columns.images),
        "preferences": ", ".join(columns.preferences),
        "prompt ids": columns.prompt_id,
        "subsets": columns.subset,
        "contrastive prompts": columns.contrastive,
    }
    listing = "; ".join(f"{what}: {column}" for what, column in parts.items() if column)
    return f"Pairs, made from {table.origin}. Its columns: {listing}."
