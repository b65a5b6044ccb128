"""The files of a score table: whole or not there, checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tia2.errors import ScoreTableError
from tia2.scoring.kept_texts import StoredTexts, forget_texts
from tia2.scoring.manifest import Manifest
from tia2.storage import stored_folder

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_KEY, _CHECKSUM = b"tia2.table", b"tia2.sha256"
_MANIFEST, _ITEMS, _SHARDS = "manifest.json", "items.parquet", "shards"
_LISTS = {
    "votes": pa.int8(),
    "ratings": pa.float64(),
    "compared_with": pa.string(),
    "preferences": pa.float64(),
    "contrastive_prompts": pa.string(),
    "texts": pa.string(),
}


@dataclass(frozen=True)
class Shard:
    """The rewards of consecutive items.

    Attributes:
        item_ids: The items' ids.
        image_sha256: SHA-256 hex digests of the items' image files.
        rewards: One reward per text of each item, the prompt's first; NaN where the image could not be read.
    """

    item_ids: list[str]
    image_sha256: list[str]
    rewards: list[NDArray[np.float32]]

    @property
    def skipped(self) -> list[str]:
        """The ids of the items without rewards."""
        return [item for item, row in zip(self.item_ids, self.rewards, strict=True) if np.isnan(row).any()]

    def checksum(self) -> bytes:
        """Return the SHA-256 over everything, as hex digits."""
        sizes = [len(row) for row in self.rewards]
        sha = hashlib.sha256(json.dumps([self.item_ids, self.image_sha256, sizes]).encode())
        for row in self.rewards:
            sha.update(row.astype("<f4").tobytes())
        return sha.hexdigest().encode()


class TableFiles:
    """A score table's folder.

    Attributes:
        folder: Path or URL of the folder.
        manifest_path: That of its manifest.json.
        items_path: That of its items.parquet.

    Args:
        folder: The folder, or the URL of one; made when the first file is written.

    Raises:
        MissingDependencyError: The package for this kind of URL isn't installed.
        ScoreTableError: There is no such kind of URL.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._stored = stored_folder(folder, ScoreTableError, "What was done is kept.")
        self.folder = self._stored.location
        self.manifest_path, self.items_path = self._stored.path(_MANIFEST), self._stored.path(_ITEMS)

    def shard_path(self, number: int) -> str | Path:
        """Return where a shard is or will be."""
        return self._stored.path(_shard_name(number))

    def shard_numbers(self) -> set[int]:
        """Return the numbers of the shards that are there, whole or not."""
        names = (name.partition(".") for name in self._stored.names(_SHARDS))
        return {int(number) for number, _, ending in names if number.isdecimal() and ending == "parquet"}

    def has_manifest(self) -> bool:
        """Whether there is a manifest.json."""
        return self._stored.is_file(_MANIFEST)

    def is_empty(self) -> bool:
        """Whether nothing is there yet.

        Raises:
            ScoreTableError: The folder holds other things, or is a file.
        """
        try:
            # Names with a dot in front may be the unfinished files of a killed run.
            others = [name for name in self._stored.names() if not name.startswith(".")]
        except NotADirectoryError:
            raise ScoreTableError(f"{self.folder} is a file; a score table needs a folder.") from None
        # Asked after the listing: another process may begin the table meanwhile, and begins with the manifest.
        if self.has_manifest():
            return False
        if others:
            raise ScoreTableError(
                f"{self.folder} holds no score table but other files ({', '.join(others[:3])}): "
                "score to another folder."
            )
        return True

    def clear(self) -> None:
        """Delete the table's files, and nothing else."""
        shards = [f"{_SHARDS}/{name}" for name in self._stored.names(_SHARDS) if name.endswith(".parquet")]
        for name in (_MANIFEST, _ITEMS, *shards):
            self._stored.delete(name)
        self.forget_texts()
        self._stored.delete(_SHARDS)  # unless something of somebody else's lies in it

    def kept_texts(self, key: str, texts: int) -> StoredTexts:
        """Return where the encoded texts of the table with this key are, of this number of texts."""
        return StoredTexts(self._stored, key, texts)

    def forget_texts(self) -> None:
        """Delete encoded texts."""
        forget_texts(self._stored)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write manifest.json."""
        self._stored.write(_MANIFEST, _json_of(manifest))

    def create_manifest(self, manifest: Manifest) -> bool:
        """Write manifest.json where there is none, and return whether it was this call that wrote it."""
        return self._stored.create(_MANIFEST, _json_of(manifest))

    def read_manifest(self) -> Manifest:
        """Read manifest.json.

        Raises:
            ScoreTableError: It can't be read, or was written by a newer version.
        """
        try:
            return Manifest.of(self._stored.read(_MANIFEST), self.manifest_path)
        except OSError as error:
            raise ScoreTableError(f"{self.manifest_path} can't be read: {error.strerror or error}.") from None

    def write_items(self, items: pd.DataFrame) -> str:
        """Write items.parquet, and return the SHA-256 hex digest of the file."""
        content = _items_content(items)
        self._stored.write(_ITEMS, content)
        return hashlib.sha256(content).hexdigest()

    def read_items(self, digest: str | None = None) -> pd.DataFrame:
        """Read items.parquet.

        Args:
            digest: SHA-256 hex digest that the file must have; None for any.

        Raises:
            ScoreTableError: It is missing or damaged, or not the file that was written with the table.
        """
        import pandas as pd

        content = self._content(_ITEMS)
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise ScoreTableError(
                f"{self.items_path} has been changed since the table was scored: its digest isn't the manifest's. "
                "Score again with the same --out and the benchmark: rewards are kept, items are written again."
            )
        table = _parsed(content, self.items_path, shared_texts=True)
        items: pd.DataFrame = pd.DataFrame({name: shared_objects(table.column(name)) for name in table.column_names})
        return items

    def write_shard(self, number: int, shard: Shard, key: str) -> None:
        """Write a shard of the table with this key."""
        offsets = np.cumsum([0, *map(len, shard.rewards)], dtype=np.int32)
        values = np.concatenate(shard.rewards) if shard.rewards else np.zeros(0, dtype=np.float32)
        table = pa.table(
            {
                "item_id": pa.array(shard.item_ids, pa.string()),
                "image_sha256": pa.array(shard.image_sha256, pa.string()),
                "rewards": pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.float32())),
            }
        )
        metadata = {_KEY: key.encode(), _CHECKSUM: shard.checksum()}
        self._stored.write(_shard_name(number), _parquet(table.replace_schema_metadata(metadata)))

    def read_shard(self, number: int, key: str, item_ids: Sequence[str], lengths: Sequence[int]) -> Shard:
        """Read a shard.

        Args:
            number: The shard's number, from 0.
            key: The key of the table that the shard must belong to.
            item_ids: The ids that the shard must have.
            lengths: The number of rewards that each item must have.

        Returns:
            The shard.

        Raises:
            ScoreTableError: It is missing, damaged, or of another table.
        """
        path = self.shard_path(number)
        table = _parsed(self._content(_shard_name(number)), path)
        metadata = table.schema.metadata or {}
        if metadata.get(_KEY) != key.encode():
            raise ScoreTableError(f"{path} belongs to another score table.")
        try:
            rewards = table.column("rewards").combine_chunks()
            sizes = rewards.value_lengths().to_numpy(zero_copy_only=False)
            values = rewards.flatten().to_numpy(zero_copy_only=False)
            ids, shas = table.column("item_id").to_pylist(), table.column("image_sha256").to_pylist()
            shard = Shard(ids, shas, np.split(values, np.cumsum(sizes)[:-1]))
            whole = metadata.get(_CHECKSUM) == shard.checksum()
        except (KeyError, ValueError, TypeError, pa.ArrowException):
            whole = False
        if not whole:
            raise _damaged(path, "its content doesn't match its checksum")
        if ids != list(item_ids) or list(sizes) != list(lengths):
            raise ScoreTableError(f"{path} holds other items or texts than its table.")
        return shard

    def _content(self, name: str) -> bytes:
        try:
            return self._stored.read(name)
        except (FileNotFoundError, IsADirectoryError):
            raise ScoreTableError(
                f"{self._stored.path(name)} is missing. Score again with the same --out: only what is missing is "
                "computed."
            ) from None
        except OSError as error:
            raise _damaged(self._stored.path(name), error.strerror or str(error)) from None


def shared_objects(column: pa.ChunkedArray) -> Sequence[Any]:
    """Return a column as Python objects, equal texts and equal lists of texts as one object each.

    The items of a prompt share its texts, which would otherwise take some kilobytes for every item.

    Args:
        column: A column of any type. Of texts, and of lists of them, only dictionary-encoded ones are shared.

    Example:
        >>> texts = pa.array(["a cat", "a dog", "a cat", "a dog"]).dictionary_encode()
        >>> pairs = shared_objects(pa.chunked_array([pa.ListArray.from_arrays([0, 2, 4], texts)]))
        >>> pairs[0], pairs[0] is pairs[1]
        (['a cat', 'a dog'], True)
    """
    array = column.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        words = [*array.dictionary.to_pylist(), None]  # the last stands for a missing text
        return [words[number] for number in _numbers(array, len(words) - 1).tolist()]
    if not (pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type)):
        listing: list[Any] = array.to_pylist()
        return listing
    texts = array.flatten()
    words, numbers = [*texts.dictionary.to_pylist(), None], _numbers(texts, len(texts.dictionary))
    ends = np.cumsum(array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    lists: dict[bytes, list[str | None]] = {}
    rows: list[list[str | None] | None] = []
    start = 0
    for end, present in zip(ends.tolist(), array.is_valid().to_pylist(), strict=True):
        key = numbers[start:end].tobytes()
        if key not in lists:
            lists[key] = [words[number] for number in numbers[start:end].tolist()]
        rows.append(lists[key] if present else None)
        start = end
    return rows


def _numbers(texts: pa.DictionaryArray, missing: int) -> NDArray[np.int32]:
    """Return each text's number in the dictionary, and another one where there is none."""
    numbers: NDArray[np.int32] = texts.indices.fill_null(missing).to_numpy(zero_copy_only=False)
    return numbers


def items_digest(items: pd.DataFrame) -> str:
    """Return the SHA-256 hex digest that items.parquet of these items has."""
    return hashlib.sha256(_items_content(items)).hexdigest()


def _items_content(items: pd.DataFrame) -> bytes:
    columns = {
        name: pa.array(items[name].tolist(), pa.list_(_LISTS[name]) if name in _LISTS else None)
        for name in items.columns
    }
    return _parquet(pa.table(columns))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _parsed(content: bytes, path: str | Path, *, shared_texts: bool = False) -> Any:
    """Read a Parquet file; with `shared_texts` its texts are numbers into a dictionary of the distinct ones."""
    try:
        if not shared_texts:
            return pq.read_table(pa.BufferReader(content), partitioning=None)
        schema = pq.read_metadata(pa.BufferReader(content)).schema
        columns = [schema.column(number) for number in range(len(schema))]
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        table = pq.read_table(pa.BufferReader(content), partitioning=None, read_dictionary=texts)
        return table.unify_dictionaries()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, " ".join(str(error).split())) from None


def _shard_name(number: int) -> str:
    return f"{_SHARDS}/{number:05d}.parquet"


def _json_of(manifest: Manifest) -> bytes:
    return (manifest.model_dump_json(indent=2) + "\n").encode()


def _damaged(path: str | Path, reason: str) -> ScoreTableError:
    return ScoreTableError(
        f"{path} is damaged ({reason}). Score again with the same --out: only what is damaged is computed."
    )
