"""An installed package adds a calibration and a metric, one file each, and every surface of tia2 shows both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "toy_plugin"


@pytest.fixture(scope="module")
def toy_path(tmp_path_factory) -> Path:
    """A folder for sys.path into which pip has installed the package."""
    folder = tmp_path_factory.mktemp("toy")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    words = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--target", folder / "installed", source)
    done = subprocess.run([sys.executable, "-m", "pip", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "installed"


def python(*words: object, path: Path | None) -> str:
    environment = {**os.environ, "COLUMNS": "160", "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run([sys.executable, *map(str, words)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def said(toy_path, tmp_path_factory):
    """What every surface says, in a process that has the package."""
    folder = tmp_path_factory.mktemp("session")
    return {"folder": folder} | json.loads(
        python(HERE / "toy_session.py", folder, path=toy_path).strip().splitlines()[-1]
    )


def test_commands_show_both(said):
    assert "toy" in said["listed"]
    assert "package toy-tia2" in said["listed"]
    assert "less the mean reward" in " ".join(said["listed"].split())
    for command in ("evaluate", "compare", "analyze"):
        assert "Toy" in said[command], command
    assert "Toy best" in said["evaluate"]
    assert "Toy best" in said["analyze"]
    assert "mini-strong + Toy" in said["compare"]
    (result,) = said["evaluate_json"]
    assert result["entry"]["name"] == "mini-strong + Toy (weight = 0.5)"
    assert result["entry"]["calibration"] == "toy"
    assert result["entry"]["settings"]["weight"] == 0.5
    assert 0 < result["overall"]["metrics"]["toy_best"]["mean"] <= 1


def test_a_submission_that_names_the_calibration_is_taken(said):
    assert said["entries"] == {"mini-strong": ["mini-strong", "raw"], "mini-strong~toy": ["mini-strong + Toy", "Toy"]}
    assert said["written"]["calibrations"] == [{"calibration": "raw"}, {"calibration": "toy", "weight": 1.0}]


def test_the_board_shows_both(said):
    assert "Toy best" in said["headings"]
    assert set(said["rows"]) == {"mini-strong", "mini-strong + Toy"}
    assert all(0 < float(figure) <= 1 for figures in said["rows"].values() for figure in figures)
    for name, plot in said["plots"].items():
        assert "Toy" in plot, name
        assert "Toy best" in plot, name


@pytest.mark.parametrize("kind", ["csv", "latex", "html"])
def test_files_show_both(said, kind):
    assert "mini-strong + Toy" in said[kind]
    assert "toy_best" in said[kind] or "Toy best" in said[kind]


def test_definitions_stand_on_the_about_tab_and_in_the_page(said):
    for kind in ("about", "html"):
        assert "less the mean reward of the prompt and its contrastive prompts" in said[kind], kind
        assert "Human score of a prompt&#39;s image with the highest value" in said[kind].replace("&#x27;", "&#39;"), (
            kind
        )


def test_without_the_package_the_board_leaves_its_entry_out(said, tmp_path):
    store = shutil.copytree(said["folder"] / "store", tmp_path / "store")
    words = (
        "import logging, sys; logging.basicConfig(stream=sys.stdout)\n"
        "from tia2.leaderboard.data.board import Board\n"
        "from tia2.leaderboard.data.index import Index\n"
        "from tia2.leaderboard.data.store import Store\n"
        f"store = Store({str(store)!r})\n"
        "board = Board.load(store, 'mini', index=Index(store, resamples=100))\n"
        "print('entries', [entry.id for entry in board.entries])\n"
        "(listing,) = store.listings\n"
        "store.add_listing(listing)\n"
    )
    lines = python("-c", words, path=None).splitlines()
    warnings = [line for line in lines if "WARNING" in line]
    assert len(warnings) == 1
    assert "Unknown calibration 'toy'" in warnings[0]
    assert "entries ['mini-strong']" in lines
    kept = json.loads((store / "listings" / "mini-strong.json").read_text(encoding="utf-8"))
    assert kept["calibrations"] == said["written"]["calibrations"], "what isn't understood is kept as it was written"


def test_figures_are_those_of_the_plugin_s_own_code(said, toy_path):
    words = (
        "import json, tia2\n"
        "from importlib.resources import files\n"
        "from toy_tia2.calibration import Toy\n"
        "table = tia2.ScoreTable.load(files('tia2.leaderboard') / 'assets' / 'mini-strong')\n"
        "values = tia2.calibrate(table, 'toy')\n"
        "online = Toy().apply_online([table.rewards], table.mask)\n"
        "print(json.dumps([values.values.tolist(), online.tolist()]))\n"
    )
    offline, online = json.loads(python("-c", words, path=toy_path))
    np.testing.assert_array_equal(offline, online)
