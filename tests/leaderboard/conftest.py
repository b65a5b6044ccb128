"""Boards to look at."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, as Debian brings it. Not for the whole session: a second one in a process is refused by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}, which `make chromium` installs on Debian")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Path:
    """The folder of a store of the embedded results, without an index: to be copied, as making one takes a second."""
    return embedded_store(tmp_path_factory.mktemp("embedded") / "store").folder


@pytest.fixture(scope="session")
def mini_board(embedded, tmp_path_factory):
    """The embedded results: four small reward models and an ensemble on the miniature benchmark. Read only."""
    store = Store(shutil.copytree(embedded, tmp_path_factory.mktemp("leaderboard") / "store"))
    return Board.load(store, "mini", index=Index(store, resamples=1000))


NAMES = [
    "<script>window.__xss=1</script>",
    "=cmd|' /C calc'!A0",
    r"\input{/etc/passwd}",
    "</script><img src=x onerror=window.__xss=2>",
    "+1+1 %{x} $\\alpha$ & 100% #1 _a_ ^^5cinput ~",
    "模型 “größe” \u202egnihton\u202c",
    "long " * 12,
]


def _renamed(entry, name, number):
    """The entry as if its people had written these words into every field."""
    cite = f"@misc{{x{number}, title = {{{name}}}}}"
    card = entry.listing.card.model_copy(
        update={
            "name": name[:60], "licence": name, "training_data": f"\t{name}", "description": name, "cite": cite,
            "paper": f"https://example.org/?{name}", "contact": "javascript:window.__xss=3",
        }
    )  # fmt: skip
    mark = entry.name.removeprefix(entry.listing.card.name)
    return replace(entry, name=card.name + mark, listing=entry.listing.model_copy(update={"card": card}))


@pytest.fixture(scope="session")
def hostile_board(mini_board):
    """The embedded results under names and cards that are markup, formulas and commands."""
    board = copy.copy(mini_board)
    board.entries = tuple(
        _renamed(entry, NAMES[number % len(NAMES)], number) for number, entry in enumerate(mini_board.entries)
    )
    board.benchmark = board.benchmark.model_copy(update={"title": NAMES[0], "description": NAMES[3]})
    return board


@pytest.fixture(scope="session")
def large_board(mini_board):
    """A thousand ranked entries with figures around the embedded ones."""
    rng = np.random.default_rng(0)
    pick = rng.choice(mini_board.ranked, 1000)
    board = copy.copy(mini_board)
    board.__dict__.pop("ranked", None)
    board.entries = tuple(
        replace(mini_board.entries[place], id=f"made-{number}", key=f"made-{number}")
        for number, place in enumerate(pick)
    )
    board.positions = {entry.id: number for number, entry in enumerate(board.entries)}
    noise = rng.normal(0, 0.02, (1000, 1, 1))
    board.figures = np.clip(mini_board.figures[pick] + noise, 0, 1)
    board.estimates = mini_board.estimates[pick] + noise[..., None]
    board.counts = mini_board.counts[pick]
    return board
