"""Files: written whole or not at all, cached in one folder, and explained in one sentence when they don't fit."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FileError, Tia2Error

if TYPE_CHECKING:
    from pydantic import ValidationError

# From a root on; not within an address, and not a path that begins with a name.
_FOLDERS = re.compile(r"""(?<![\w/\\.:~-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'"<>|,;:()]+[/\\])+""")

_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EMLINK)
"""What systems say where a file system has no links."""


@contextmanager
def replacing(
    path: str | os.PathLike[str], error: type[Tia2Error] = FileError, advice: str = "Nothing was changed."
) -> Iterator[Path]:
    """Give a block a temporary file beside `path`, and move it there when the block has filled it.

    Whatever happens (an exception, a full disk, `kill -9`, a power cut), `path` holds either what it held before or all
    of the new content. The new file has the mode that the umask gives, as any file that a program creates.

    Args:
        path: The file to write. Its folder is made as needed.
        error: The error to raise when the disk is full or the folder can't be written to.
        advice: A sentence that ends that error's text.

    Yields:
        The temporary file, which exists and is empty.

    Raises:
        Tia2Error: The file can't be written; of the type `error`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, replacing(Path(folder) / "a.txt") as unfinished:
        ...     _ = unfinished.write_text("whole")
    """
    path = Path(path)
    with _new_file_beside(path, error, advice) as unfinished:
        yield unfinished
        _flush_to_disk(unfinished)
        os.replace(unfinished, path)


@contextmanager
def new_folder(
    path: str | os.PathLike[str], error: type[Tia2Error] = FileError, advice: str = "Nothing was changed."
) -> Iterator[Path]:
    """Give a block a temporary folder beside `path`, and move it there when the block has filled it.

    Args:
        path: The folder to make: absent, or empty.
        error: The error to raise when the disk is full or the folder can't be written to.
        advice: A sentence that ends that error's text.

    Yields:
        The temporary folder, which exists and is empty.

    Raises:
        Tia2Error: The folder holds something, or can't be written; of the type `error`.
    """
    path = Path(path)
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.parent / f".{path.name[:60]}.{secrets.token_hex(6)}.tmp"
        unfinished.mkdir()
        yield unfinished
        if path.is_dir():
            path.rmdir()
        os.replace(unfinished, path)
    except OSError as problem:
        raise _refused(path, problem, error, advice) from None
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def write_atomically(
    path: str | os.PathLike[str],
    content: bytes,
    error: type[Tia2Error] = FileError,
    advice: str = "Nothing was changed.",
) -> None:
    """Write a file so that, whatever happens, the path holds either what it held before or all of the new content.

    Args:
        path: The file to write. Its folder is made as needed.
        content: All of it.
        error: The error to raise when the disk is full or the folder can't be written to.
        advice: A sentence that ends that error's text.

    Raises:
        Tia2Error: The file can't be written; of the type `error`.
    """
    with replacing(path, error, advice) as unfinished:
        unfinished.write_bytes(content)


def create_atomically(
    path: str | os.PathLike[str],
    content: bytes,
    error: type[Tia2Error] = FileError,
    advice: str = "Nothing was changed.",
) -> bool:
    """Write a file that isn't there yet, whole or not at all; of several processes that try, one succeeds.

    Args:
        path: The file to write. Its folder is made as needed.
        content: All of it.
        error: The error to raise when the disk is full or the folder can't be written to.
        advice: A sentence that ends that error's text.

    Returns:
        Whether the file was written; False where there is one already, which stays as it is.

    Raises:
        Tia2Error: The file can't be written; of the type `error`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [create_atomically(Path(folder) / "a.txt", content) for content in (b"first", b"second")]
        [True, False]
    """
    path = Path(path)
    if os.path.exists(path):  # False where it can't be known; then writing says why
        return False
    with _new_file_beside(path, error, advice) as unfinished:
        unfinished.write_bytes(content)
        _flush_to_disk(unfinished)
        return _linked(unfinished, path)


def check_writable(path: str | os.PathLike[str], error: type[Tia2Error] = FileError) -> None:
    """Raise now if a file or folder can't be made later, so that no hour of computing ends with that.

    Nothing stays behind. A disk that is full by then is not foreseen.

    Args:
        path: The file or folder to make; its folders are made as needed when it is written.
        error: The error to raise.

    Raises:
        Tia2Error: The nearest folder that exists can't be written to, or is none; of the type `error`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     check_writable(Path(folder) / "results" / "mine.json")
    """
    path = Path(path)
    nearest = path
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if nearest == path and not path.is_dir():
            nearest = path.parent
        probe = nearest / f".{secrets.token_hex(6)}.tmp"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        probe.unlink()
    except (OSError, ValueError) as problem:  # a null character in a path is a ValueError
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path} can't be written: {reason} ({nearest}).") from None


def json_of(text: str | bytes, **hooks: Any) -> Any:
    """Return what a JSON text says; every fault of the text is a ValueError.

    Args:
        text: The text.
        **hooks: Hooks of `json.loads`, such as `object_pairs_hook`.

    Raises:
        ValueError: It is no JSON, no UTF-8, or nested more deeply than Python follows.

    Example:
        >>> json_of("[" * 100_000)
        Traceback (most recent call last):
        ValueError: nested too deeply
    """
    try:
        return json.loads(text, **hooks)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def without_folders(text: str, *folders: str | os.PathLike[str]) -> str:
    """Return a text without the folders of the paths in it, for readers who have no business with this machine's.

    Args:
        text: The text.
        *folders: Folders that it may name, whatever their names hold; each becomes "the folder".

    Example:
        >>> without_folders("/srv/a b/x.json is damaged; see https://example.org/a/b.", "/srv/a b")
        'x.json is damaged; see https://example.org/a/b.'
        >>> without_folders("/home/me/rewards/mine.py:Mine isn't there")
        "mine.py:Mine isn't there"
    """
    for folder in sorted((os.fspath(path) for path in folders), key=len, reverse=True):
        text = text.replace(f"{folder}/", "").replace(f"{folder}\\", "").replace(folder, "the folder")
    return _FOLDERS.sub("", text)


def cache_dir() -> Path:
    """Return the folder for downloads: `tia2` in Hugging Face's home, which HF_HOME moves."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "tia2"


def explain(error: ValidationError, whole: str = "the file") -> str:
    """Put what pydantic found into one sentence, without its full stop: the first field that doesn't fit, and why.

    Args:
        error: The error that a validation raised.
        whole: Name of what was validated, for when no single field is to blame.

    Returns:
        For example "reward.name: Field required, and 2 more".

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> try:
        ...     TypeAdapter(dict[str, int]).validate_python({"a": "x"})
        ... except ValidationError as error:
        ...     explain(error)
        'a: Input should be a valid integer, unable to parse string as an integer'
    """
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or whole
    more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{where}: {first['msg']}{more}"


def _refused(path: Path, problem: OSError, error: type[Tia2Error], advice: str) -> OSError | Tia2Error:
    """Return the error to raise for what the file system refused; what a block itself raised stays as it is."""
    # A decoder's or a web client's errors are OSErrors, too, but only the system's have a number.
    if isinstance(problem, Tia2Error) or problem.errno is None:
        return problem
    return error(f"{path} can't be written: {problem.strerror or problem}. {advice}")


@contextmanager
def _new_file_beside(path: Path, error: type[Tia2Error], advice: str) -> Iterator[Path]:
    """Give a block a new, empty file in the folder of `path`, which is gone afterwards unless the block moved it."""
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Short, since the name and its addition share the 255 bytes that a file name may have.
        new = path.parent / f".{path.name[:60]}.{secrets.token_hex(6)}.tmp"
        # Not tempfile.mkstemp: it makes files that only their owner can read, and colleagues share results.
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        unfinished = new
        yield unfinished
    except OSError as problem:
        raise _refused(path, problem, error, advice) from None
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def _linked(unfinished: Path, path: Path) -> bool:
    """Give a file its name unless there is one of that name, and return whether there was none."""
    try:
        # Unlike a rename, a link never replaces a file.
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        # Some file systems have no links: there, the last of several that begin at once wins.
        os.replace(unfinished, path)
    return True


def _flush_to_disk(path: Path) -> None:
    # Without this, a power cut after the rename can leave an empty file under the final name.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
