"""What people see and do, in real Chromium."""

from __future__ import annotations

import csv
import json
import re
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tia2.leaderboard.submissions.queue import Queue

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TABS = {
    "board": "Figures are means over prompts",
    "plots": "ranked entries",
    "compare": "Paired differences",
    "items": "Contrastive prompts",
    "benchmarks": "Models on every benchmark",
    "calibration": "Against the board's own entries",
    "finetune": "No validated runs yet",
    "submit": "Submit a reward model",
    "about": "How to cite",
}
TITLES = {"finetune": "Fine-tuning"}
FIGURES_OF = {"board": 1, "plots": 1, "compare": 2, "calibration": 1, "finetune": 1}
DRAWN = """count => [...document.querySelectorAll(".js-plotly-plot .infolayer")]
  .filter(layer => layer.closest(".js-plotly-plot").checkVisibility()).length >= count"""


def query_of(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()}


def wait_for_query(page, **wanted: str) -> None:
    """Wait until the address has exactly these parameters."""
    page.wait_for_function(
        "wanted => JSON.stringify([...new URL(location).searchParams].sort()) === wanted",
        arg=json.dumps(sorted(wanted.items()), ensure_ascii=False, separators=(",", ":"))
        .replace("(", "[")
        .replace(")", "]"),
    )


ROWS = "#tia2-board tbody tr:not([hidden])"


COUNTED = "count => document.querySelectorAll('#tia2-board tr.tia2-model').length === count"


def column(page, number: int, rows: int = 5) -> list[str]:
    """Texts of a column; of the second, the models' names."""
    cells = [page.locator(ROWS).nth(row).locator("th, td").nth(number) for row in range(rows)]
    return [(cell.locator("a").first if number == 1 else cell).inner_text() for cell in cells]


def wait_for_first(page, text: str) -> None:
    page.locator(ROWS).first.locator("th").filter(has_text=text).wait_for()


def test_every_tab_opens_by_a_click(page, visit):
    visit(page)
    for tab in [*reversed(TABS)]:
        title = TITLES.get(tab, tab.capitalize())
        page.get_by_role("tab", name=title, exact=True).click()
        page.get_by_text(TABS[tab]).locator("visible=true").first.wait_for()
        wait_for_query(page, **({} if tab == "board" else {"tab": tab}))


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_by_its_address_is_accessible_and_fits_a_phone(page, visit, inaccessible, tab):
    visit(page, f"?tab={tab}&entry=evil&q=mini")
    page.get_by_text(TABS[tab]).locator("visible=true").first.wait_for()
    if FIGURES_OF.get(tab):
        page.wait_for_function(DRAWN, arg=FIGURES_OF[tab])
    assert inaccessible(page) == {"light": [], "dark": []}
    title = TITLES.get(tab, tab.capitalize())
    assert page.get_by_role("tab", name=title, exact=True).get_attribute("aria-selected") == "true"
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "tables scroll, and not the page"


def test_an_address_restores_a_view(page, visit, live):
    visit(page, "?subset=counting&metric=kendall&q=synthetic&chips=raw&columns=auroc&sort=name&entry=mini-web")
    wait_for_first(page, "synthetic 000")
    headers = [header.inner_text() for header in page.locator("#tia2-board").get_by_role("columnheader").all()]
    assert [headers[0], headers[1], *headers[3:]] == [
        "#", "model ▲", "counting", "comprehensive", "composition", "overall", "against the best", "AUROC"
    ]  # fmt: skip
    assert column(page, 1, 3) == ["synthetic 000", "synthetic 001", "synthetic 002"]
    assert page.get_by_role("radio", name="counting").is_checked()
    assert page.get_by_label("Search").first.input_value() == "synthetic"
    assert page.get_by_label("Details of").first.input_value() == "mini-web"
    page.get_by_role("heading", name="mini-web", exact=True).wait_for()
    board = live.board()
    shown = float(column(page, 3, 1)[0].split()[0])
    assert shown == pytest.approx(board.estimate("counting", "kendall")[board.positions["synthetic-000"]], abs=5e-4)


def test_controls_write_the_address_and_defaults_leave_it(page, visit):
    visit(page)
    assert query_of(page) == {}
    page.get_by_role("radio", name="counting").check()
    wait_for_query(page, subset="counting")
    page.get_by_label("Search").first.fill("vivid")
    wait_for_first(page, "vivid")
    wait_for_query(page, subset="counting", q="vivid")
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name="name", exact=True).click()
    wait_for_query(page, subset="counting", q="vivid", sort="name")
    page.get_by_label("Search").first.fill("")
    wait_for_query(page, subset="counting", sort="name")
    page.get_by_role("radio", name="overall").check()
    wait_for_query(page, sort="name")
    address = page.url
    wait_for_first(page, "evil")
    page.goto(address)
    wait_for_first(page, "evil")


def test_a_late_answer_does_not_replace_that_to_a_later_question(page, visit, monkeypatch):
    from tia2.leaderboard.pages.tabs import board as board_tab

    make, searched = board_tab._page_of_models, threading.Event()

    def slow_without_search(live, board, values):
        if values[0] == "counting" and not values[3]:
            assert searched.wait(60)
        return make(live, board, values)

    monkeypatch.setattr(board_tab, "_page_of_models", slow_without_search)
    visit(page)
    wait_for_first(page, "mini-")
    page.get_by_role("radio", name="counting").check()
    wait_for_query(page, subset="counting")
    page.get_by_label("Search").first.fill("vivid")
    wait_for_first(page, "vivid")
    with page.expect_response(lambda response: "predict" in response.url):
        searched.set()
    page.wait_for_timeout(300)
    assert {"vivid" in name for name in page.locator(f"{ROWS} th a:first-child").all_inner_texts()} == {True}
    assert query_of(page) == {"subset": "counting", "q": "vivid"}


def test_tabs_share_what_they_have_in_common(page, visit):
    visit(page, "?metric=spearman&subset=counting")
    page.get_by_role("tab", name="Plots").click()
    page.get_by_text("By Spearman ρ on counting").first.wait_for()
    wait_for_query(page, metric="spearman", subset="counting", tab="plots")


@pytest.mark.parametrize(
    "query",
    [
        "?subset=%3Cb%3E&metric=__class__&sort=..&chips=a,b&columns=x&entry=../../etc&tab=nope&benchmark=nope",
        "?tab=plots&figure=x&entries=nope,,&metric=&subset=&a=nope&b=nope&prompt=nope&ip=1e999&order=x&model=nope&lt=nan&cs=x",
        "?q=" + "x" * 3000,
        "?metric=auroc&metric=kendall&q=%00%F0%9F%92%A9%E2%80%AE",
    ],
)
def test_nonsense_in_the_address_shows_a_page_all_the_same(page, visit, query):
    visit(page, query)
    page.get_by_role("heading", level=1).wait_for()
    if "tab=plots" in query:
        for tab in ("compare", "items", "calibration"):
            page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
            page.wait_for_function("tab => new URL(location).searchParams.get('tab') === tab", arg=tab)
            page.wait_for_timeout(500)
    assert page.locator(".toast-body.error").count() == 0


def test_filters(page, visit):
    visit(page, "?q=licence-nobody-has")
    wait_for_first(page, "people: noise ceiling")
    page.get_by_text("No model matches.").wait_for()
    visit(page, "?chips=oracle")
    wait_for_first(page, "oracle")
    assert column(page, 0, 4) == ["—"] * 4
    visit(page, "?chips=as+published")
    wait_for_first(page, "from a paper")


def test_incomplete_entries_stand_apart(page, visit):
    visit(page)
    partial = page.locator("#tia2-partial")
    partial.get_by_role("gridcell", name="half done", exact=True).wait_for()
    assert "#" not in [header.inner_text() for header in partial.get_by_role("columnheader").all()]
    assert partial.get_by_role("gridcell", name="50.0 %").count() == 2


def test_a_row_opens_its_details(page, visit):
    visit(page, "?q=synthetic+00")
    wait_for_first(page, "synthetic 00")
    name = column(page, 1, 1)[0]
    page.locator(ROWS).first.locator("th a").first.click()
    page.get_by_role("heading", name=re.compile(f"^{name}")).wait_for()
    link = page.locator("#tia2-detail .tia2-facts").get_by_role("link")
    assert link.get_attribute("href").startswith("https://example.org/models/")
    assert {"noopener", "nofollow"} <= set(link.get_attribute("rel").split())
    assert query_of(page)["entry"].startswith("synthetic-00")


EVIL = [
    "?q=evil&entry=evil",
    "?tab=plots&figure=subsets&entries=evil,evil~textnorm",
    "?tab=plots&figure=cost",
    "?tab=compare&a=evil&b=mini-web",
    "?tab=items&entry=evil",
    "?tab=calibration&model=evil",
    "?tab=about",
]


@pytest.mark.parametrize("query", EVIL)
def test_what_a_submission_says_stays_text(page, visit, query):
    visit(page, query)
    page.wait_for_timeout(1500)
    assert page.locator("img[src=x], img[src*='evil.example'], a[href^='javascript'], [onmouseover]").count() == 0
    assert page.evaluate("window.__xss") is None
    if "entry=evil" in query and "tab" not in query:
        detail = page.locator("#tia2-detail")
        # Beside the mark that Plotly puts on its figures.
        assert detail.locator("a[href]:not(.modebar-btn--logo)").count() == 0
        assert "<img src=x onerror=window.__xss=1>" in detail.inner_text()


EXPORTS = {
    "CSV": ("tia2-mini.csv", '"benchmark"'),
    "JSON": ("tia2-mini.json", "{"),
    "LaTeX": ("tia2-mini-counting-kendall.tex", "%"),
    "BibTeX": ("tia2-mini.bib", "@inproceedings{kim2024confidence"),
    "HTML page": ("tia2-mini.html", "<!doctype html>"),
}


def test_exports(page, visit, tmp_path):
    visit(page, "?subset=counting&metric=kendall")
    for button, (name, start) in EXPORTS.items():
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button, exact=True).click()
        assert waiting.value.suggested_filename == name
        waiting.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").lower().startswith(start.lower())
    rows = list(csv.DictReader((tmp_path / "tia2-mini.csv").read_text(encoding="utf-8").splitlines()))
    assert {"mini-strong", "synthetic-000"} <= {row.get("id") or row.get("entry_id") for row in rows}
    json.loads((tmp_path / "tia2-mini.json").read_text(encoding="utf-8"))


def test_doors_lead_from_the_table_and_back(page, visit, live):
    board = live.board()
    visit(page)
    first = page.locator(ROWS).first
    first.get_by_role("button", name=re.compile("more")).click()
    page.locator(f"{ROWS}.tia2-variant").first.wait_for()
    figure = first.locator("td.tia2-figure a").nth(1)
    shown = figure.inner_text()
    figure.click()
    page.get_by_text("images aligned").first.wait_for()
    asked = query_of(page)
    assert (asked["tab"], asked["order"]) == ("items", "disagreement")
    position = board.positions[asked["ie"]]
    scope = [board.usual_scope, *(name for name in board.scopes if name != board.usual_scope)][1]
    assert shown == f"{board.estimate(scope, 'auroc')[position]:.3f}"
    page.go_back()
    first.locator("th a").first.wait_for()
    assert query_of(page) == {}


def test_what_is_picked_stays_picked_when_other_rows_are_shown(page, visit, live):
    board = live.board()
    visit(page)
    models = len({entry.model for entry in board.entries if entry.complete})
    # Rows below those in view come a moment later.
    page.wait_for_function(
        "count => document.querySelectorAll('#tia2-board tr.tia2-model').length === count", arg=models
    )
    boxes = page.locator("#tia2-board tr.tia2-model input[data-pick]")
    first = board.entries[board.positions[boxes.last.get_attribute("data-pick")]]
    boxes.last.check()
    page.get_by_text(f"Pick another to compare with {first.name}.", exact=True).wait_for()
    page.get_by_label("Search").first.fill("mini-strong")
    wait_for_first(page, "mini-strong")
    assert not boxes.first.is_checked(), "another model stands there now"
    boxes.first.check()
    link = page.get_by_role("link", name=f"Compare {first.name} with ")
    assert dict(parse_qs(urlsplit(link.get_attribute("href")).query))["a"] == [first.id]
    page.get_by_label("Search").first.fill("")
    page.wait_for_function(
        "count => document.querySelectorAll('#tia2-board tr.tia2-model').length === count", arg=models
    )
    page.wait_for_function("document.querySelectorAll('#tia2-board input[data-pick]:checked').length === 2")
    page.get_by_role("button", name="Clear", exact=True).click()
    assert link.count() == 0
    assert page.locator("#tia2-board input[data-pick]:checked").count() == 0


def test_a_header_sorts_both_ways_and_stands_in_the_address(page, visit):
    visit(page)
    page.locator(ROWS).first.wait_for()
    headers = page.locator("#tia2-board thead th").all_inner_texts()
    number = next(position for position, text in enumerate(headers) if "counting" in text)
    page.locator("#tia2-board thead").get_by_role("link", name="counting").click()
    wait_for_query(page, sort="in:counting")
    page.wait_for_function("document.querySelector('#tia2-board th[aria-sort=descending]')")
    figures = [float(text.split()[0]) for text in column(page, number, 4)]
    assert figures == sorted(figures, reverse=True)
    page.locator("#tia2-board thead").get_by_role("link", name=re.compile("counting")).click()
    wait_for_query(page, sort="-in:counting")
    page.wait_for_function("document.querySelector('#tia2-board th[aria-sort=ascending]')")
    figures = [float(text.split()[0]) for text in column(page, number, 4)]
    assert figures == sorted(figures)


def test_arrow_keys_walk_the_tabs_and_back_and_forward_retrace_them(page, visit):
    from tia2.leaderboard.pages.theme import icon

    visit(page)
    tab = {name: page.get_by_role("tab", name=name, exact=True) for name in ("Board", "Plots", "About")}
    tab["Board"].focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text(TABS["plots"]).locator("visible=true").first.wait_for()
    wait_for_query(page, tab="plots")
    assert tab["Plots"].evaluate("tab => tab === document.activeElement")
    page.go_back()
    wait_for_first(page, "mini-")
    assert tab["Board"].get_attribute("aria-selected") == "true"
    page.go_forward()
    page.get_by_text(TABS["plots"]).locator("visible=true").first.wait_for()
    assert query_of(page) == {"tab": "plots"}
    assert page.title().startswith("Plots · ")
    assert tab["Plots"].get_attribute("aria-selected") == "true"
    shown = page.evaluate("fetch('favicon.ico').then(answer => answer.text())")
    assert shown == Path(icon()).read_text(encoding="utf-8"), "its own icon"


def test_nothing_glides_where_motion_is_unwelcome(page, visit):
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(
        """window.glides = []; const scroll = Element.prototype.scrollIntoView;
        Element.prototype.scrollIntoView = function (how) {
          glides.push(how?.behavior ?? "auto");
          scroll.call(this, how);
        };"""
    )
    visit(page)
    page.locator("#tia2-partial").get_by_role("gridcell", name="half done", exact=True).click()
    page.get_by_role("heading", name="half done", exact=True).wait_for()
    page.wait_for_function("glides.length > 0")
    assert set(page.evaluate("glides")) == {"auto"}


def test_screen_readers_find_their_way(page, visit):
    visit(page)
    page.locator(ROWS).first.wait_for()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["TIA2 leaderboard"]
    assert page.get_by_role("main").count() == 1
    assert page.locator("#tia2-board").get_by_role("table", name=re.compile("^Models by AUROC")).count() == 1
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('input, textarea, select')].filter(e => e.offsetParent !== null
        && !e.labels?.length && !e.getAttribute('aria-label') && !e.closest('label, fieldset')).map(e => e.outerHTML)"""
    )
    assert unnamed == []


def send(page, path: Path) -> str:
    page.locator("input[type=file][accept='.zip']").set_input_files(path)
    button = page.get_by_role("button", name="Submit for review")
    button.click()
    box = page.get_by_label("What the checks found")
    box.wait_for()
    return str(box.input_value())


def test_a_good_submission_is_on_the_board_after_its_review(page, visit, live, submission_of):
    visit(page, "?tab=submit")
    said = send(page, submission_of("newcomer"))
    assert said.startswith("Received newcomer as ")
    assert "training data is unknown" in said
    receipt = next(line.rpartition(" ")[2] for line in said.splitlines() if line.startswith("Keep this receipt"))
    page.get_by_label("Id of a submission; to withdraw it, its receipt").fill(receipt.partition(".")[0])
    page.get_by_role("button", name="Show its status").click()
    status = page.get_by_label("Status", exact=True)
    status.wait_for()
    assert "newcomer, received on" in status.input_value()
    assert "waits for a review" in status.input_value()
    visit(page, "?q=newcomer")
    page.get_by_text("No model matches.").wait_for()
    with Queue(live.store) as queue:
        (waiting,) = queue.pending()
        queue.accept(waiting.id, "a maintainer")
    deadline = time.monotonic() + 300
    while "newcomer" not in live.board().positions:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    visit(page, "?q=newcomer")
    wait_for_first(page, "newcomer")


def test_a_bad_upload_is_told_why_as_text(page, visit, live, tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("<img src=x onerror=window.__xss=1>", "x")
    visit(page, "?tab=submit")
    said = send(page, path)
    assert said.startswith("Refused: ")
    assert page.locator("img[src=x]").count() == 0
    with Queue(live.store) as queue:
        assert queue.pending() == []
    # An answer about the file before is none about the next one.
    page.locator("input[type=file][accept='.zip']").set_input_files(path)
    page.get_by_label("What the checks found").wait_for(state="hidden")
