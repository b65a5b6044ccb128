"""Runs work in a process of its own: a hostile file may crash it, and it takes nothing from those who browse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from tia2.errors import LeaderboardError
from tia2.files import without_folders

from . import parquet
from .parquet import Wanted
from .report import RefusedError
from .texts import shown

PATIENCE = 2 * parquet.SECONDS
# The child gets this process's import path as it is, and nothing from its working folder.
_START = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); importlib.import_module(sys.argv[2]).main()"
)
_QUIET = {"ARROW_DEFAULT_MEMORY_POOL": "system", "ARROW_IO_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run_apart(module: str, request: str, seconds: float) -> Any:
    """Call a module's `main` in a process of its own.

    Args:
        module: Its `main` reads a request from stdin and writes JSON to stdout.
        request: The request.
        seconds: Time after which it is stopped.

    Returns:
        What it wrote.

    Raises:
        LeaderboardError: It took too long, crashed, or wrote something else.
    """
    path = [entry for entry in sys.path if entry]
    with tempfile.TemporaryDirectory(prefix="tia2-apart-") as empty:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _START, json.dumps(path), module],
                input=request,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=seconds,
                cwd=empty,
                env={**os.environ, **_QUIET, "PYTHONIOENCODING": "utf-8"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LeaderboardError(f"it took more than {seconds:g} seconds") from None
    try:
        if done.returncode == 0:
            return json.loads(done.stdout)
    except ValueError:
        pass
    last = shown(without_folders((done.stderr.strip().splitlines() or ["no message"])[-1]), 120)
    raise LeaderboardError(f"it stopped with exit code {done.returncode} ({last})")


def check_files(wanted: Sequence[Wanted]) -> None:
    """Check Parquet files apart from this process.

    Raises:
        RefusedError: One isn't what it must be, or reading it took too much memory or time.
    """
    try:
        answer = run_apart(parquet.__name__, parquet.as_json(wanted), PATIENCE)
    except LeaderboardError as error:
        raise RefusedError([f"The score tables can't be read: {error}."]) from None
    if answer is not None:
        raise RefusedError([str(answer)])
