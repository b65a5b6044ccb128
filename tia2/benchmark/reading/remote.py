"""Benchmarks that lie elsewhere: dataset repositories of the Hugging Face Hub, and folders and files of object stores.

Either is copied to the cache once, file by file, and read from there.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from tia2.errors import BenchmarkError, first_line
from tia2.files import cache_dir, new_folder

HUB = "hf://datasets/"
"""What a URL of a dataset repository begins with."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_FILES = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".arrow")


def hub_id(text: str) -> str | None:
    """Return the dataset repository that a text names, OWNER/NAME; None where it is no such text.

    Args:
        text: OWNER/NAME, or hf://datasets/OWNER/NAME.

    Example:
        >>> hub_id("org/name"), hub_id("hf://datasets/org/name"), hub_id("exports/mine.parquet"), hub_id("a/b/c")
        ('org/name', 'org/name', None, None)
    """
    name = text.removeprefix(HUB).rstrip("/")
    return name if _HUB_ID.fullmatch(name) and not name.lower().endswith(_FILES) else None


def from_hub(repository: str, api: Any = None) -> Path:
    """Return a folder with the data files and the card of a dataset repository.

    The files go straight to huggingface_hub's cache, which keeps what has not changed.

    Args:
        repository: OWNER/NAME.
        api: A `huggingface_hub.HfApi`; one for the account that is logged in if None.

    Raises:
        BenchmarkError: There is none, or the Hub can't be reached.
    """
    from huggingface_hub import HfApi

    patterns = ["*.md", *(f"*{ending}" for ending in _FILES)]
    try:
        return Path((api or HfApi()).snapshot_download(repository, repo_type="dataset", allow_patterns=patterns))
    except Exception as error:  # the Hub's client, the network and the disk each raise their own
        raise BenchmarkError(
            f"{repository!r} is no file or folder, and can't be loaded from the Hub: {first_line(error).rstrip('.')}."
        ) from None


def from_store(url: str) -> Path:
    """Return a copy in the cache of a folder or file of an object store.

    The copy is made again when a file there has another size, time or tag.

    Args:
        url: A URL that fsspec knows, such as s3://bucket/benchmark or s3://bucket/items.parquet.

    Raises:
        BenchmarkError: There is nothing, or the store can't be reached.
        MissingDependencyError: The package for this kind of store isn't installed.
    """
    from tia2.storage.remote import RemoteFolder

    stored = RemoteFolder(url, BenchmarkError)
    marks = stored.marks()
    if not marks:
        raise BenchmarkError(f"{url} holds no file.")
    digest = hashlib.sha256("\n".join([url, *(f"{name}\t{mark}" for name, mark in sorted(marks.items()))]).encode())
    target = cache_dir() / "stores" / digest.hexdigest()[:32]
    name = url.rstrip("/").rpartition("/")[2]
    if not target.is_dir():
        with new_folder(target, BenchmarkError) as unfinished:
            for file in marks:
                stored.download(file, unfinished / name / file if file else unfinished / name)
    return target / name
