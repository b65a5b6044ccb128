"""Files from the Hugging Face Hub, with one clear line when they can't be had."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from tia2.errors import RewardError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def is_hub_id(source: str) -> bool:
    """Whether a text has the form of a hub id, "organisation/model" or "model".

    Example:
        >>> is_hub_id("openai/clip-vit-base-patch32"), is_hub_id("./clip"), is_hub_id("a/b/c")
        (True, False, False)
    """
    return bool(_HUB_ID.fullmatch(source)) and not source.startswith(".")


def fetch_folder(hub_id: str, revision: str | None, patterns: Iterable[str]) -> Path:
    """Download the files of a model that match the patterns, unless they are in the cache, and return their folder.

    Args:
        hub_id: "organisation/model".
        revision: Branch, tag or commit; the newest if None.
        patterns: Names with wildcards.

    Raises:
        RewardError: Unknown, gated or not reachable; the text says which.
    """
    from huggingface_hub import snapshot_download

    wanted = list(patterns)
    return _fetch(hub_id, revision, lambda: snapshot_download(hub_id, revision=revision, allow_patterns=wanted))


def fetch_file(hub_id: str, filename: str, revision: str | None = None) -> Path:
    """Download one file of a model, unless it is in the cache, and return its path.

    Args:
        hub_id: "organisation/model".
        filename: The file's path in the repository.
        revision: Branch, tag or commit; the newest if None.

    Raises:
        RewardError: Unknown, gated or not reachable; the text says which.
    """
    # As a folder of one file: asked for a file alone, the hub's client tries for a minute where there is no network.
    folder = fetch_folder(hub_id, revision, [glob.escape(filename)])
    if not (folder / filename).is_file():
        raise RewardError(f"{hub_id}{_at(revision)} has no {filename}, or the cache has none and the Hub isn't asked.")
    return folder / filename


def commit_of(path: Path) -> str | None:
    """Return the commit that a file or folder of the hub's cache belongs to, or None for other paths."""
    parts = path.parts
    if "snapshots" not in parts[:-1]:
        return None
    return parts[parts.index("snapshots") + 1]


def _fetch(hub_id: str, revision: str | None, download: Callable[[], str]) -> Path:
    from huggingface_hub import constants, errors

    of = _at(revision)
    try:
        return Path(download())
    except errors.GatedRepoError:
        raise RewardError(f"{hub_id} is gated: ask for access on its page, then `hf auth login`.") from None
    except errors.RevisionNotFoundError:
        raise RewardError(f"{hub_id} has no revision {revision!r} on the Hugging Face Hub.") from None
    except errors.RepositoryNotFoundError:
        raise RewardError(f"There is no folder {hub_id!r}, and no such model on the Hugging Face Hub.") from None
    except errors.LocalEntryNotFoundError:
        advice = "check the network, or give a local folder."
        if constants.HF_HUB_OFFLINE:
            advice = "it isn't in the cache, and HF_HUB_OFFLINE is set. Unset that, or give a local folder."
        raise RewardError(
            f"There is no folder {hub_id!r}, and the Hugging Face Hub can't be reached for the model of that name{of}: "
            f"{advice}"
        ) from None
    except Exception as error:  # Proxies and certificates fail with errors of the hub's web client.
        raise RewardError(f"{hub_id}{of} can't be downloaded: {' '.join(str(error).split())}") from None


def _at(revision: str | None) -> str:
    return f" at revision {revision!r}" if revision else ""
