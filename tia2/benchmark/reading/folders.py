"""A folder or file as a dataset: Parquet, `save_to_disk`, folders of images with metadata, CSV and JSON Lines."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.reading.cards import CardFacts, card_facts, config_files
from tia2.benchmark.reading.parquet import content_digest, read_parquet
from tia2.benchmark.reading.splits import ALL, TEST, by_split, chosen, files_in, split_of
from tia2.errors import BenchmarkError, first_line, unknown_name
from tia2.files import cache_dir

if TYPE_CHECKING:
    import datasets

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_TABLES = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".arrow": "arrow"}
_IMAGES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Rows:
    """Rows that were read, with what the folder's card says of them.

    Attributes:
        dataset: The rows.
        how_made: Text on how human_score or label was made, by column.
        scale: Scale of the ratings; None if the card doesn't state one.
        name: Name of the benchmark as the card states it; None for that of its folder.
    """

    dataset: datasets.Dataset
    how_made: Mapping[str, str] = field(default_factory=dict)
    scale: RatingScale | None = None
    name: str | None = None


def read(path: Path, *, split: str | None = None, config: str | None = None) -> Rows:
    """Read a Parquet file, or a folder's files of one config and split.

    Args:
        path: The file or folder, absolute.
        split: Name of a split, or "all"; None for the only one, or "test".
        config: Name of a config of the folder's card; None for its default.

    Raises:
        BenchmarkError: It can't be read, or files would be left out.
        UnknownNameError: There is no such split or config.
    """
    if path.is_file():
        _no_config(path, config)
        return Rows(only_split(read_parquet([path]), str(path), None if split == ALL else split))
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        _no_config(path, config)
        with _plain_path(path) as readable:
            loaded = _loaded(path, lambda: _from_disk(readable))
        facts = card_facts(path)
        return Rows(only_split(loaded, str(path), split), facts.how_made, facts.scale, facts.name)
    facts = card_facts(path)
    paths = files_in(path)
    if config is not None and not facts.configs:
        _no_config(path, config)
    metadata = [file for file in paths if file.name in _METADATA]
    if metadata and any(file.suffix.lower() in _IMAGES for file in paths):
        return Rows(_image_folder(path, paths, metadata, split), facts.how_made, facts.scale, facts.name)
    parquet = [file for file in paths if file.suffix.lower() == ".parquet"]
    if parquet:
        return Rows(
            read_parquet(_of_folder(path, facts, parquet, split, config)), facts.how_made, facts.scale, facts.name
        )
    tables = [file for file in paths if file.suffix.lower() in _TABLES]
    if not tables:
        raise BenchmarkError(f"{path} holds no dataset that can be read: no Parquet, CSV or JSON Lines file.")
    files = _of_folder(path, facts, tables, split, config)
    kinds = {_TABLES[file.suffix.lower()] for file in files}
    if len(kinds) > 1:
        raise BenchmarkError(f"{path} holds files of several kinds ({', '.join(sorted(kinds))}); keep one kind.")
    return Rows(_prepared(path, kinds.pop(), files, files), facts.how_made, facts.scale, facts.name)


def only_split(
    loaded: datasets.Dataset | datasets.DatasetDict, what: str, split: str | None = None
) -> datasets.Dataset:
    """Return the split that is asked for, "test", or the only one.

    Args:
        loaded: A dataset, or several by split.
        what: Words for the error.
        split: Name of a split, or "all" for all, one after the other; None for "test" or the only one.

    Raises:
        BenchmarkError: There are several and none is "test", or the dataset has no splits and one is asked for.
        UnknownNameError: There is no such split.
    """
    import datasets

    if not isinstance(loaded, datasets.DatasetDict):
        if split is not None and split != str(loaded.split or split):
            raise unknown_name(f"split of {what}", split, [str(loaded.split)])
        if split is not None and loaded.split is None:
            raise BenchmarkError(
                f"{what} has no splits, so that {split!r} can't be chosen: leave --split (split=) out."
            )
        return loaded
    if split == ALL:
        return datasets.concatenate_datasets([part.with_format(None) for part in loaded.values()])
    if split is not None:
        if split not in loaded:
            raise unknown_name(f"split of {what}", split, [*map(str, loaded), ALL])
        return loaded[split]
    if TEST in loaded:
        return loaded[TEST]
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    raise BenchmarkError(
        f"Expected a split {TEST!r} or a single one in {what}, got {', '.join(map(str, loaded))}: choose one with "
        "--split (split=), or all."
    )


def _of_folder(folder: Path, facts: CardFacts, files: list[Path], split: str | None, config: str | None) -> list[Path]:
    named = config_files(folder, facts, config, files) if facts.configs else by_split(folder, files)
    return chosen(folder, named, split)


def _image_folder(folder: Path, paths: list[Path], metadata: list[Path], split: str | None) -> datasets.Dataset:
    """Read a folder of images with metadata; what an image is called says nothing about its split."""
    splits = {file: split_of(f"{file.parent.relative_to(folder).as_posix()}/") for file in metadata}
    wanted = chosen(
        folder, {name: [file for file in metadata if splits[file] == name] for name in splits.values()}, split
    )
    roots = [file.parent for file in wanted]
    files = [file for file in paths if any(file.is_relative_to(root) for root in roots)]
    kept = [file for file in files if file.suffix.lower() in _IMAGES or file in wanted]
    return _prepared(folder, "imagefolder", kept, wanted)


def _prepared(folder: Path, kind: str, files: list[Path], digested: list[Path]) -> datasets.Dataset:
    """Read files with a module of datasets, in a cache of their own content."""
    import datasets

    if odd := next((file for file in files if "::" in str(file) or "\n" in str(file)), None):
        raise BenchmarkError(
            f"The path {str(odd)!r} holds '::' or a line break, which datasets takes for a protocol: rename it, or "
            "write the rows as Parquet."
        )
    names = "\n".join(str(file) for file in files)
    cache = cache_dir() / "tables" / f"{content_digest(digested)[:24]}-{_short(names)}"
    options: dict[str, Any] = {"drop_labels": True} if kind == "imagefolder" else {}
    patterns = {TEST: [glob.escape(str(file)) for file in files]}
    return _loaded(
        folder,
        lambda: datasets.load_dataset(kind, data_files=patterns, split=TEST, cache_dir=str(cache), **options),
    )


def _loaded(path: Path, load: Callable[[], Any]) -> Any:
    import pyarrow as pa
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

    try:
        return load()
    except (EmptyDatasetError, DatasetNotFoundError, FileNotFoundError) as error:
        raise BenchmarkError(f"{path} holds no dataset that can be read: {first_line(error)}") from None
    except (DatasetGenerationError, OSError, pa.ArrowException, ValueError) as error:
        raise BenchmarkError(f"{path} can't be read: {first_line(error.__cause__ or error)}") from None


def _from_disk(path: Path) -> Any:
    import datasets

    return datasets.load_from_disk(str(path))


@contextmanager
def _plain_path(path: Path) -> Iterator[Path]:
    """Give a block a path to a folder that no library takes for a pattern or protocol."""
    if not any(mark in str(path) for mark in ("::", "\n", "[", "]", "*", "?")):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "dataset"
        os.symlink(path, link, target_is_directory=True)
        yield link


def _no_config(path: Path, config: str | None) -> None:
    if config is not None:
        raise BenchmarkError(
            f"{path} has no configs, so that {config!r} can't be chosen: leave --config (config=) out."
        )


def _short(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
