"""What a folder of whole files can do, and those on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from tia2.errors import FileError, Tia2Error
from tia2.files import create_atomically, write_atomically

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:\ is a path


class StoredFolder(Protocol):
    """A folder of files, each whole or not there; names are relative to it, with slashes.

    Attributes:
        location: Path or URL of the folder.
    """

    location: str | Path

    def path(self, name: str) -> str | Path:
        """Return the path or URL of a file."""

    def names(self, inside: str = "") -> list[str]:
        """Return the names of the files and folders directly in a folder, sorted; none where it is absent.

        Args:
            inside: Name of a folder in this one.

        Raises:
            NotADirectoryError: It is a file.
        """

    def is_file(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str) -> bytes:
        """Return all of a file.

        Raises:
            OSError: It can't be read; a FileNotFoundError where it is absent.
        """

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, in place of what is there."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that isn't there yet, and return whether it was this call that wrote it."""

    def delete(self, name: str) -> None:
        """Delete a file, or a folder that is empty; nothing where it is absent."""


class LocalFolder:
    """A folder on this machine, or on a file system that it has mounted.

    Attributes:
        location: Path of the folder; made when the first file is written.

    Args:
        path: The folder.
        error: The error to raise where a file can't be written.
        advice: A sentence that ends that error's text.
    """

    def __init__(self, path: Path, error: type[Tia2Error] = FileError, advice: str = "Nothing was changed.") -> None:
        self.location: str | Path = path
        self._folder, self._error, self._advice = path, error, advice

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self._folder / name

    def names(self, inside: str = "") -> list[str]:
        """Return the names of the files and folders directly in a folder, sorted; none where it is absent.

        Args:
            inside: Name of a folder in this one.

        Raises:
            NotADirectoryError: It is a file.
        """
        folder = self._folder / inside
        if not folder.exists():
            return []
        return sorted(path.name for path in folder.iterdir())

    def is_file(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.path(name).is_file()

    def read(self, name: str) -> bytes:
        """Return all of a file."""
        return self.path(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, in place of what is there."""
        write_atomically(self.path(name), content, self._error, self._advice)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that isn't there yet, and return whether it was this call that wrote it."""
        return create_atomically(self.path(name), content, self._error, self._advice)

    def delete(self, name: str) -> None:
        """Delete a file, or a folder that is empty; nothing where it is absent, or something lies in it."""
        path = self.path(name)
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)


def is_url(location: str | os.PathLike[str]) -> bool:
    r"""Whether a location is a URL of a store, rather than a path.

    Args:
        location: A path or URL.

    Example:
        >>> is_url("s3://bucket/runs"), is_url("runs/mine"), is_url(r"C:\runs")
        (True, False, False)
    """
    return isinstance(location, str) and _URL.match(location) is not None and not location.startswith("file://")


def absolute(location: str | os.PathLike[str]) -> str | Path:
    """Return a location that means the same in every folder: an absolute path, or the URL.

    Args:
        location: A path or URL.

    Example:
        >>> absolute("s3://bucket/runs/")
        's3://bucket/runs'
    """
    if is_url(location):
        return os.fspath(location).rstrip("/")
    return Path(os.fspath(location).removeprefix("file://")).expanduser().absolute()


def joined(location: str | os.PathLike[str], name: str) -> str | Path:
    """Return the location of something in a folder.

    Args:
        location: Path or URL of the folder.
        name: Name of a file or folder in it.

    Example:
        >>> joined("s3://bucket/runs", "mine"), joined("runs", "mine").as_posix()
        ('s3://bucket/runs/mine', 'runs/mine')
    """
    return f"{os.fspath(location).rstrip('/')}/{name}" if is_url(location) else Path(location) / name


def stored_folder(
    location: str | os.PathLike[str],
    error: type[Tia2Error] = FileError,
    advice: str = "Nothing was changed.",
) -> StoredFolder:
    """Return the folder at a path or URL.

    Args:
        location: A path, or a URL whose scheme fsspec knows: s3://, gs://, hf:// (to read from), memory://.
        error: The error to raise where a file can't be written, or the store not be reached.
        advice: A sentence that ends the error's text where a file can't be written.

    Raises:
        MissingDependencyError: The package for this kind of store isn't installed.
        Tia2Error: There is no such kind of store; of the type `error`.
    """
    if not is_url(location):
        return LocalFolder(Path(os.fspath(location).removeprefix("file://")), error, advice)
    from tia2.storage.remote import RemoteFolder

    return RemoteFolder(os.fspath(location), error, advice)
