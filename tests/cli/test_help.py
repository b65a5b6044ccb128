from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tia2.cli import COMMANDS, module_of

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "datasets",
    "diffusers",
    "gradio",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "torch",
    "transformers",
)
LIST_HEAVY = f"""
import sys
from tia2.cli import main
main(sys.argv[1:])
sys.stderr.write(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""


def leaves() -> list[tuple[str, ...]]:
    """Every command and sub-command, as the words to type."""
    from importlib import import_module

    found = []
    for name in COMMANDS:
        command = typer.main.get_command(import_module(module_of(name)).app)
        found += [(name, sub) for sub in getattr(command, "commands", {})] or [(name,)]
    return found


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=lambda words: " ".join(words) or "tia2")
def test_help_loads_nothing_heavy(shell, command):
    said = shell(*command, "--help", code=LIST_HEAVY)
    assert "Usage: tia2" in said.out
    assert said.err == ""


def test_help_is_instant():
    """Processor time, which a busy machine doesn't change; the best of three."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "tia2.cli", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.6


def test_first_help_names_every_command(cli):
    said = cli("--help")
    assert said.code == 0
    for name, summary in COMMANDS.items():
        assert name in said.out
        assert len(summary) <= 72, "one line of help"
    assert "tia2 quickstart" in said.out


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_explains_itself_in_80_columns(cli, words):
    said = cli(*words, "--help")
    assert said.code == 0
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert f"tia2 {' '.join(words)}" in said.out.split("Options")[-1], "an example"


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_the_documentation_has_every_command(words):
    assert f"tia2 {' '.join(words)}" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_every_module_of_commands_is_reachable():
    modules = {path.stem for path in (ROOT / "tia2" / "commands").glob("*.py")} - {
        "__init__",
        "entries",
        "options",
        "ranking",
        "rewards_check",
    }
    assert modules == set(COMMANDS) - {"leaderboard", "submit"}
