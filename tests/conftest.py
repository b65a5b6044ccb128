"""Shared fixtures. Upstream material lies beside the checkout and is never part of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail.
settings.register_profile("tia2", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tia2")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    try:
        found = importlib.util.find_spec("tia2.leaderboard")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.exit("tia2 is not installed in this environment: run `pip install -e '.[dev]'` first", returncode=4)
    if "leaderboard" not in {point.name for point in entry_points(group="tia2.commands")}:
        pytest.exit("tia2's entry points have changed since: run `pip install --no-deps -e .` again", returncode=4)


def _shared_folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs the upstream material in {folder}, which is not there")
    return folder


@pytest.fixture(scope="session")
def tia2_dir() -> Path:
    """The released annotations, in the upstream layout."""
    return _shared_folder("tia2")


@pytest.fixture(scope="session")
def oracles_dir() -> Path:
    """Scores that upstream code of the reward models gave on tiny weights."""
    return _shared_folder("oracles")


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch) -> Callable[..., Said]:
    """Run a command in this process, as wide as a terminal of 80 columns."""
    from datasets import disable_progress_bars

    from tia2.cli import main

    disable_progress_bars()  # A command in a process of its own does so through the environment.
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def shell() -> Callable[..., Said]:
    """Run a command in a process of its own."""

    def run(*words: object, code: str = "import sys; from tia2.cli import main; sys.exit(main())", **kwargs) -> Said:
        done = subprocess.run(
            [sys.executable, "-c", code, *(str(word) for word in words)], capture_output=True, text=True, **kwargs
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run
