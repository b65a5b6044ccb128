"""The files that are opened for reading while a reward is imported and made, weights among them."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tia2.rewards.identity.own_files import is_own

_OPENED: ContextVar[list[str] | None] = ContextVar("_OPENED", default=None)
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/run")
_CODE = {".py", ".pyc", ".pyi", ".so", ".pyd"}


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """Collect the names of the files that Python opens for reading in a block.

    What is opened by compiled code (safetensors, ONNX) can't be seen.

    Yields:
        A list that is filled while the block runs.
    """
    _listen()
    names: list[str] = []
    token = _OPENED.set(names)
    try:
        yield names
    finally:
        _OPENED.reset(token)


def data_files(names: list[str]) -> list[Path]:
    """Return those of the opened files that may decide a reward: the user's, but no code, caches or settings.

    Args:
        names: Names of opened files.
    """
    home = Path.home().resolve()
    paths = {path for name in names if (path := Path(name).resolve()).is_file()}
    return sorted(path for path in paths if path.suffix not in _CODE and is_own(path) and not _is_system(path, home))


def _is_system(path: Path, home: Path) -> bool:
    if any(path.is_relative_to(folder) for folder in _SYSTEM):
        return True
    # Settings and caches: what a model reads from there is digested in memory.
    return path.is_relative_to(home) and any(part.startswith(".") for part in path.relative_to(home).parts)


@functools.cache
def _listen() -> None:
    # Once per process: an audit hook can't be removed. It costs a look-up wherever nothing is collected.
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open":
        return
    names = _OPENED.get()
    if names is None:
        return
    path, mode, flags = arguments
    reads = mode is not None and "r" in mode and "+" not in mode
    if mode is None and isinstance(flags, int):
        reads = flags & (os.O_WRONLY | os.O_RDWR) == 0
    if reads and isinstance(path, str | bytes | os.PathLike):
        names.append(os.path.abspath(os.fsdecode(path)))
