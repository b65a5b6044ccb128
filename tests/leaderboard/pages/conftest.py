"""The app over the embedded results and forty made-up entries, among them hostile, partial and published ones."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest

from tia2.benchmark import load
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.embedded import embedded_store, fill
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.records import ModelCard
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.package import build

ENTRIES, RESAMPLES = 40, 200
GRADIO_SAYS = ("Method not implemented.",)
"""On its own account, when a file is uploaded."""
PATIENCE = 120_000
"""Milliseconds; the machine may be busy."""
THEMES = ("light", "dark")
SERIOUS = ("serious", "critical")
VIOLATIONS = """async rules => (await axe.run(document, {resultTypes: ["violations"], ...rules})).violations
  .map(({impact, id, nodes}) => ({impact, id, where: nodes.map(node => node.html.slice(0, 200))}))"""
FAINT_TEXT = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = element => {
    const colour = channels(getComputedStyle(element).backgroundColor);
    return colour[3] === 0 && element.parentElement ? behind(element.parentElement) : light(colour);
  };
  return [...document.querySelectorAll(".js-plotly-plot text")]
    .filter(text => text.textContent.trim() && text.checkVisibility()).map(text => {
      const style = getComputedStyle(text), ink = light(channels(style.fill)), page = behind(text);
      const contrast = (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
      return [text.textContent, parseFloat(style.fontSize), Math.round(100 * contrast) / 100];
    }).filter(([, size, contrast]) => size < 12 || contrast < 4.5);
}"""
"""Texts of figures of fewer than 12 pixels, or with less contrast to the page than 4.5, by WCAG's formula."""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


def _synthetic() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "synthetic.py"
    spec = importlib.util.spec_from_file_location("leaderboard_synthetic", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    return _synthetic()


@pytest.fixture(scope="session")
def filled(once, synthetic) -> Path:
    """A store with its index, made once for all processes that run tests."""
    return once("filled-store", lambda folder: _fill(folder / "store", synthetic)) / "store"


def _fill(folder: Path, synthetic: ModuleType) -> None:
    store = embedded_store(folder)
    synthetic.add_synthetic(store, "mini", ENTRIES, seed=1)
    synthetic.add_hostile(store, "mini")
    synthetic.add_model(store, "mini", ModelCard(name="half done"), seed=3, share=0.5)
    # A board alone, since what `Live` prepares in the background would still be writing when the folder is copied.
    first = Board.load(store, "mini", index=Index(store, resamples=RESAMPLES))
    for position in range(len(first)):
        first.best_of_n(position, first.usual_scope)
    result = first.result("mini-web")
    entry = result.entry.model_copy(update={"name": "from a paper"})
    store.add_published(result.model_copy(update={"entry": entry}))


@pytest.fixture(scope="session")
def live(filled, tmp_path_factory) -> Live:
    folder = tmp_path_factory.mktemp("pages") / "store"
    shutil.copytree(filled, folder)
    store = Store(folder)
    return Live(store, patience=0.2, index=Index(store, resamples=RESAMPLES))


@pytest.fixture(scope="session")
def submission_of(synthetic, tmp_path_factory) -> Callable[[str], Path]:
    """Make a zip as `tia2 submit` makes it, of a model that nobody submitted yet."""
    folder = tmp_path_factory.mktemp("submissions")
    elsewhere = Store.create(folder / "elsewhere", "Elsewhere")
    elsewhere.add_benchmark(load("mini"), title="Miniature world", simulated=True)
    fill(elsewhere)

    def make(name: str) -> Path:
        card = ModelCard(name=name, licence="MIT", training_data="unknown", contact=f"https://example.org/{name}")
        listing = synthetic.add_model(elsewhere, "mini", card, seed=crc32(name.encode()))
        path = folder / f"{name}.zip"
        build([elsewhere.table_path(digest) for digest in listing.tables], card, listing.calibrations, path)
        return path

    return make


@pytest.fixture(scope="session")
def address(live) -> Iterator[str]:
    pytest.importorskip("gradio")
    from tia2.leaderboard.pages import launch

    app = launch(live, wait=False)
    yield str(app.local_url).rstrip("/")
    app.close(verbose=False)


@pytest.fixture(scope="module")
def cached(browser) -> Iterator[Any]:
    """A browser context that keeps the app's scripts, which a new one would fetch and compile again.

    For one open page at a time: a browser opens six connections to a server, and each page of the app holds two.
    """
    context = browser.new_context()
    # Who saves data has the script of the figures fetched with the first figure, not ahead of it: a second per page.
    context.add_init_script("Object.defineProperty(navigator, 'connection', {value: {saveData: true}})")
    yield context
    context.close()


@pytest.fixture
def new_page(browser, cached, address) -> Iterator[Callable[..., Any]]:
    """Open pages that must not ask anybody else for anything, nor complain, nor run a script of an entry's."""
    complaints: list[str] = []
    opened: list[Any] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            complaints.append(f"outside request: {request.url}")

    def said(message: Any) -> None:
        if message.type in ("error", "warning") and message.text not in GRADIO_SAYS:
            complaints.append(f"console: {message.text}")

    def open_page(width: int = 1280, height: int = 900) -> Any:
        page = browser.new_page() if opened else cached.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(PATIENCE)
        page.on("request", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        opened.append(page)
        return page

    yield open_page
    ran = [page.evaluate("window.__xss") for page in opened]
    for page in opened:
        page.close()
    assert complaints == []
    assert ran == [None] * len(ran), "text of an entry was run as a script"


@pytest.fixture
def page(new_page) -> Any:
    return new_page()


@pytest.fixture
def visit(address) -> Callable[[Any, str], None]:
    """Open an address and wait until the page has shown what it says."""

    def go(page: Any, query: str = "") -> None:
        page.goto(f"{address}/{query}")
        page.wait_for_function("window.tia2Tab")

    return go


@pytest.fixture
def inaccessible() -> Callable[[Any], dict[str, list[Any]]]:
    """Look at a page in both themes: what axe-core finds serious, and texts of figures that are hard to read."""
    axe = pytest.importorskip("axe_playwright_python", reason="needs axe-core, which the extra 'dev' brings")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

    def look(page: Any) -> dict[str, list[Any]]:
        page.evaluate(script)
        page.add_style_tag(content=STILL)  # A colour on its way into the other theme is none that anybody reads.
        was_dark = page.evaluate("document.body.classList.contains('dark')")
        problems = {}
        for theme in THEMES:
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
            # Themes differ in nothing but colours.
            rules = {} if theme == THEMES[0] else {"runOnly": ["color-contrast"]}
            violations = page.evaluate(VIOLATIONS, rules)
            serious = [violation for violation in violations if violation["impact"] in SERIOUS]
            problems[theme] = [*serious, *page.evaluate(FAINT_TEXT)]
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", was_dark)
        return problems

    return look
