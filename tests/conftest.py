"""Shared fixtures. Upstream material lies beside the checkout and is never part of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

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
