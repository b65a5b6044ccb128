"""From unpacked files to score tables, believing none of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from tia2.errors import ScoreTableError
from tia2.scoring.manifest import SCHEMA_VERSION, Manifest

from ...data.records import BenchmarkRecord
from ..limits import MIB
from ..package import Submission, table_files
from .checks import HIGHEST, LOWEST
from .isolated import check_files
from .parquet import Wanted
from .report import RefusedError
from .texts import character_problem, hidden, quote, shown

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Model = TypeVar("Model", bound=BaseModel)
LONGEST_NAME, LONGEST_TEXT, MOST_VALUES = 200, 4000, 64
LARGEST = 10**9
"""Of any whole number in a manifest."""
DECODED = 64 * MIB
"""What one file may take in memory beyond four times the benchmark's own texts."""


def read_submission(folder: Path) -> Submission:
    """Read submission.json.

    Raises:
        RefusedError: It doesn't fit.
    """
    return _json(folder, "submission.json", Submission)


def read_tables(folder: Path, submission: Submission, items: pd.DataFrame, record: BenchmarkRecord) -> list[ScoreTable]:
    """Read the score tables; nothing in them has been compared with the benchmark yet.

    Args:
        folder: Where the submission was unpacked.
        submission: Its submission.json.
        items: The store's copy of the benchmark's items.
        record: The benchmark.

    Raises:
        RefusedError: Files are missing, too many, damaged, larger than the benchmark allows, or contradict one
            another.
    """
    from tia2.scoring import ScoreTable

    _check_folders(folder, submission)
    manifests = [_manifest(folder, number, record) for number in range(submission.tables)]
    widest = int(items["texts"].map(len).max())
    held = sum(len(text.encode()) + 8 for texts in items["texts"] for text in texts)
    decoded = DECODED + 4 * held
    wanted: list[Wanted] = []
    for number, manifest in enumerate(manifests):
        rows = [manifest.benchmark.items, *map(len, manifest.shards)]
        for name, count in zip(list(table_files(len(manifest.shards)))[1:], rows, strict=True):
            path, kind = f"tables/{number}/{name}", "items" if name == "items.parquet" else "shard"
            wanted.append(Wanted(str(folder / path), path, kind, count, decoded, widest))
    check_files(wanted)
    loaded = []
    for number in range(submission.tables):
        try:
            table = ScoreTable.load(folder / "tables" / str(number))
        except ScoreTableError as error:
            raise _refused(str(error).replace(f"{folder}/", "").replace(f"{folder}\\", "")) from None
        loaded.append(table)
    return loaded


def _check_folders(folder: Path, submission: Submission) -> None:
    there = {path.name for path in (folder / "tables").glob("*")}
    expected = {str(number) for number in range(submission.tables)}
    if there != expected:
        raise _refused(
            f"submission.json speaks of {submission.tables} score tables, the zip archive holds "
            f"{', '.join(f'tables/{name}' for name in sorted(there)) or 'none'}."
        )


def _manifest(folder: Path, number: int, record: BenchmarkRecord) -> Manifest:
    name = f"tables/{number}/manifest.json"
    manifest = _json(folder, name, Manifest)
    problem = _value_problem(manifest.model_dump())
    if problem is not None:
        raise _refused(f"{name}: {problem}")
    if not 1 <= manifest.schema_version <= SCHEMA_VERSION:
        raise _refused(f"{name} has schema version {manifest.schema_version}; this tia2 reads 1 to {SCHEMA_VERSION}.")
    if not manifest.complete:
        raise _refused(f"{name} says that the score table is not complete: finish scoring, then submit.")
    if not 1 <= manifest.benchmark.items <= record.items:
        raise _refused(f"{name} speaks of {manifest.benchmark.items:,} items; {record.name} has {record.items:,}.")
    if manifest.shard_size < 1:
        raise _refused(f"{name} gives a shard size of {manifest.shard_size:,}; expected at least 1.")
    temperature = manifest.reward.card.default_temperature
    if temperature is not None and not LOWEST <= temperature <= HIGHEST:
        raise _refused(f"{name} gives a default temperature of {temperature:g}; expected {LOWEST:g} to {HIGHEST:g}.")
    root = folder / "tables" / str(number)
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    expected = set(table_files(len(manifest.shards)))
    if there != expected:
        missing, surplus = sorted(expected - there), sorted(there - expected)
        what = f"lacks {missing[0]}" if missing else f"holds {surplus[0]}, which its manifest knows nothing of"
        raise _refused(f"tables/{number} {what}.")
    return manifest


def _value_problem(value: Any, where: Sequence[str] = ()) -> str | None:
    """Say which text in a manifest is too long or holds what can't be shown, or which number is out of range."""
    name = quote(".".join(where))
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"{name} is a number out of any range."
    if isinstance(value, str):
        limit = LONGEST_NAME if where[-1] in ("name", "dtype", "device", "created") else LONGEST_TEXT
        if len(value) > limit:
            return f"{name} has {len(value):,} characters; at most {limit:,} are taken."
        problem = character_problem(value)
        return f"{name} {problem}." if problem else None
    if isinstance(value, dict):
        if len(value) > MOST_VALUES:
            return f"{name} has {len(value):,} fields; at most {MOST_VALUES} are taken."
        pairs = [(str(key), field) for key, field in value.items()]
        if any(len(key) > LONGEST_NAME or hidden(key) for key, _ in pairs):
            return f"{name} has a field whose name is too long or can't be shown."
        problems = (_value_problem(field, (*where, key)) for key, field in pairs)
        return next((problem for problem in problems if problem), None)
    if isinstance(value, list | tuple):
        problems = (_value_problem(element, (*where, "…")) for element in value)
        return next((problem for problem in problems if problem), None)
    return None


def _json(folder: Path, name: str, model: type[Model]) -> Model:
    path = folder / name
    if not path.is_file():
        raise _refused(f"{name} is missing.")
    try:
        # pydantic's own parser, which has a limit on nesting; Python's doesn't survive it.
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise _refused(f"{name} doesn't fit, at {quote(where)}: {_first_line(first['msg'])}.") from None


def _first_line(message: str) -> str:
    return shown((message.splitlines() or [""])[0], 160).rstrip(".")


def _refused(problem: str) -> RefusedError:
    return RefusedError([problem])
