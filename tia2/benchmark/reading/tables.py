"""Tables that people keep: CSV, TSV, JSON Lines, JSON, Parquet and frames, read without guessing at their cells."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import BenchmarkError, Tia2Error
from tia2.files import json_of

if TYPE_CHECKING:
    import pandas as pd

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
"""The endings of files that are read."""


def frame_of(table: Any, what: str, error: type[Tia2Error] = BenchmarkError) -> pd.DataFrame:
    """Return a table as a frame with one column per name.

    Cells of CSV and TSV stay texts, so that an id such as "007" stays what it is; an empty cell is None.

    Args:
        table: Path of a file (.csv, .tsv, .jsonl, .json, .parquet), frame, dataset, or iterable of mappings.
        what: Words for the table in errors, such as "the scores".
        error: Type of the errors.

    Raises:
        Tia2Error: The file can't be read, is of another kind, or its rows don't fit its header; of the type `error`.

    Example:
        >>> frame_of([{"item_id": "a", "reward": 0.5}], "the scores").to_dict("list")
        {'item_id': ['a'], 'reward': [0.5]}
    """
    import pandas as pd

    if isinstance(table, str | os.PathLike):
        return _read(Path(table).expanduser(), what, error)
    if isinstance(table, pd.DataFrame):
        return _with_text_names(table.reset_index(drop=True))
    if hasattr(table, "column_names") and hasattr(table, "with_format"):  # a dataset of the datasets library
        rows = table.with_format(None)
        frame: pd.DataFrame = pd.DataFrame({name: rows[name][:] for name in rows.column_names}, dtype=object)
        return frame
    if isinstance(table, Mapping) or not isinstance(table, Iterable):
        raise error(f"Expected {what} as a file, frame, dataset or rows, got {type(table).__name__}.")
    return _of_rows(list(table), what, error)


def _read(path: Path, what: str, error: type[Tia2Error]) -> pd.DataFrame:
    import pyarrow as pa

    ending = path.suffix.lower()
    if ending not in KINDS:
        raise error(f"Expected {what} as a file that ends in {', '.join(KINDS)}, got {path}.")
    try:
        if ending == ".parquet":
            return _parquet(path)
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, pa.ArrowException) as problem:
        reason = getattr(problem, "strerror", None) or " ".join(str(problem).split())
        raise error(f"{path} can't be read: {reason}.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path} is not UTF-8: byte {problem.start} is {problem.object[problem.start]:#x}.") from None
    if ending in (".csv", ".tsv"):
        return _delimited(path, text, "\t" if ending == ".tsv" else ",", error)
    return _of_rows(_json_rows(path, text, ending, error), str(path), error)


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    table = pq.read_table(path, partitioning=None)
    # To Python's own values: pandas would turn whole numbers with gaps into floats, and lists into arrays.
    frame: pd.DataFrame = pd.DataFrame(
        {name: pd.Series(table.column(name).to_pylist(), dtype=object) for name in table.column_names}
    )
    return frame


def _delimited(path: Path, text: str, delimiter: str, error: type[Tia2Error]) -> pd.DataFrame:
    import pandas as pd

    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if rows and row and len(row) != len(rows[0]):
                raise error(
                    f"{path}, line {reader.line_num}: {len(row)} cells, and the header has {len(rows[0])}. A cell with "
                    "a comma, quote or line break must stand in double quotes."
                )
            if row:
                rows.append(row)
    except csv.Error as problem:
        raise error(f"{path}, line {reader.line_num}: {problem}.") from None
    if not rows:
        raise error(f"{path} is empty; expected a header and rows.")
    header = [name.strip() for name in rows[0]]
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise error(f"{path} has two columns called {twice!r}.")
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    frame: pd.DataFrame = pd.DataFrame(
        {
            name: pd.Series([cell if cell != "" else None for cell in column], dtype=object)
            for name, column in zip(header, columns, strict=True)
        }
    )
    return frame


def _json_rows(path: Path, text: str, ending: str, error: type[Tia2Error]) -> list[Any]:
    try:
        if ending == ".json":
            content = json_of(text)
            if not isinstance(content, list):
                raise ValueError("expected a list of objects, one per row")
            return content
        rows = []
        # Not splitlines: JSON allows characters within texts at which Python breaks lines.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    rows.append(json_of(line))
                except ValueError as problem:
                    raise ValueError(f"line {number}: {problem}") from None
    except ValueError as problem:
        raise error(f"{path} can't be read: {problem}.") from None
    return rows


def _of_rows(rows: list[Any], what: str, error: type[Tia2Error]) -> pd.DataFrame:
    import pandas as pd

    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise error(f"{what}: expected row {number} as a mapping from columns to cells, got {row!r:.60}.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame: pd.DataFrame = pd.DataFrame(
        {str(name): pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    )
    return frame


def _with_text_names(frame: pd.DataFrame) -> pd.DataFrame:
    renamed: pd.DataFrame = frame.rename(columns=str)
    return renamed
