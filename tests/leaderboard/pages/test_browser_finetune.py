"""The Fine-tuning tab with validated runs, in real Chromium: light and dark, on a desktop and on a phone."""

from __future__ import annotations

import shutil

import pytest

from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DRAWN = """count => [...document.querySelectorAll(".js-plotly-plot .infolayer")]
  .filter(layer => layer.closest(".js-plotly-plot").checkVisibility()).length >= count"""


@pytest.fixture(scope="module")
def live(validated, tmp_path_factory) -> Live:
    store = Store(shutil.copytree(validated / "store", tmp_path_factory.mktemp("validated-pages") / "store"))
    return Live(store, index=Index(store, resamples=200))


@pytest.fixture(scope="module")
def address(live):
    pytest.importorskip("gradio")
    from tia2.leaderboard.pages import launch

    app = launch(live, wait=False)
    yield str(app.local_url).rstrip("/")
    app.close(verbose=False)


def opened(page, visit, query=""):
    visit(page, f"?tab=finetune{query}")
    page.wait_for_function(DRAWN, arg=3)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_tab_shows_a_run_and_the_page_does_not_scroll_sideways(new_page, visit, live, width, theme):
    page = new_page(width=width)
    opened(page, visit, f"&__theme={theme}")
    first = live.board().runs[0]
    page.locator(".tia2-answer").filter(has_text=first.report.judges["proxy"]).first.wait_for()
    samples = page.locator(".tia2-samples img")
    samples.first.wait_for()
    assert all(page.evaluate("[...document.querySelectorAll('.tia2-samples img')].map(i => i.naturalWidth > 0)"))
    matrix = page.get_by_role("region", name="Trained on, judged by")
    assert [cell.inner_text() for cell in matrix.get_by_role("rowheader").all()] == [
        "mini-strong, seed 0", "mini-vivid + TextNorm, seed 0",
    ]  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (theme == "dark")


def test_another_run_other_curves_and_the_address_holds_them(page, visit, live):
    opened(page, visit)
    other = next(run for run in live.board().runs if run.entry == "mini-vivid~textnorm")
    page.get_by_role("listbox", name="Run").or_(page.get_by_label("Run")).first.click()
    page.get_by_role("option", name=other.title).click()
    page.locator(".tia2-answer").filter(has_text="mini-vivid + TextNorm").first.wait_for()
    page.get_by_role("radio", name="optimiser steps").check()
    page.wait_for_function("() => location.search.includes('fx=steps')")
    assert f"run={other.id}" in page.url
    page.wait_for_function(
        "() => [...document.querySelectorAll('.xtitle')].filter(t => t.textContent === 'optimiser steps').length === 2"
    )
    opened(page, visit, f"&run={other.id}&fx=steps")
    page.locator(".tia2-answer").filter(has_text="mini-vivid + TextNorm").first.wait_for()


def test_best_of_n_follows_its_controls(page, visit):
    opened(page, visit, "&fe=mini-countblind~textnorm&fs=counting")
    page.get_by_text("peaks and then falls for mini-countblind + TextNorm").first.wait_for()
    page.locator("label").filter(has_text="comprehensive").locator("visible=true").first.click()
    page.get_by_text("On comprehensive, for all 1 there is no peak up to n = 12").first.wait_for()


def test_the_board_has_what_validation_says_and_sorts_by_it(page, visit, live):
    visit(page, "?sort=validated_kl&columns=validated_gain,validated_kl,validated_drop")
    board = live.board()
    best = max(board.validated, key=lambda name: board.validated[name].kl)
    page.locator("#tia2-board tbody th").first.filter(has_text=board.entry(best).listing.card.name).wait_for()
    headers = [header.inner_text() for header in page.locator("#tia2-board").get_by_role("columnheader").all()]
    assert [header.rstrip(" ▲▼") for header in headers[-3:]] == [
        "validated: gold gained", "validated: KL of peak", "validated: drop"
    ]  # fmt: skip
    cells = page.locator(f"tr[data-entry='{best}'] td")
    assert cells.nth(-2).inner_text() == f"{board.validated[best].kl:.1f} nats"
    unknown = next(entry.id for entry in board.entries if entry.id not in board.validated)
    assert page.locator(f"tr[data-entry='{unknown}'] td").nth(-2).inner_text() == "—"
    visit(page, "?entry=mini-strong")
    page.locator("#tia2-detail").get_by_text("(mini-strong, seed 0)").wait_for()
