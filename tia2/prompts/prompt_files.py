"""Read prompts from text, JSON, CSV and Parquet files, from folders and from datasets."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tia2.errors import PromptError, first_line, on_one_line, unknown_name
from tia2.files import json_of

COLUMN = "prompt"
_TEXT = {"string", "large_string", "string_view"}
TABLES = {".csv": ",;\t", ".tsv": "\t"}
"""What may part the fields of a table, by suffix; spreadsheets write semicolons where a comma is in decimals."""
JSON_LINES = {".jsonl", ".ndjson"}


def read_prompts(source: str | os.PathLike[str], column: str | None = None) -> list[str]:
    """Return the prompts of a file, folder or dataset, each once, in order.

    Args:
        source: A JSON file (a list of texts or of objects, or an object whose keys are the prompts, as released), JSON
            Lines, CSV, TSV or Parquet file; any other file: one prompt per line; a folder with a dataset or with
            released prompt sets; a config of TIA2; or a dataset on the hub, as "owner/name".
        column: The column, or the key of the objects, that holds the prompts. Default: "prompt", or the only one.

    Returns:
        The prompts; empty ones are left out.

    Raises:
        PromptError: It can't be read, or holds no prompts.
        UnknownNameError: There is no such column.
    """
    prompts = list(_distinct(_read(source, column), str(source)))
    if not prompts:
        raise PromptError(f"{source} holds no prompts.")
    return prompts


def exists(source: str) -> bool:
    """Return whether a text names something to read prompts from, rather than being a prompt itself."""
    from tia2.benchmark.configs import CONFIGS

    if source in CONFIGS:
        return True
    try:
        return Path(source).expanduser().exists()
    except (OSError, ValueError):  # too long a name, or a null character
        return False


def _read(source: str | os.PathLike[str], column: str | None) -> Iterable[Any]:
    from tia2.benchmark.configs import CONFIGS

    if str(source) in CONFIGS:
        from tia2.benchmark import load

        return load(str(source)).items[column or COLUMN]
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_folder(path, column)
    if not path.exists():
        return _read_hub(str(source), column)
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return _read_parquet(path, column)
        text = _text(path.read_bytes())
    except OSError as error:
        raise PromptError(f"{path} can't be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is not UTF-8 text (byte {error.start:,}).") from None
    if "\0" in text:
        raise PromptError(f"{path} holds zero bytes, as UTF-16 does: save it as UTF-8 text.")
    if suffix == ".json":
        return _from_json(_json(text, path), path, column)
    if suffix in JSON_LINES:
        return _from_json([_json(line, path) for line in _lines(text) if line.strip()], path, column)
    if suffix in TABLES:
        return _from_table(text, TABLES[suffix], path, column)
    return [line.strip() for line in _lines(text)]


def _text(content: bytes) -> str:
    """Decode a file; UTF-16 only where a mark at its beginning says so, as spreadsheets write it."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").removeprefix("\ufeff")
    return content.decode("utf-8-sig")


def _lines(text: str) -> list[str]:
    # Not splitlines: a line separator, a form feed and others may stand inside a text, as in JSON.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _from_table(text: str, delimiters: str, path: Path, column: str | None) -> Iterable[Any]:
    """Return a column of a text in rows, whose first row holds the names."""
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # how Excel is told what parts the fields
        text, delimiters = rest, first.strip()[-1]
    try:
        with _fields_up_to(len(text)):
            # With newline="", a line break in quotes stays in its field, as it is.
            lines = io.StringIO(text, newline="")
            parted = csv.reader(lines, delimiter=_delimiter(text, delimiters, column), strict=True)
            rows = [row for row in parted if row]
    except csv.Error as error:
        raise PromptError(f"{path} can't be read as a table: {error}.") from None
    if not rows:
        return []
    names = [name.strip() for name in rows[0]]
    name = _column(names, path, column)
    if names.count(name) > 1:
        raise PromptError(f"{path} has {names.count(name)} columns called {name!r}: give each a name of its own.")
    position = names.index(name)
    values = []
    for number, row in enumerate(rows[1:], start=2):
        if any(row[len(names) :]):
            # Rather than half of a prompt that has a comma in it.
            raise PromptError(
                f"{path}, row {number:,}: expected {len(names)} fields as in the first row, got {len(row)}. A prompt "
                "that holds the separator belongs in quotes."
            )
        values.append(row[position] if position < len(row) else "")
    return values


def _delimiter(text: str, delimiters: str, column: str | None) -> str:
    """Return which separator parts the first row: the one that makes a field of the wanted name, else most fields."""
    first = _lines(text)[0]
    fields = {delimiter: next(csv.reader([first], delimiter=delimiter), []) for delimiter in delimiters}
    wanted = column or COLUMN
    return max(delimiters, key=lambda delimiter: (wanted in map(str.strip, fields[delimiter]), len(fields[delimiter])))


@contextmanager
def _fields_up_to(length: int) -> Iterator[None]:
    """Let the csv module take longer fields for a while: its limit is for endless files, and these are in memory."""
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, length))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _read_parquet(path: Path, column: str | None) -> Iterable[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        texts = [name for name, kind in zip(schema.names, schema.types, strict=True) if str(kind) in _TEXT]
        name = _column(schema.names if column else texts, path, column)
        values: list[Any] = pq.read_table(path, columns=[name])[name].to_pylist()
    except pa.ArrowInvalid as error:
        raise PromptError(f"{path} can't be read: {first_line(error)}") from None
    return values


def _read_folder(path: Path, column: str | None) -> Iterable[Any]:
    released = sorted(path.glob("prompts/prompt_set_*.json")) or sorted(path.glob("prompt_set_*.json"))
    if released:
        return [prompt for file in released for prompt in _read(file, column)]
    import datasets

    try:
        saved = (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()
        loaded: Any = datasets.load_from_disk(str(path)) if saved else datasets.load_dataset(str(path))
    except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
        raise PromptError(f"{path} holds no dataset that can be read: {first_line(error)}") from None
    return _from_dataset(loaded, path, column)


def _read_hub(source: str, column: str | None) -> Iterable[Any]:
    if source.count("/") != 1 or Path(source).suffix or source.startswith(("/", ".", "~")):
        raise PromptError(f"{source!r} is no file, folder or dataset. A prompt has at least two words.")
    import datasets
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        loaded: Any = datasets.load_dataset(source)
    except (OSError, ValueError, HfHubHTTPError, OfflineModeIsEnabled) as error:
        raise PromptError(
            f"{source!r} is no file here, and no dataset that can be loaded: {first_line(error)}"
        ) from None
    return _from_dataset(loaded, source, column)


def _from_dataset(loaded: Any, where: str | Path, column: str | None) -> Iterator[Any]:
    for part in loaded.values() if isinstance(loaded, dict) else [loaded]:
        texts = [name for name, kind in part.features.items() if getattr(kind, "dtype", None) in _TEXT]
        yield from part[_column(part.column_names if column else texts, where, column)]


def _json(text: str, path: Path) -> Any:
    try:
        return json_of(text)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path} is not valid JSON ({error}).") from None


def _from_json(content: Any, path: Path, column: str | None) -> Iterable[Any]:
    if isinstance(content, dict):
        wrapper = next((key for key in (COLUMN, f"{COLUMN}s") if key in content), None)
        if wrapper is not None:
            raise PromptError(f"{path} is an object with the key {wrapper!r}: give its list alone, or prompts as keys.")
        return content
    if not isinstance(content, list):
        raise PromptError(f"{path}: expected a list of prompts, or an object with prompts as keys.")
    if content and all(isinstance(row, dict) for row in content):
        return _from_rows(content, path, column)
    return content


def _from_rows(rows: list[dict[Any, Any]], path: Path, column: str | None) -> Iterable[Any]:
    if not rows:
        return []
    name = _column([key for key in rows[0] if isinstance(key, str)], path, column)
    return [row.get(name) for row in rows]


def _column(names: list[str], where: str | Path, column: str | None) -> str:
    """Return the column with the prompts."""
    if column is not None:
        if column not in names:
            raise unknown_name(f"column of {where}:", column, names)
        return column
    if COLUMN in names:
        return COLUMN
    if len(names) == 1:
        return names[0]
    listed = ", ".join(map(on_one_line, names)) or "none"
    raise PromptError(f"{where}: which column holds the prompts? --column takes one of {listed}.")


def _distinct(values: Iterable[Any], where: str) -> Iterator[str]:
    seen = set()
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str):
            raise PromptError(f"{where}: expected texts as prompts, got {type(value).__name__} in place {number:,}.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise PromptError(
                f"{where}: the prompt in place {number:,} holds half a character (a surrogate)."
            ) from None
        prompt = value.strip()
        if prompt and prompt not in seen:
            seen.add(prompt)
            yield prompt
