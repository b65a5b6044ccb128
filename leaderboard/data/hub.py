"""Where a store is: a folder, or a dataset repository on the Hugging Face Hub at a revision."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tia2.errors import DownloadError, LeaderboardError, first_line
from tia2.files import cache_dir

from .store import Store

PREFIX = "hub:"
_PLACE = re.compile(r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[\w./-]{1,100}))?")
KEPT = ["store.json", "benchmarks/*", "tables/*", "listings/*.json", "published/*.json", "finetune/*"]
"""What of a repository makes a store; submissions and code that lie beside it are never fetched."""


def open_store(location: str | os.PathLike[str]) -> Store:
    """Open a store.

    Args:
        location: A folder, or "hub:OWNER/NAME" or "hub:OWNER/NAME@REVISION" for a dataset repository, which is
            downloaded into the cache; a branch is looked up every time.

    Returns:
        The store. Of a repository, a local copy.

    Raises:
        LeaderboardError: There is no store, or the place isn't written like this.
        DownloadError: The repository can't be reached or read.

    Example:
        >>> open_store("hub:someone/tia2-leaderboard@v1")  # doctest: +SKIP
    """
    text = os.fspath(location)
    if not text.startswith(PREFIX):
        return Store(text)
    match = _PLACE.fullmatch(text.removeprefix(PREFIX))
    if match is None:
        raise LeaderboardError(f"Expected hub:OWNER/NAME or hub:OWNER/NAME@REVISION, got {text!r}.")
    return Store(_download(match["repo"], match["revision"]))


def _download(repo: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    folder = cache_dir() / "leaderboards" / f"{repo.replace('/', '--')}@{(revision or 'main').replace('/', '--')}"
    try:
        snapshot_download(repo, repo_type="dataset", revision=revision, local_dir=folder, allow_patterns=KEPT)
    except Exception as error:  # Proxies and certificates fail with errors of the hub's web client.
        raise DownloadError(f"The leaderboard {repo} can't be downloaded: {first_line(error)}") from None
    return folder
