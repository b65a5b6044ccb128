"""One process at a time writes a run's folder."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tia2.errors import FinetuneError

NAME = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within the block, no other process that asks may write a folder.

    The operating system holds the lock and lets go of it when the process ends, however it ends: the lock of a dead
    process is taken over. The file names the process, for people.

    Args:
        folder: The folder, which is made as needed.

    Raises:
        FinetuneError: Another process holds the lock, or the folder can't be written to.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _acquired(path)
    except OSError as problem:
        raise FinetuneError(f"{folder} can't be written to: {problem.strerror or problem}.") from None
    if handle is None:
        raise FinetuneError(f"{folder} is being written by {_holder(path)}: wait until it ends, or stop it.")
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file, and an unlocked one is in nobody's way
            path.unlink()
        os.close(handle)


def _acquired(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(handle):
            os.close(handle)
            return None
        # The holder before may have removed the file between the opening and the locking of it.
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {platform.node()}\n".encode())
            return handle
        os.close(handle)


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the text, which stays readable
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, as some clusters have: the process that the file names decides
        return not _runs_here(os.pread(handle, 200, 0).decode(errors="replace"))
    return True


def _runs_here(content: str) -> bool:
    process, _, host = content.strip().partition(" ")
    if host != platform.node() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        return True
    return True


def _holder(path: Path) -> str:
    try:
        process, _, host = path.read_text(encoding="utf-8").strip().partition(" ")
    except OSError:
        return "another process"
    return f"process {process} on {host}" if process.isdigit() else "another process"
