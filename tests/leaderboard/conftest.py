"""Boards to look at."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.views.formats import NO_VALUE
from tia2.leaderboard.views.model_table import model_table

BUDGET = {
    "name": "tiny",
    "model": {"name": "mini-halfway", "lora": {"rank": 2}},
    "prompts": {"benchmark": "mini", "subset": "counting", "train": [2, 3], "held_out": [4]},
    "reward": {"proxy": "mini-countblind", "gold": "judge"},
    "sampler": {"steps": 3, "guidance": 1.0, "batch": 16},
    "optimiser": {"lr": 1e-3},
    "ddpo": {"images_per_epoch": 4, "updates_per_epoch": 1, "epochs": 2, "batch": 12, "clip_nats": 1.6},
    "evaluation": {"every": 1, "images_per_prompt": 4, "kl_images": 2},
}
"""A budget of seconds: two prompts are trained, one is held out, three evaluations of twelve images."""
VALIDATED = ("mini-strong", "mini-vivid~textnorm")
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""As Debian brings it. The first has no windows, and opens a page in a third of the time."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium. Not for the whole session: a second one in a process is refused by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("needs Chromium, which `make chromium` installs on Debian")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def embedded(once) -> Path:
    """The folder of a store of the embedded results, without an index: to be copied, as making one takes a second."""
    return once("embedded-store", lambda folder: embedded_store(folder / "store")) / "store"


@pytest.fixture(scope="session")
def mini_board(embedded, once, tmp_path_factory):
    """The embedded results: four small reward models and an ensemble on the miniature benchmark. Read only."""

    def board(folder: Path) -> Board:
        store = Store(folder / "store")
        return Board.load(store, "mini", index=Index(store, resamples=1000))

    def fill(folder: Path) -> None:
        shutil.copytree(embedded, folder / "store")
        board(folder)

    indexed = once("mini-board", fill)
    return board(Path(shutil.copytree(indexed, tmp_path_factory.mktemp("leaderboard") / "board")))


@pytest.fixture(scope="session")
def validated(embedded, tmp_path_factory) -> Path:
    """A folder with `store`, in which two entries are validated, and their run folders; made once. Read only."""
    pytest.importorskip("diffusers", reason="fine-tuning needs diffusers: pip install 'tia2[finetune]'")
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = (tmp_path_factory.mktemp("validated") if alone else tmp_path_factory.getbasetemp().parent) / "validated"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp("validating") / "validated"
            _validate(shutil.copytree(embedded, unfinished / "store"), unfinished / "runs")
            unfinished.rename(folder)
    return folder


def _validate(folder: Path, out: Path) -> None:
    from tia2.finetune.settings.run import checked
    from tia2.leaderboard.validation.choosing import choose
    from tia2.leaderboard.validation.running import validate_entries

    store = Store(folder)
    store.remove_listing("mini-ensemble")
    for listing in store.listings:
        # Raw and TextNorm: entries that need no choice of settings, which takes longest.
        store.add_listing(listing.model_copy(update={"calibrations": listing.calibrations[:2]}))
    board = Board.load(store, "mini", index=Index(store, resamples=200))
    choice = choose(board, len(VALIDATED), only=VALIDATED)
    outcomes = list(validate_entries(board, choice.entries, checked(BUDGET, "a test"), out, added_by="a test"))
    assert [outcome.problem for outcome in outcomes] == ["", ""]


@pytest.fixture
def validated_store(validated, tmp_path) -> Store:
    """A copy of the store with two validated entries."""
    return Store(shutil.copytree(validated / "store", tmp_path / "store"))


@pytest.fixture(scope="session")
def validated_board(validated, tmp_path_factory) -> Board:
    """The board of the store with two validated entries. Read only."""
    store = Store(shutil.copytree(validated / "store", tmp_path_factory.mktemp("validated-board") / "store"))
    return Board.load(store, "mini", index=Index(store, resamples=200))


@pytest.fixture(scope="session")
def cells() -> Callable[..., dict[str, dict[str, str]]]:
    """A function that returns what the Board tab shows of every entry, by id and heading, in the order of the rows."""

    def cells(board: Board, scope: str, metric: str, **asked: Any) -> dict[str, dict[str, str]]:
        texts = {}
        for row in model_table(board, scope, metric, {}, **asked)["rows"]:
            unfolded = model_table(board, scope, metric, {}, unfold=row["model"], **asked)
            (model,) = unfolded["rows"]
            headings = [heading["title"] for heading in unfolded["head"][1:]]
            for entry in (model, *model["unfolded"]):
                figures = [f"{figure['text']} {figure['interval']}".strip() for figure in entry["figures"]]
                line = [*figures, entry["best"] or NO_VALUE, *entry["rest"]]
                texts[entry["id"]] = dict(zip(headings, line, strict=True))
        return texts

    return cells


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
