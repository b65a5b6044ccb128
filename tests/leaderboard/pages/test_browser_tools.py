"""Comparing, browsing items and moving the temperature, in real Chromium."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tia2.leaderboard.data.index import Index
from tia2.leaderboard.views.formats import figure
from tia2.leaderboard.views.item_view import misplaced, prompts_by_odds
from tia2.leaderboard.views.pairs import comparison, disagreements, in_scope, suggested, verdict_of
from tia2.leaderboard.views.temperature.figures import recompute

pytestmark = [pytest.mark.browser, pytest.mark.slow]


PROMPT = "Prompt and its AUROC, most at odds with people first"


def query_of(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def verdict_on(board, a: str, b: str) -> str:
    result = comparison(board, a, b, "auroc")
    return verdict_of(result, result.main, board)


def choose(page, label: str, text: str) -> None:
    box = page.get_by_role("combobox", name=label, exact=True).locator("visible=true").first
    box.click()
    page.get_by_role("option").nth(1).wait_for()
    page.keyboard.type(text)  # Searches: what was chosen before is selected, and menus filter when a key is let go.
    page.get_by_role("option", name=text, exact=True).first.click()


def test_two_entries_are_compared(page, visit, live):
    visit(page, "?tab=compare&a=mini-strong&b=mini-web")
    board = live.board()
    verdict = verdict_on(board, "mini-strong", "mini-web")
    page.get_by_text(verdict).first.wait_for()
    choose(page, "B", "mini-vivid")
    verdict = verdict_on(board, "mini-strong", "mini-vivid")
    page.get_by_text(verdict).first.wait_for()
    page.wait_for_function("location.search.includes('b=mini-vivid')")
    assert query_of(page) == {"tab": "compare", "a": "mini-strong", "b": "mini-vivid"}
    page.locator(".js-plotly-plot").nth(1).wait_for()
    for sheet in disagreements(board.compare("mini-strong", "mini-vivid")):
        page.get_by_role("rowheader", name=sheet.texts[0][0], exact=True).first.wait_for()
    result = comparison(board, "mini-strong", "mini-vivid", "auroc")
    page.get_by_role("radio", name="counting").locator("visible=true").check()
    on_counting = in_scope(result, "counting", board)
    answer = page.locator(".tia2-answer").filter(has_text=verdict_of(result, on_counting.main, board))
    answer.locator("visible=true").wait_for()
    others = page.locator(".tia2-verdicts li").all_inner_texts()
    assert [text.partition(":")[0] for text in others] == ["comprehensive", "composition", "overall"]
    page.locator(".xtitle").filter(has_text=f"{on_counting.main.prompts} prompts, sorted").wait_for()
    prompt = on_counting.prompts[int(disagreements(on_counting)[0].ids[0])]
    page.get_by_role("rowheader", name=prompt["prompt"], exact=True).get_by_role("link").click()
    page.get_by_role("heading", name=prompt["prompt"], exact=True).wait_for()
    assert query_of(page)["prompt"] == prompt["prompt_id"]
    assert (query_of(page)["ie"], query_of(page)["with"]) == ("mini-vivid", "mini-strong")


def test_a_point_of_a_comparison_leads_to_its_images(page, visit, live):
    visit(page, "?tab=compare&a=mini-strong&b=mini-web")
    point = page.locator(".js-plotly-plot .scatterlayer .point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.locator(".hoverlayer .hovertext").first.wait_for()
    page.mouse.click(*middle)
    page.wait_for_function("location.search.includes('tab=items')")
    query = query_of(page)
    assert {query["ie"], query["with"]} == {"mini-strong", "mini-web"}
    (prompt,) = live.board().prompts.query("prompt_id == @query['prompt']")["prompt"]
    page.get_by_role("heading", name=prompt, exact=True).wait_for()


def test_the_same_entry_twice_is_a_sentence(page, visit):
    visit(page, "?tab=compare&a=mini-strong&b=mini-strong")
    page.get_by_text("Choose two different entries").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 0
    choose(page, "B", "mini-web")
    page.locator(".js-plotly-plot").nth(1).wait_for()


@pytest.mark.parametrize(
    ("tab", "label", "by"),
    [("compare", "A", "click"), ("items", PROMPT, "link"), ("plots", "Entries, at most 8", "click")],
)
def test_long_menus_offer_everything(page, visit, live, tab, label, by):
    """Their choices come after the rest of the tab."""
    board = live.board()
    visit(page, f"?tab={tab}&figure=subsets" if by == "link" else "?figure=subsets")
    if by == "click":
        page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    last = board.prompts.iloc[-1]
    names = sorted(entry.name for entry in board.entries if entry.name.startswith("synthetic"))
    auroc = board.figures[board.positions[suggested(board)[0]], -1, 0]
    text = f"{figure(auroc)} · {last['subset']}: {last['prompt']}" if tab == "items" else names[-1]
    choose(page, label, text)
    parameter = {"items": "prompt", "compare": "a", "plots": "entries"}[tab]
    page.wait_for_function("name => new URL(location).searchParams.has(name)", arg=parameter)


def test_an_open_menu_offers_everything_and_marks_what_is_chosen(page, visit, live):
    visit(page, "?tab=compare&a=mini-web&b=mini-vivid")
    box = page.get_by_role("combobox", name="A", exact=True)

    def marked() -> list[str]:
        page.get_by_role("option").nth(1).wait_for()
        return [option.get_attribute("aria-label") for option in page.get_by_role("option", selected=True).all()]

    box.click()
    assert marked() == ["mini-web"]
    assert page.get_by_role("option").first.get_attribute("aria-label") == "mini-web"
    offered = page.get_by_role("option").count()
    assert offered == sum(entry.complete for entry in live.board().entries)
    page.get_by_role("option", name="mini-strong", exact=True).click()
    page.wait_for_function("location.search.includes('a=mini-strong')")
    box.click()
    assert marked() == ["mini-strong"]
    assert page.get_by_role("option").count() == offered
    # The tab is answered again, with the menu as it was opened.
    page.get_by_role("tab", name="Plots", exact=True).click()
    page.get_by_role("heading", name="Intervals", exact=False).wait_for()
    page.get_by_role("tab", name="Compare", exact=True).click()
    box.click()
    assert marked() == ["mini-strong"]
    assert page.get_by_role("option").count() == offered


def test_what_is_typed_before_a_menu_is_filled_searches_it(page, visit):
    visit(page, "?tab=compare&a=mini-web&b=mini-vivid")
    page.get_by_text("mini-web").first.wait_for()
    page.get_by_role("combobox", name="A", exact=True).focus()
    page.keyboard.type("strong + textnorm (or")
    page.get_by_role("option", name="mini-strong + TextNorm (oracle, upper bound)", exact=True).wait_for()
    page.wait_for_function("document.querySelectorAll('[role=option]').length === 1")
    page.keyboard.press("Enter")
    page.wait_for_function("new URL(location).searchParams.get('a') === 'mini-strong~textnorm-oracle'")


def test_figures_are_quick_because_their_script_is_there_already(new_page, visit):
    new_page()
    page = new_page()  # Of a context of its own, in which nobody saves data.
    page.add_init_script("window.print = () => { top.printed = document.documentElement.outerHTML; }")
    visit(page)
    page.wait_for_function("window.Plotly && !document.querySelector('[style*=\"-9999px\"]')")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("tab", name="Plots", exact=True).click()
    page.locator(".js-plotly-plot .infolayer").first.wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="SVG of Intervals: AUROC over all subsets").click()
    saved = waiting.value.path().read_text(encoding="utf-8")
    assert waiting.value.suggested_filename.startswith("tia2-intervals-auroc-over-all-subsets-miniature-world-")
    assert "Intervals: AUROC over all subsets · Miniature world · 20" in saved
    assert "simulated votes" in saved
    assert not [url for url in asked if "/assets/Plotly" in url]
    page.get_by_role("button", name="PDF of Intervals: AUROC over all subsets").click()
    page.wait_for_function("window.printed")
    printed = page.evaluate("window.printed")
    page.set_content(printed)
    page.wait_for_function("document.images[0].complete")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF-")
    title = page.title()
    assert title.startswith("Intervals: AUROC over all subsets · Miniature world · 20")
    assert title.endswith("simulated votes")
    assert title.encode("utf-16-be").hex().encode() in pdf.lower()
    assert b"/FontFile" in pdf
    assert b"/Subtype /Image" not in pdf, "letters are letters, not pixels"
    assert pdf.count(b"/Type /Page\n") == 1


def test_the_temperature_is_recomputed_while_the_slider_moves(page, visit, live):
    visit(page, "?tab=calibration&model=mini-vivid&cs=counting")
    board = live.board()
    slider = page.get_by_role("slider").locator("visible=true").first
    slider.wait_for()
    for step in (1, 2):
        slider.press("ArrowRight")
        found = recompute(board, "mini-vivid", "counting", "auroc", 2 ** (0.25 * step))
        page.get_by_text(re.compile(rf"AUROC {found.mean:.3f} \(95 % interval {found.low:.3f}")).first.wait_for()
    page.wait_for_function("location.search.includes('lt=0.5')")
    page.reload()
    page.get_by_text(re.compile(rf"AUROC {found.mean:.3f} ")).first.wait_for()


def test_images_are_shown_in_the_order_of_an_entry(page, visit, live):
    board = live.board()
    values = board.values("mini-strong")
    prompt = "counting/3"
    rows = np.flatnonzero(board.items["prompt_id"] == prompt)
    order = rows[np.argsort(-values[rows], kind="stable")]
    visit(page, f"?tab=items&prompt={prompt}&ie=mini-strong")
    names, labels = board.items["item_id"].tolist(), board.items["label"].to_numpy(bool)
    cards = page.locator(".tia2-item")
    page.locator(f".tia2-item[data-item='{names[order[0]]}']").wait_for()
    assert [card.get_attribute("data-item") for card in cards.all()] == [names[row] for row in order[:20]]
    assert all(page.evaluate("[...document.querySelectorAll('.tia2-item img')].map(image => image.naturalWidth > 0)"))
    wrong = {names[row] for row, off in zip(rows, misplaced(values[rows], labels[rows]), strict=True) if off}
    framed = page.locator(".tia2-wrong")
    assert [card.get_attribute("data-item") for card in framed.all()] == [
        names[row] for row in order[:20] if names[row] in wrong
    ]
    rank = [names[row] for row in order].index(framed.first.get_attribute("data-item")) + 1
    assert f"people said not aligned, ranked {rank} of 50" in framed.first.inner_text()
    assert "mini-ensemble, UR (cv)" in cards.first.inner_text(), "ranks by the other models stand beside it"
    ids = [board.prompts["prompt_id"][at] for at, _ in prompts_by_odds(board, board.entry("mini-strong"))]
    for name, step in (("◀ More at odds with people", -1), ("Less at odds ▶", 0)):
        button = page.get_by_role("button", name=name)
        button.click()
        now = ids[ids.index(prompt) + step]
        page.wait_for_function("id => new URL(location).searchParams.get('prompt') === id", arg=now)
        assert button.evaluate("button => button === document.activeElement"), "focus stays where it was"
    visit(page, f"?tab=items&prompt={prompt}&ie=mini-strong&ip=3")
    page.locator(f".tia2-item[data-item='{names[order[40]]}']").wait_for()
    assert page.locator(f".tia2-item[data-item='{names[order[0]]}']").count() == 0


@pytest.mark.upstream
def test_published_figures_have_a_board_of_their_own(tmp_path, browser, tia2_dir):
    """TIA2 itself, with the figures released with the paper, beside the miniature world."""
    import tia2
    from tia2.leaderboard.data.boards import Live
    from tia2.leaderboard.data.embedded import embedded_store
    from tia2.leaderboard.pages import launch

    store = embedded_store(tmp_path / "store")
    store.add_benchmark(tia2.benchmark.load("counting", data_dir=tia2_dir), title="TIA2 counting")
    for result in tia2.evaluation.published("counting", data_dir=tia2_dir, resamples=200):
        store.add_published(result)
    live = Live(store, index=Index(store, resamples=200))
    app = launch(live, wait=False)
    try:
        page = browser.new_page()
        own = str(app.local_url).rstrip("/")
        page.goto(f"{own}/?benchmark=counting")
        page.locator("#tia2-board tbody th").first.filter(has_text="PickScore (as published)").wait_for()
        page.goto(f"{own}/?benchmark=counting&tab=items")
        board = live.board("counting")
        (first, _), *_ = prompts_by_odds(board, board.entry(suggested(board)[0]))
        page.get_by_role("heading", name=board.prompts["prompt"].iloc[first], exact=True).wait_for()
        page.goto(f"{own}/?benchmark=counting&tab=compare")
        page.get_by_text("agrees with people better than").locator("visible=true").first.wait_for()
        page.locator(".js-plotly-plot").nth(1).wait_for()
        choose(page, "Benchmark", "Miniature world")
        verdict = verdict_on(live.board("mini"), *suggested(live.board("mini")))
        page.get_by_text(verdict).locator("visible=true").first.wait_for()
        ahead = disagreements(live.board("mini").compare(*suggested(live.board("mini"))))[0]
        page.get_by_role("rowheader", name=ahead.texts[0][0], exact=True).first.wait_for()
        choose(page, "B", "mini-countblind")
        page.wait_for_function("location.search.includes('b=mini-countblind')")
        page.close()
    finally:
        app.close(verbose=False)
