"""Images of a subset: files in a folder, or members of a zip or tar archive, read without unpacking."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tia2.benchmark.reading.parquet import content_digest
from tia2.errors import BenchmarkError
from tia2.files import cache_dir, replacing

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_TAR_BLOCK = 512


@dataclass(frozen=True)
class ImageRef:
    """Where the bytes of one image are: a file, or a piece of an archive."""

    container: str
    member: str | None = None
    offset: int | None = None
    size: int = 0


@dataclass(frozen=True)
class ImageSet:
    """The image files found for a subset, by file name."""

    location: Path
    refs: dict[str, ImageRef]


def location_of(data_dir: Path | None, subset: str) -> Path | None:
    """Return the folder or archive with a subset's images, None if there is none. A folder with files comes first."""
    if data_dir is None:
        return None
    folder = data_dir / "images" / subset
    archives = [path for end in ARCHIVES if (path := data_dir / "images" / f"{subset}{end}").is_file()]
    if folder.is_dir() and (not archives or any(_walk(folder))):
        return folder
    if len(archives) > 1:
        raise BenchmarkError(f"Expected one archive for {subset}, found {archives[0]} and {archives[1].name}.")
    return archives[0] if archives else None


def listing(location: Path) -> Iterator[tuple[str, int, int | str]]:
    """Yield what tells a change: of a folder's files name, size and time of change, of an archive its content.

    Files of a folder are read when they are used, so that their names would do. An archive's are read once: time and
    size of one that was copied over another may be the same.
    """
    if location.is_dir():
        for entry in _walk(location):
            status = entry.stat()
            yield os.path.relpath(entry.path, location), status.st_size, status.st_mtime_ns
    else:
        yield location.name, location.stat().st_size, _archive_digest(location)


def stamp(folder: Path | None, path: str) -> str:
    """Return the SHA-256 hex digest of a file in a folder, empty if it isn't there."""
    try:
        return content_digest([(folder or Path()) / path])
    except OSError:
        return ""


def find_images(data_dir: Path | None, subset: str) -> ImageSet | None:
    """Find a subset's images.

    Folders inside the folder or archive don't matter, only file names do; hidden files are passed over.

    Args:
        data_dir: A folder in upstream's layout, or None.
        subset: The subset's name.

    Returns:
        The images by file name, None if there is neither folder nor archive.

    Raises:
        BenchmarkError: The archive is damaged, or two files have one name.
    """
    location = location_of(data_dir, subset)
    if location is None:
        return None
    if location.is_dir():
        named_refs = _in_folder(location)
    elif location.suffix == ".zip":
        named_refs = _in_zip(location)
    else:
        named_refs = _in_tar(location if location.suffix == ".tar" else _decompressed(location))
    refs: dict[str, ImageRef] = {}
    for name, ref in named_refs:
        if name in refs:
            raise BenchmarkError(f"{location} holds two files named {name!r}; keep one.")
        refs[name] = ref
    return ImageSet(location, refs)


class ImageReader:
    """Reads images by reference and keeps archives open in between; a context manager."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.clear()
        self._stack.close()

    def read(self, ref: ImageRef) -> bytes:
        """Return an image's bytes, as they are.

        Raises:
            BenchmarkError: The file or archive is damaged or gone.
        """
        try:
            if ref.member is None:
                return Path(ref.container).read_bytes()
            if ref.offset is None:
                return bytes(self._handle(ref.container).read(ref.member))
            stream: IO[bytes] = self._handle(ref.container)
            stream.seek(ref.offset)
            content = stream.read(ref.size)
            if len(content) < ref.size:
                raise EOFError("it ends too early")
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            where = ref.container if ref.member is None else f"{ref.member} in {ref.container}"
            raise BenchmarkError(
                f"Could not read {where}: {error}. `tia2 data check` lists every such image."
            ) from None
        return content

    def _handle(self, container: str) -> Any:
        if container not in self._open:
            if container.endswith(".zip"):
                self._open[container] = self._stack.enter_context(zipfile.ZipFile(container))
            else:
                self._open[container] = self._stack.enter_context(open(container, "rb"))  # noqa: SIM115
        return self._open[container]


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path))
        else:
            yield entry


def _archive_digest(path: Path) -> str:
    if path.suffix != ".zip":
        return content_digest([path])
    try:
        with zipfile.ZipFile(path) as archive:  # whose directory holds a checksum of every member
            members = [(member.filename, member.file_size, member.CRC) for member in archive.infolist()]
    except (zipfile.BadZipFile, OSError):
        return content_digest([path])
    return hashlib.sha256(repr(members).encode("utf-8", "surrogateescape")).hexdigest()


def _in_folder(folder: Path) -> Iterator[tuple[str, ImageRef]]:
    for entry in _walk(folder):
        yield entry.name, ImageRef(entry.path)


def _is_image_member(name: str) -> bool:
    parts = name.split("/")
    return not parts[-1].startswith(".") and parts[0] != "__MACOSX"


def _in_zip(path: Path) -> Iterator[tuple[str, ImageRef]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise BenchmarkError(f"{path} is not a whole zip archive ({error}); get it again.") from None
    for member in members:
        if not member.is_dir() and _is_image_member(member.filename):
            yield member.filename.rpartition("/")[2], ImageRef(str(path), member.filename, size=member.file_size)


def _in_tar(path: Path) -> Iterator[tuple[str, ImageRef]]:
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BenchmarkError(f"{path} is not a whole tar archive ({error}); get it again.") from None
    # tarfile takes a file that stops between two members for whole; a whole one has a block of zeros at its end.
    ends = [member.offset_data + -(-member.size // _TAR_BLOCK) * _TAR_BLOCK for member in members]
    if path.stat().st_size < max(ends, default=0) + _TAR_BLOCK:
        raise BenchmarkError(f"{path} is not a whole tar archive (its end is missing); get it again.")
    for member in members:
        if member.isfile() and _is_image_member(member.name):
            yield member.name.rpartition("/")[2], ImageRef(str(path), member.name, member.offset_data, member.size)


def _decompressed(path: Path) -> Path:
    """Return a plain copy of a compressed tar, kept in the cache: gzip allows no reading in the middle."""
    key = content_digest([path])[:16]
    target = cache_dir() / "archives" / f"{path.name.split('.')[0]}-{key}.tar"
    if target.is_file():
        return target
    try:
        with (
            replacing(target, BenchmarkError, f"{path} is unpacked into the cache, which HF_HOME moves.") as unfinished,
            gzip.open(path) as source,
            unfinished.open("wb") as copy,
        ):
            shutil.copyfileobj(source, copy, 1 << 20)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BenchmarkError(f"{path} is not a whole tar.gz archive ({error}); get it again.") from None
    return target
