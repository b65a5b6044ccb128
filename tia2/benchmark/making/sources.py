"""Where a table of judgements comes from: a file, a folder, the Hub, or memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tia2.benchmark.layouts.richhf import richhf_frame
from tia2.benchmark.reading.folders import only_split, read
from tia2.benchmark.reading.remote import from_store
from tia2.benchmark.reading.tables import KINDS, frame_of
from tia2.benchmark.reading.webdataset import is_archive, webdataset_frame
from tia2.benchmark.upstream.sources import sha256_of
from tia2.errors import BenchmarkError, first_line
from tia2.storage import is_url

if TYPE_CHECKING:
    import pandas as pd


TFRECORDS = (".tfrecord", ".tfrecords")


class SourceTable(NamedTuple):
    """A table with what is known of it.

    Attributes:
        frame: The table.
        name: Name of its file, folder or dataset.
        origin: Words on where it comes from, for the card.
        folder: Folder that image files are relative to.
    """

    frame: pd.DataFrame
    name: str
    origin: str
    folder: Path


def source_of(source: Any, split: str | None, config: str | None) -> SourceTable:
    """Read a table.

    Args:
        source: Path of a CSV, TSV, JSON Lines, JSON or Parquet file, or of a WebDataset archive (.tar); a folder:
            images with metadata, `save_to_disk`, data files, or archives; a URL of either, such as s3://bucket/a.csv; a
            Hub id such as "org/name"; a frame, dataset, or iterable of rows.
        split: Name of a split, where there are several.
        config: Name of a config, where there are several.

    Raises:
        BenchmarkError: It can't be read.
    """
    import datasets

    if isinstance(source, datasets.DatasetDict | datasets.Dataset):
        return SourceTable(_of_dataset(only_split(source, "the dataset", split)), "dataset", "a dataset", Path.cwd())
    if not isinstance(source, str | os.PathLike):
        return SourceTable(frame_of(source, "the rows"), "rows", f"a {type(source).__name__}", Path.cwd())
    path = from_store(os.fspath(source)) if is_url(source) else Path(source).expanduser()
    if path.is_file():
        if path.suffix.lower() in TFRECORDS:
            frame = richhf_frame(path)
        elif is_archive(path):
            frame = webdataset_frame([path])
        elif path.suffix.lower() == ".parquet":
            # Through datasets, which knows columns of images.
            frame = _of_dataset(read(path.resolve(), split=split, config=config).dataset)
        else:
            frame = frame_of(path, "the table")
        digest = sha256_of(path)
        return SourceTable(frame, path.stem, f"{path.name} (SHA-256 {digest[:16]}…)", path.resolve().parent)
    if path.is_dir():
        archives = _archives(path)
        frame = (
            webdataset_frame(archives)
            if archives
            else _of_dataset(read(path.resolve(), split=split, config=config).dataset)
        )
        return SourceTable(frame, path.resolve().name, f"the folder {path.name}", path.resolve())
    text = os.fspath(source)
    if path.suffix.lower() in KINDS or text.count("/") != 1 or text.startswith((".", "/", "~")):
        raise BenchmarkError(f"{text!r} is no file or folder, and no Hub id such as 'org/name'.")
    return _from_hub(text, split, config)


def _archives(folder: Path) -> list[Path]:
    """Return a folder's WebDataset archives, which other data beside them would be left out with."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    archives = [file for file in files if is_archive(file)]
    others = [file for file in files if file.suffix.lower() in KINDS]
    if archives and others:
        raise BenchmarkError(
            f"{folder} holds archives ({archives[0].name}) and other data ({others[0].name}): give one of them."
        )
    return archives


def _from_hub(name: str, split: str | None, config: str | None) -> SourceTable:
    import datasets

    try:
        loaded = datasets.load_dataset(name, config, split=None if split == "all" else split)
    except Exception as error:  # the Hub's client, the network and the dataset's own files each raise their own
        raise BenchmarkError(f"The dataset {name} can't be loaded from the Hub: {first_line(error)}") from None
    rows = only_split(loaded, name, split if isinstance(loaded, datasets.DatasetDict) else None)
    parts = [part for part in (config, split) if part]
    origin = f"the dataset {name} of the Hub" + (f" ({', '.join(parts)})" if parts else "")
    return SourceTable(_of_dataset(rows), name.rpartition("/")[2], origin, Path.cwd())


def _of_dataset(rows: Any) -> pd.DataFrame:
    import datasets

    for name, kind in rows.features.items():
        if isinstance(kind, datasets.Image):
            rows = rows.cast_column(name, datasets.Image(decode=False))
    return frame_of(rows, "the dataset")
