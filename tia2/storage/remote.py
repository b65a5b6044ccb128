"""Folders in object stores, through fsspec.

An object appears whole or not at all, so nothing is renamed; a store that has a conditional put decides who was first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tia2.errors import FileError, MissingDependencyError, Tia2Error, first_line, missing_dependency

_READ_ONLY = {
    "hf": "each file that is written there is a commit of its own, and it can't be said who was first",
    "http": "nothing can be written there",
    "https": "nothing can be written there",
}
"""Schemes that are only read from, and why."""
_MARKS = ("size", "ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "created")
"""What stores say of a file that changes with it."""


class RemoteFolder:
    """A folder of an object store.

    Attributes:
        location: URL of the folder.

    Args:
        url: The URL.
        error: The error to raise where a file can't be written, or the store not be reached.
        advice: A sentence that ends the error's text where a file can't be written.

    Raises:
        MissingDependencyError: The package for this kind of store isn't installed.
        Tia2Error: There is no such kind of store; of the type `error`.
    """

    def __init__(self, url: str, error: type[Tia2Error] = FileError, advice: str = "Nothing was changed.") -> None:
        self._url = url.rstrip("/")
        self.location: str | Path = self._url
        self._error, self._advice = error, advice
        self._files, self._root = _file_system(self._url, error)

    def path(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self._url}/{name}"

    def names(self, inside: str = "") -> list[str]:
        """Return the names of the files and folders directly in a folder, sorted; none where it is absent.

        Args:
            inside: Name of a folder in this one.

        Raises:
            NotADirectoryError: It is a file.
        """
        root = f"{self._root}/{inside}".rstrip("/")
        with self._reading(inside):
            # Other processes write here, too: what was listed before says nothing.
            self._files.invalidate_cache()
            try:
                entries = self._files.ls(root, detail=True)
            except FileNotFoundError:
                return []
            except NotADirectoryError:
                entries = [{"name": root, "type": "file"}]
        paths = [str(entry["name"]).rstrip("/") for entry in entries]
        # Stores answer with the object itself where a URL names one.
        if paths == [root] and entries[0]["type"] == "file":
            raise NotADirectoryError(self.path(inside))
        return sorted({path.rsplit("/", 1)[-1] for path in paths if path != root})

    def is_file(self, name: str) -> bool:
        """Whether there is such a file."""
        with self._reading(name):
            self._files.invalidate_cache()
            return bool(self._files.isfile(f"{self._root}/{name}"))

    def read(self, name: str) -> bytes:
        """Return all of a file.

        Raises:
            FileNotFoundError: It is absent.
        """
        with self._reading(name):
            content: bytes = self._files.cat_file(f"{self._root}/{name}")
            return content

    def marks(self) -> dict[str, str]:
        """Return a text for each file at any depth that changes with it; the name "" is the URL itself, if a file."""
        with self._reading(""):
            self._files.invalidate_cache()
            try:
                entries = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        return {
            str(path).removeprefix(self._root).lstrip("/"): repr([entry.get(key) for key in _MARKS])
            for path, entry in entries.items()
        }

    def download(self, name: str, target: Path) -> None:
        """Copy a file to this machine, some of it at a time.

        Args:
            name: Name of the file; empty for the URL itself.
            target: Path of the copy; its folder is made as needed.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._reading(name):
            self._files.get_file(f"{self._root}/{name}".rstrip("/"), str(target))

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, in place of what is there."""
        with self._writing(name):
            self._files.pipe_file(f"{self._root}/{name}", content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that isn't there yet, and return whether it was this call that wrote it.

        S3, Google Cloud Storage and stores that speak their protocols decide which of several was first. Other stores
        are asked before, and the last one wins if several ask at once.
        """
        with self._writing(name):
            try:
                self._files.pipe_file(f"{self._root}/{name}", content, mode="create")
            except FileExistsError:
                return False
            return True

    def delete(self, name: str) -> None:
        """Delete a file; nothing where it is absent. A store has no folders of its own."""
        with self._writing(name):
            self._files.invalidate_cache()
            if self._files.isfile(f"{self._root}/{name}"):
                self._files.rm_file(f"{self._root}/{name}")

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # each store's client has errors of its own, many of them of no common type
            raise self._error(f"{self.path(name)} can't be read: {first_line(error)}.") from None

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        scheme = self._url.partition("://")[0].lower()
        if scheme in _READ_ONLY:
            raise self._error(
                f"Nothing can be written to {self._url}, since {_READ_ONLY[scheme]}: write to a folder or an object "
                "store, and upload it when it is complete."
            )
        try:
            yield
        except Exception as error:  # each store's client has errors of its own, many of them of no common type
            raise self._error(f"{self.path(name)} can't be written: {first_line(error)}. {self._advice}") from None


def _file_system(url: str, error: type[Tia2Error]) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path within it."""
    import fsspec

    scheme = url.partition("://")[0]
    try:
        files, root = fsspec.url_to_fs(url)
    except ImportError as problem:
        what = f"{scheme}:// needs a package that isn't installed ({first_line(problem)})"
        raise (missing_dependency(what, "scale") if scheme == "s3" else MissingDependencyError(f"{what}.")) from None
    except Exception as problem:  # as above: a URL that a client can't parse, credentials that it can't find
        raise error(f"{url} can't be opened: {first_line(problem)}.") from None
    return files, str(root).rstrip("/")
