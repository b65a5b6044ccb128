"""The documentation says what is true: its commands exist, its code parses, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^(?: {4,}|\$ )(tia2 (?:[^\n]*\\\n)*[^\n]+)$", re.M)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
IDENTIFIER = re.compile(r"^::: ([\w.]+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def in_pages(pattern):
    return [
        pytest.param(found, id=f"{page.name}: {found.splitlines()[0][:60]}")
        for page in PAGES
        for found in pattern.findall(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("line", in_pages(COMMAND))
def test_commands_exist_with_their_options(line):
    from tia2.cli import COMMANDS, command_of

    words = shlex.split(line.replace("\\\n", " "), comments=True)[1:]
    assert words[0] in COMMANDS, line
    command = command_of(words[0])
    alone = words[1:2] == [] or words[1].startswith("-") or "  " in line.partition(words[0])[2][:4]
    if hasattr(command, "commands") and not (alone and command.invoke_without_command):
        assert words[1] in command.commands, line
        command = command.commands[words[1]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word in known, line


@pytest.mark.parametrize("code", in_pages(PYTHON))
def test_code_parses(code):
    compile(code, "page", "exec")


def documented(identifier):
    """What an identifier of a page stands for; the site's generator sees leaderboard and finetune where they lie."""
    value = import_module("tia2")
    for part in identifier.removeprefix("tia2.").split("."):
        if not hasattr(value, part) and find_spec(f"{value.__name__}.{part}"):
            import_module(f"{value.__name__}.{part}")
        value = getattr(value, part, None)
    return value


@pytest.mark.parametrize("identifier", in_pages(IDENTIFIER))
def test_documented_names_exist(identifier):
    assert documented(identifier) is not None


UNDOCUMENTED = {"CONFIGS", "SUBSETS", "METRICS", "REWARDS"}
"""Names of constants, whose values other pages show."""


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "api").glob("*.md")), ids=lambda page: page.stem)
def test_every_public_name_is_documented(page):
    text = page.read_text(encoding="utf-8")
    name = text.partition("\n")[0].removeprefix("# ")
    package = import_module(name)
    everywhere = {name for other in page.parent.glob("*.md") for name in IDENTIFIER.findall(other.read_text("utf-8"))}
    if name in everywhere:
        return  # With all that is in it.
    values = [documented(identifier) for identifier in everywhere]
    for public in getattr(package, "__all__", ()):
        value = getattr(package, public)
        if public not in UNDOCUMENTED and callable(value):
            assert any(value is other for other in values), f"{name}.{public} is on no page in docs/api"


def test_definitions_are_those_of_the_metrics():
    from tia2.evaluation import METRICS

    page = (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8")
    for metric in map(METRICS.get, METRICS):
        row = f"| `{metric.name}` | {metric.definition} | {metric.low:g} to {metric.high:g} |"
        assert row in page
        if metric.chance is not None:
            assert f"{row} {metric.chance:g} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_stay_readable_as_text(page):
    in_code = False
    for line in page.read_text(encoding="utf-8").splitlines():
        in_code ^= line.startswith("```")
        assert in_code or len(line) <= 130 or line.startswith("|"), line


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_nobody_else(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for page in tmp_path.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"?(https?://[^\s\">]+)", html)
        assert fetched == [], page.name
