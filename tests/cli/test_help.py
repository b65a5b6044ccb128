from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tia2.cli import COMMANDS, command_of, summary_of

if TYPE_CHECKING:
    import typer

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
LINES = f"""
import contextlib, io, json, sys
from tia2.cli import main
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(words)
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps([code, out.getvalue(), err.getvalue(), heavy]))
"""
"""Types several lines in one process, as starting one takes longer than what they do."""


class Line(NamedTuple):
    """What a line printed, and the heavy packages that are imported after it."""

    code: int
    out: str
    err: str
    heavy: list[str]


@pytest.fixture(scope="session")
def type_lines(shell) -> Callable[..., list[Line]]:
    """Type lines after `tia2`, each as its words, in one new process."""

    def type_them(*lines: Sequence[str]) -> list[Line]:
        said = shell(json.dumps([list(words) for words in lines]), code=LINES)
        assert said.code == 0, said.err
        return [Line(*json.loads(line)) for line in said.out.splitlines()]

    return type_them


def leaves() -> list[tuple[str, ...]]:
    """Every command and sub-command, as the words to type."""
    words = []
    for name in COMMANDS:
        command = command_of(name)
        words += [(name, sub) for sub in getattr(command, "commands", {})] or [(name,)]
    return words


def test_help_loads_nothing_heavy(type_lines):
    commands = [(), *((name,) for name in COMMANDS)]
    for command, said in zip(commands, type_lines(*((*words, "--help") for words in commands)), strict=True):
        assert "Usage: tia2" in said.out, command
        assert (said.err, said.heavy) == ("", []), command


def test_help_is_instant():
    """Processor time, which a busy machine doesn't change; the best of three."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "tia2.cli", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.45


def test_first_help_names_every_command(cli):
    said = cli("--help")
    assert said.code == 0
    for name, plugin in COMMANDS.plugins().items():
        summary = summary_of(plugin)
        assert f"│ {name} " in said.out
        assert summary[:40] in said.out
        assert len(summary) <= 72, "one line of help"
    assert "tia2 quickstart" in said.out


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_explains_itself_in_80_columns(cli, words):
    said = cli(*words, "--help")
    assert said.code == 0
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert f"tia2 {' '.join(words)}" in said.out.split("Options")[-1], "an example"


def test_the_documentation_has_every_command():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [words for words in leaves() if f"tia2 {' '.join(words)}" not in page] == []


@pytest.mark.parametrize("folder", ["tia2/commands", "leaderboard/commands"])
def test_every_module_of_commands_is_reachable(folder):
    """A module that defines an app is a command, or part of one; the others hold what commands share."""
    package = folder if folder.startswith("tia2") else f"tia2/{folder}"
    reachable = {function.__module__ for app in dict(COMMANDS.items()).values() for function in callbacks(app)}
    for name in COMMANDS:
        reachable |= {inner.callback.__module__ for inner in getattr(command_of(name), "commands", {}).values()}
    for path in (ROOT / folder).glob("*.py"):
        if re.search(r"^\w*app = typer\.Typer\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"{package}/{path.stem}".replace("/", ".") in reachable


def callbacks(app: typer.Typer) -> list[Callable[..., object]]:
    functions = [info.callback for info in app.registered_commands]
    for group in app.registered_groups:
        functions += callbacks(group.typer_instance)
    if app.registered_callback:
        functions.append(app.registered_callback.callback)
    return functions


def test_commands_of_a_package(type_lines, plugin):
    plugin("greet", "toy_greet", TOY.format(loads=""))
    listed, greeting, described, misspelt = type_lines(["--help"], ["greet", "--loud"], ["greet", "--help"], ["gret"])
    assert listed.err == ""
    assert "Say hello, from a package." in listed.out
    assert greeting.out == "HELLO\n"
    assert "Usage: tia2 greet" in described.out
    assert "Did you mean 'greet'?" in misspelt.err


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("greet", "", None),
        ("run", "", "The command finetune run is left out: that name is taken."),
        ("greet", "import toy_nothing", "Finetune command 'greet' from package toy can't be imported"),
    ],
)
def test_a_package_adds_to_a_command_of_another(type_lines, plugin, name, content, complaint):
    plugin(name, "toy_greet", TOY.format(loads=content), "tia2.commands.finetune")
    added = ["greet", "--loud"] if complaint is None else ["best-of-n", "--help"]
    said, then = type_lines(["finetune", "--help"], ["finetune", *added])
    assert (said.code, then.code) == (0, 0)
    if complaint is None:
        assert said.err == ""
        assert "Say hello" in said.out
        assert then.out == "HELLO\n"
    else:
        assert complaint in said.err
        assert "│ serve-reward " in said.out


def test_what_is_no_group_takes_no_addition(shell, plugin):
    plugin("greet", "toy_greet", TOY.format(loads=""), "tia2.commands.version")
    said = shell("version")
    assert said.code == 0
    assert "The command version greet is left out: tia2 version is no group of commands." in said.err


def test_help_imports_no_package_of_commands(shell, plugin):
    plugin("greet", "toy_greet", TOY.format(loads="raise SystemExit('imported')"))
    assert "Say hello, from a package." in shell("--help").out


@pytest.mark.parametrize(
    ("value", "content", "in_help", "when_run"),
    [
        ("toy_gone:app", None, "there is no module toy_gone. It is left out.", "No module named 'toy_gone'"),
        ("toy_syntax:app", "def", "toy_syntax.py: invalid syntax", "SyntaxError: invalid syntax"),
        ("toy_import:app", "import toy_nothing", "", "No module named 'toy_nothing'"),
        ("toy_name:app", "", "", "has no attribute 'app'"),
        ("toy_type:app", "app = 3", "", "Expected command 'broken' to be a typer.Typer, got int."),
    ],
)
def test_a_broken_command_stops_nothing(type_lines, plugin, value, content, in_help, when_run):
    plugin("broken", value, content)
    said, version, broken = type_lines(["--help"], ["version"], ["broken"])
    assert said.code == 0
    assert "quickstart" in said.out
    if in_help:
        assert "│ broken " not in said.out
        assert said.err.startswith("warning: Command 'broken' from package toy can't be imported: ")
        assert in_help in said.err
    else:
        assert "│ broken " in said.out
        assert said.err == ""
    assert version.code == 0
    assert broken.code == 1
    assert broken.err.startswith("error: ")
    assert when_run in broken.err
    assert len(broken.err.splitlines()) == 1


def test_a_package_can_not_take_a_name(shell, plugin):
    plugin("score", "toy_greet", TOY.format(loads=""))
    said = shell("score", "--help")
    assert "The command 'score' of package toy is left out: tia2 has that name already." in said.err
    assert "Score a benchmark" in said.out


TOY = """\
\"\"\"Say hello, from a package.\"\"\"
import typer
{loads}
app = typer.Typer()

@app.command()
def greet(loud: bool = False) -> None:
    "Say hello."
    typer.echo("HELLO" if loud else "hello")
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Callable[..., None]:
    """Install a package `toy` that offers a command, for the processes that the test starts."""

    def install(name: str, value: str, content: str | None, group: str = "tia2.commands") -> None:
        module, _, attribute = value.partition(":")
        if content is not None:
            (tmp_path / f"{module}.py").write_text(content, encoding="utf-8")
        metadata = tmp_path / "toy-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n", encoding="utf-8")
        points = f"[{group}]\n{name} = {module}:{attribute or 'app'}\n"
        (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    return install


@pytest.mark.parametrize(
    ("words", "offered"), [("tia2 ev", "evaluate"), ("tia2 score --rew", "--reward"), ("tia2 data ch", "check")]
)
def test_a_shell_completes_commands_and_options(shell, words, offered):
    code = "import sys; sys.argv = ['tia2']; from tia2.cli import main; sys.exit(main())"
    asked = {"_TIA2_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert shell(code=code, env={**os.environ, **asked}).out.split() == [offered]
