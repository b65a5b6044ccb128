"""The documentation says what is true: its commands exist, its code parses, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import pytest
from pages import ROOT, blocks

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDENTIFIER = re.compile(r"^::: ([\w.]+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def typed(kind: str) -> Iterator[tuple[str, str]]:
    """What the pages tell a reader to type, by kind: the name of the page, and the text."""
    for page in PAGES:
        for block in blocks(page):
            if block.kind == kind:
                yield page.name, block.text


def unknown_part(line: str) -> str:
    """The first word of a line that begins with `tia2` which is neither a command nor an option of it, if one is."""
    from tia2.cli import COMMANDS, command_of

    words = shlex.split(line, comments=True)[1:]
    if words[0] not in COMMANDS:
        return words[0]
    command = command_of(words[0])
    alone = words[1:2] == [] or words[1].startswith("-") or "  " in line.partition(words[0])[2][:4]
    if hasattr(command, "commands") and not (alone and command.invoke_without_command):
        if words[1] not in command.commands:
            return words[1]
        command = command.commands[words[1]]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return next((word for word in words if word.startswith("--") and word not in options), "")


def test_commands_exist_with_their_options():
    lines = [(page, line) for page, line in typed("command") if line.startswith("tia2 ")]
    assert len(lines) > 200
    assert [(page, line, word) for page, line in lines if (word := unknown_part(line))] == []


def test_code_parses():
    for page, code in typed("python"):
        compile(code, page, "exec")


def documented(identifier):
    """What an identifier of a page stands for; the site's generator sees leaderboard and finetune where they lie."""
    value = import_module("tia2")
    for part in identifier.removeprefix("tia2.").split("."):
        if not hasattr(value, part) and find_spec(f"{value.__name__}.{part}"):
            import_module(f"{value.__name__}.{part}")
        value = getattr(value, part, None)
    return value


def test_documented_names_exist():
    identifiers = [(page.name, name) for page in PAGES for name in IDENTIFIER.findall(page.read_text("utf-8"))]
    assert len(identifiers) > 100
    assert [(page, name) for page, name in identifiers if documented(name) is None] == []


UNDOCUMENTED = {"CONFIGS", "SUBSETS", "METRICS", "REWARDS"}
"""Names of constants, whose values other pages show."""


def test_every_public_name_is_documented():
    pages = {page: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "api").glob("*.md"))}
    everywhere = {name for text in pages.values() for name in IDENTIFIER.findall(text)}
    values = [documented(identifier) for identifier in everywhere]
    for text in pages.values():
        name = text.partition("\n")[0].removeprefix("# ")
        package = import_module(name)
        for public in () if name in everywhere else getattr(package, "__all__", ()):
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


def test_links_lead_to_files():
    links = [(page, target) for page in PAGES for target in LINK.findall(page.read_text(encoding="utf-8"))]
    files = [(page, target) for page, target in links if not target.startswith("http")]
    assert [(page.name, to) for page, to in files if not (page.parent / to.partition("#")[0]).exists()] == []


def test_pages_stay_readable_as_text():
    long = []
    for page in PAGES:
        in_code = False
        for line in page.read_text(encoding="utf-8").splitlines():
            in_code ^= line.startswith("```")
            if not in_code and len(line) > 130 and not line.startswith("|"):
                long.append((page.name, line))
    assert long == []


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
