"""A whole leaderboard in one file, and back."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tia2.errors import LeaderboardError
from tia2.files import new_folder, replacing

from ..data.store import Store
from .checking.texts import quote
from .database import PATIENCE

QUEUE = "queue.sqlite"
_NAMES = re.compile(
    r"store\.json|queue\.sqlite|benchmarks/[^/\\\0]+|listings/[^/\\\0]+\.json|published/[^/\\\0]+\.json|"
    r"uploads/[0-9a-f]{32}\.zip|tables/[0-9a-f]{64}/(?:manifest\.json|items\.parquet|shards/[0-9]{5}\.parquet)|"
    r"finetune/[a-z0-9-]+/(?:record\.json|run\.json|journal\.jsonl|evaluations/epoch_[0-9]{5}\.parquet)"
)
_BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError)


def backup(store: Store, out: Path) -> int:
    """Write everything that can't be computed again into one .tar.gz, whole or not at all.

    While it is made, nobody can submit or review; everybody can read.

    Args:
        store: The store.
        out: The file; it must not be there yet.

    Returns:
        How many files are in it.

    Raises:
        LeaderboardError: The file is there, or can't be written.

    Example:
        >>> backup(Store("runs/leaderboard"), Path("leaderboard.tar.gz"))  # doctest: +SKIP
        57
    """
    if out.exists():
        raise LeaderboardError(f"{out} is there already: choose another name for the backup.")
    count = 0
    try:
        with (
            replacing(out, LeaderboardError) as unfinished,
            tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder,
            _queue_held(store, Path(folder) / QUEUE) as queue,
            unfinished.open("wb") as file,
            gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed,
            tarfile.open(None, "w", packed) as archive,
        ):
            for name, path in _files(store, queue):
                _add(archive, name, path)
                count += 1
    except sqlite3.Error as error:
        raise LeaderboardError(f"{store.folder / QUEUE} can't be copied: {error}.") from None
    return count


def restore(archive: Path, folder: Path) -> Store:
    """Make a store of a backup, whole or not at all.

    Args:
        archive: File that `backup` wrote.
        folder: A folder that is new or empty.

    Returns:
        The store.

    Raises:
        LeaderboardError: The folder holds something, or the archive is damaged or no backup.

    Example:
        >>> restore(Path("leaderboard.tar.gz"), Path("runs/again")).name  # doctest: +SKIP
        'TIA2 leaderboard'
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LeaderboardError(f"{folder} is not empty: restore to another folder.")
    if not archive.is_file():
        raise LeaderboardError(f"There is no backup at {archive}.")
    with new_folder(folder, LeaderboardError) as target:
        try:
            _extract(archive, target)
        except _BROKEN as error:
            raise LeaderboardError(f"{archive} is damaged, or no backup ({' '.join(str(error).split())}).") from None
        Store(target)
        _check_queue(target / QUEUE, archive)
    return Store(folder)


@contextmanager
def _queue_held(store: Store, copy: Path) -> Iterator[Path | None]:
    """Copy the queue, and keep others from changing it, and with it the board, while the rest is copied."""
    source = store.folder / QUEUE
    if not source.is_file():
        yield None
        return
    with closing(sqlite3.connect(source, timeout=PATIENCE, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        # A second connection, since a copy takes no more than a reader's lock.
        with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(copy)) as target:
            reader.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        yield copy
        holder.rollback()


def _files(store: Store, queue: Path | None) -> Iterator[tuple[str, Path]]:
    for path in sorted(store.folder.rglob("*")):
        name = path.relative_to(store.folder).as_posix()
        # What isn't part of a store is derived, unfinished, or somebody else's.
        if path.is_file() and not path.is_symlink() and name != QUEUE and _is_ours(name):
            yield name, path
    if queue is not None:
        yield QUEUE, queue


def _is_ours(name: str) -> bool:
    return bool(_NAMES.fullmatch(name)) and not any(part.startswith(".") for part in name.split("/"))


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    content = path.read_bytes()
    info.size, info.mode, info.mtime = len(content), 0o644, int(path.stat().st_mtime)
    archive.addfile(info, io.BytesIO(content))


def _extract(archive: Path, target: Path) -> None:
    with tarfile.open(archive, "r:gz") as packed:
        for member in packed:
            if not member.isreg() or not _is_ours(member.name):
                raise LeaderboardError(f"{archive} holds {quote(member.name)}, which is no part of a leaderboard.")
            path = target / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            source = packed.extractfile(member)
            if source is None:
                raise LeaderboardError(f"{archive} holds {quote(member.name)} without content.")
            with path.open("xb") as file:
                shutil.copyfileobj(source, file)
            os.utime(path, (member.mtime, member.mtime))


def _check_queue(path: Path, archive: Path) -> None:
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            (problem,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        problem = str(error)
    if problem != "ok":
        raise LeaderboardError(f"The queue in {archive} is damaged: {problem}.")
