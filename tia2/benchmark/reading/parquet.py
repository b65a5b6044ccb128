"""Parquet files as a dataset, cached by content: a file that was rewritten is read again whatever its time of change.

The rows are copied to an Arrow file in the cache, which is mapped into memory. The datasets library would do the same,
but takes brackets and colons in a path for patterns and protocols, and size and time of change for the content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import BenchmarkError, FileError
from tia2.files import cache_dir, replacing

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

ROWS = 100
"""Rows that are copied at a time; with embedded images they are large."""


def read_parquet(paths: Sequence[Path]) -> datasets.Dataset:
    """Return the rows of Parquet files, one after the other.

    Args:
        paths: The files. Columns that one of them lacks are empty there.

    Raises:
        BenchmarkError: A file is damaged, or its columns have other types than those of the first.
    """
    import datasets
    import pyarrow as pa

    target = cache_dir() / "parquet" / f"{_digest(paths)}.arrow"
    schema = _schema(paths)
    try:
        if not target.is_file():
            _write(target, paths, schema)
        return datasets.Dataset.from_file(str(target))
    except FileError:
        # A cache that can't be written costs memory, no more.
        return datasets.Dataset(pa.Table.from_batches(_batches(paths, schema), schema=schema))
    except BenchmarkError:
        raise
    except ValueError as error:  # a column of a type that datasets doesn't know, such as a map
        raise BenchmarkError(f"{paths[0]} can't be read: {' '.join(str(error).split())}") from None


def content_digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 hex digest over the contents of files, in order."""
    total = hashlib.sha256()
    for path in paths:
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
        total.update(sha.digest())
    return total.hexdigest()


def _digest(paths: Sequence[Path]) -> str:
    try:
        return content_digest(paths)[:32]
    except OSError as error:
        raise BenchmarkError(f"{error.filename} can't be read: {error.strerror or error}.") from None


def _write(target: Path, paths: Sequence[Path], schema: pa.Schema) -> None:
    import pyarrow as pa

    with (
        replacing(target) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_stream(sink, schema) as writer,
    ):
        for batch in _batches(paths, schema):
            writer.write_batch(batch)


def _schema(paths: Sequence[Path]) -> pa.Schema:
    """Return the columns of all files, those of the first with what datasets noted about them."""
    schemas = [_plain(_read_schema(path)) for path in paths]
    if all(schema.equals(schemas[0]) for schema in schemas):
        return schemas[0]
    unified = schemas[0].remove_metadata()
    for path, schema in zip(paths, schemas, strict=True):
        unified = _unified(unified, schema, path, paths[0])
    return unified


def _read_schema(path: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from None


def _unified(unified: pa.Schema, schema: pa.Schema, path: Path, first: Path) -> pa.Schema:
    import pyarrow as pa

    try:
        return pa.unify_schemas([unified, schema.remove_metadata()], promote_options="permissive")
    except pa.ArrowException as error:
        raise BenchmarkError(
            f"{path.name} doesn't go together with {first.name}: {' '.join(str(error).split())}. "
            "Give their columns the same types, or read them one at a time."
        ) from None


def _plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema without dictionaries, which datasets doesn't know."""
    import pyarrow as pa

    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
    ]
    noted = schema.metadata or {}
    return pa.schema(fields, {key: text for key, text in noted.items() if key == b"huggingface"} or None)


def _batches(paths: Sequence[Path], schema: pa.Schema) -> Iterator[Any]:
    for path in paths:
        yield from _batches_of(path, schema)


def _batches_of(path: Path, schema: pa.Schema) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS):
                names = batch.schema.names
                columns = [
                    batch.column(field.name).cast(field.type)
                    if field.name in names
                    else pa.nulls(len(batch), field.type)
                    for field in schema
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BenchmarkError:
    return BenchmarkError(f"{path} can't be read: {' '.join(str(error).split())}")
