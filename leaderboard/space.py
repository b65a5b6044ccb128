"""The app as a Hugging Face Space: where its store is, and how it listens, comes from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .data.embedded import embedded_store
from .data.hub import PREFIX, open_store
from .data.store import Store

STORE = "TIA2_STORE"


def space_store(environment: Mapping[str, str], here: Path) -> Store:
    """Return the store that a Space shows.

    Args:
        environment: `TIA2_STORE` says where it is: a folder or hub:OWNER/NAME@REVISION. A folder that is new or empty,
            such as fresh persistent storage, is filled with the results that come with tia2.
        here: Where that store is put if the environment names none.

    Raises:
        LeaderboardError: There is something else.
        DownloadError: The repository can't be reached or read.
    """
    location = environment.get(STORE, "").strip()
    return (
        open_store(location)
        if location.startswith(PREFIX)
        else embedded_store(location or here / "leaderboard", published=True)
    )


def launch_space() -> None:
    """Serve the app until it is stopped; gradio's own variables say where it listens."""
    from .pages.app import launch

    launch(space_store(os.environ, Path.cwd()))


if __name__ == "__main__":
    launch_space()
