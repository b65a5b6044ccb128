"""What the machine around the app may get wrong: proxies, and the folder for temporary files."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tia2.errors import LeaderboardError

TEMPORARY = "GRADIO_TEMP_DIR"
"""The variable that says where Gradio puts uploads and pictures."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@contextmanager
def without_proxies() -> Iterator[None]:
    """Let a block ask this machine's own server directly, whatever proxies the environment names.

    Gradio asks its server for a page when it starts, by a client that goes through proxies even to this machine, and
    that ends with an error where a SOCKS proxy is named and its package isn't installed.

    Example:
        >>> with without_proxies():
        ...     "HTTP_PROXY" in os.environ
        False
    """
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() in PROXIES}
    try:
        yield
    finally:
        os.environ.update(taken)


def prefer_own_folder() -> bool:
    """Choose a new folder for what Gradio keeps for a while, unless the environment names one.

    Gradio's own, `gradio` in the folder for temporary files, belongs to whoever on this machine used it first. It reads
    the variable when it is imported, so this comes first.

    Returns:
        Whether there is one: False where no folder for temporary files can be written to.
    """
    if os.environ.get(TEMPORARY):
        return True
    try:
        folder = tempfile.mkdtemp(prefix="tia2-leaderboard-")
    except OSError:
        return False
    _use(folder)
    return True


def prepare_temporary_folder(store: Path) -> None:
    """Choose a folder beside the store where there is none for temporary files, since nothing within a store is served.

    Args:
        store: Folder of the leaderboard.

    Raises:
        LeaderboardError: Neither can be written to.
    """
    if prefer_own_folder():
        return
    try:
        folder = tempfile.mkdtemp(prefix=".tia2-temporary-", dir=store.parent)
    except OSError as error:
        raise LeaderboardError(
            f"There is no folder for temporary files ({error.strerror or error}): name one with TMPDIR."
        ) from None
    tempfile.tempdir = folder
    _use(folder)


def _use(folder: str) -> None:
    os.environ[TEMPORARY] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
