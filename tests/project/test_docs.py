"""The documentation says what is true: its commands exist, its code parses, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
from pages import ROOT, blocks

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDENTIFIER = re.compile(r"^::: ([\w.]+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def in_pages(pattern):
    return [
        pytest.param(found, id=f"{page.name}: {found.splitlines()[0][:60]}")
        for page in PAGES
        for found in pattern.findall(page.read_text(encoding="utf-8"))
    ]


def typed(kind, begins=""):
    """What the pages tell a reader to type, by kind."""
    return [
        pytest.param(block.text, id=f"{page.name}: {block.text.splitlines()[0][:60]}")
        for page in PAGES
        for block in blocks(page)
        if block.kind == kind and block.text.startswith(begins)
    ]


@pytest.mark.parametrize("line", typed("command", "tia2 "))
def test_commands_exist_with_their_options(line):
    from tia2.cli import COMMANDS, command_of

    words = shlex.split(line, comments=True)[1:]
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


@pytest.mark.parametrize("code", typed("python"))
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


def test_the_menu_and_the_pages_hold_what_one_looks_for():
    import yaml

    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace("!!python/name:", ""))["nav"]
    groups = {name: pages for entry in menu for name, pages in entry.items() if isinstance(pages, list)}
    assert {"Measure", "Calibrate", "Optimise", "Leaderboard", "Look up", "API reference"} <= set(groups)
    assert {"own-data.md", "evaluate.md"} <= {page for entry in groups["Measure"] for page in entry.values()}
    assert {"calibrate.md", "findings-calibration.md"} <= {
        page for entry in groups["Calibrate"] for page in entry.values()
    }
    definitions = (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8")
    for word in ("max-T", "noise ceiling", "UR", "X"):
        assert re.search(rf"^\| \[?\*{{0,2}}{word}\b[^|]*\| \S", definitions, re.M), word
    for page in ("evaluate.md", "calibrate.md", "own-data.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert {'=== "Command line"', '=== "Python"'} <= set(re.findall(r'^=== "[^"]+"', text, re.M)), page
    assert "Each metric leaves out the prompts that it can't be computed on" in definitions


def test_text_limits_are_those_of_the_cards():
    from tia2.rewards.registry import card

    rows = re.findall(r"^\|([^|\n]*)\|.*\| (\d+) tokens \|$", (ROOT / "docs" / "rewards.md").read_text("utf-8"), re.M)
    limits = {name: int(limit) for names, limit in rows for name in re.findall(r"`([\w-]+)`", names)}
    assert limits["mini-strong"] == card("mini-strong").text_limit == 16


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


REPOSITORY = "https://example.org/owner/tia2"
QUERY = "Westfall"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation as `make docs` builds it, of a repository that has an address."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "TIA2_REPOSITORY": REPOSITORY},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_nobody_else(site):
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"?(https?://[^\s\">]+)", html)
        assert fetched == [], page.name


@pytest.mark.slow
def test_every_page_names_the_version_and_can_be_edited(site):
    from tia2 import __version__

    for source in (ROOT / "docs").rglob("*.md"):
        path = source.relative_to(ROOT / "docs")
        html = (site / path.with_suffix(".html")).read_text(encoding="utf-8")
        assert f"TIA2 {__version__}, Apache-2.0" in html
        assert f'href="{REPOSITORY}"' in html
        assert f'href="{REPOSITORY}/edit/main/docs/{path.as_posix()}"' in html


def test_a_clone_says_where_its_repository_is():
    import runpy

    web_address = runpy.run_path(str(ROOT / "docs" / "hooks" / "site.py"))["web_address"]
    page = "https://example.org/owner/tia2"
    for remote in (
        page,
        f"{page}.git",
        "https://me:secret@example.org/owner/tia2.git",
        "git@example.org:owner/tia2.git",
    ):
        assert web_address(remote) == page, "and never with anybody's password"
    for remote in ("", "/srv/git/tia2.git", "../tia2", "file:///srv/tia2"):
        assert web_address(remote) == ""


@pytest.mark.slow
@pytest.mark.browser
def test_the_search_works_where_the_site_lies_in_a_folder(site):
    play = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not shutil.which("chromium"):
        pytest.skip("needs Chromium")
    asked = []
    with play.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.locator("input[name=query]").click()
        page.keyboard.type(QUERY)
        page.wait_for_selector(".md-search-result__link")
        first = page.locator(".md-search-result__link").first.get_attribute("href")
        browser.close()
    assert "definitions.html" in first
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
