"""WebDataset archives: tar files in which the files of one sample follow one another and share a name up to its dot.

`000.jpg`, `000.json` and `000.txt` are one row: an image, the fields of a JSON object as columns, and a text.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.reading.tables import frame_of
from tia2.errors import BenchmarkError, first_line

if TYPE_CHECKING:
    import pandas as pd

ARCHIVES = (".tar", ".tar.gz", ".tgz")
IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif")
TEXTS = ("txt", "text", "caption", "cls", "id")


def is_archive(path: Path) -> bool:
    """Return whether a file's name is that of a tar archive.

    Args:
        path: The file.
    """
    return path.name.lower().endswith(ARCHIVES)


def webdataset_frame(paths: Sequence[Path]) -> pd.DataFrame:
    """Return the samples of archives as a table with one row per sample, in their order.

    Columns are `key`, `image` (bytes and name), the fields of `.json` files, and `txt`, `caption`, `cls` … as texts.

    Args:
        paths: Archives of one dataset, in their order.

    Raises:
        BenchmarkError: An archive is damaged, holds files of another kind, or the same sample twice.
    """
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for path in paths:
        for sample in _samples(path):
            if sample["key"] in seen:
                raise BenchmarkError(f"{path}: the sample {sample['key']!r} is there twice, or in an earlier archive.")
            seen.add(sample["key"])
            rows.append(sample)
    if not rows:
        raise BenchmarkError(f"{', '.join(map(str, paths))} holds no sample.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return frame_of([{name: row.get(name) for name in names} for row in rows], "the archive")


def _samples(path: Path) -> Iterator[dict[str, Any]]:
    sample: dict[str, Any] = {}
    for name, content in _files(path):
        folder, _, file = name.rpartition("/")
        stem, _, ending = file.partition(".")
        key = f"{folder}/{stem}" if folder else stem
        if sample and sample["key"] != key:
            yield sample
            sample = {}
        columns = _columns(path, name, ending.lower(), content)
        twice = sample.keys() & columns.keys()
        if twice:
            raise BenchmarkError(f"{path}: {name} gives {min(twice)!r} of the sample {key!r} a second time.")
        sample = {"key": key, **sample, **columns}
    if sample:
        yield sample


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                hidden = any(part.startswith(".") and part != "." for part in member.name.split("/"))
                # What file managers put in, such as ._000.jpg, is no sample.
                if member.isfile() and not hidden and not member.name.startswith("__MACOSX/"):
                    opened = archive.extractfile(member)
                    yield member.name.removeprefix("./"), opened.read() if opened else b""
            _check_end(archive)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise BenchmarkError(f"{path} is no tar archive, or damaged: {first_line(error).rstrip('.:')}.") from None


def _check_end(archive: tarfile.TarFile) -> None:
    """Check that an archive ends where tarfile stopped, which takes a damaged header for the end."""
    stream = archive.fileobj
    if stream is None:
        return
    stream.seek(archive.offset)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or block.strip(b"\0"):
        raise tarfile.ReadError("it has no end mark after its last whole file")


def _columns(path: Path, name: str, ending: str, content: bytes) -> dict[str, Any]:
    """Return what one file adds to its sample."""
    if ending in IMAGES:
        return {"image": {"bytes": content, "path": name}}
    if ending not in (*TEXTS, "json"):
        raise BenchmarkError(
            f"{path}: {name} would be left out. A sample has an image ({', '.join(IMAGES[:4])}, …), a .json file, and "
            f"texts ({', '.join(f'.{text}' for text in TEXTS)})."
        )
    try:
        text = content.decode("utf-8-sig")
        fields = json.loads(text) if ending == "json" else {ending: text.strip()}
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{path}: {name} can't be read: {first_line(error).rstrip('.')}.") from None
    if not isinstance(fields, dict):
        raise BenchmarkError(f"{path}: {name} is no JSON object.")
    return fields
