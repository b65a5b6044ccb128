"""The offline page: everything is on it, nothing leaves it, and submitted text is text."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from tia2.errors import UnknownNameError
from tia2.leaderboard.exports import static_html
from tia2.leaderboard.exports.page import _json


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.silent = [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.silent = False

    def handle_data(self, data):
        if not self.silent:
            self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_page_holds_all_scopes_and_figures(mini_board):
    page = static_html(mini_board)
    reader = read(page)
    text = " ".join(reader.text)
    for scope in mini_board.scopes:
        assert f"{scope}, by AUROC" in text
        for what in ("mean", "pooled"):
            for number in mini_board.estimate(scope, "auroc", what):
                assert f'data-value="{float(number)!r}"' in page
    assert sum(tag == "table" for tag, _ in reader.tags) == len(mini_board.scopes)
    assert mini_board.benchmark.votes_fingerprint in text
    assert "simulated" in text
    drawn = json.loads(re.search(r'id="figures">(.*?)</script>', page).group(1))
    assert len(drawn) == len(mini_board.scopes)


def test_policy_forbids_everything_but_the_page_itself(mini_board):
    page = static_html(mini_board)
    reader = read(page)
    policy = next(one["content"] for tag, one in reader.tags if one.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert rules["script-src"].count("sha256-") == 2
    assert "http" not in policy
    assert sum(tag == "script" for tag, _ in reader.tags) == 3
    for tag, one in reader.tags:
        assert not one.keys() & {"src", "srcset", "action", "onclick", "onerror", "style"}, (tag, one)
        assert tag not in ("img", "iframe", "object", "form", "base")


def test_hostile_text_stays_text(hostile_board):
    reader = read(static_html(hostile_board))
    assert sum(tag == "script" for tag, _ in reader.tags) == 3
    assert not any(tag == "img" for tag, _ in reader.tags)
    assert "<script>window.__xss=1</script>" in "".join(reader.text)
    links = [one["href"] for tag, one in reader.tags if tag == "a" and not one["href"].startswith("#")]
    assert all(link.startswith("https://") for link in links)


def test_unknown_metric_is_refused(mini_board):
    with pytest.raises(UnknownNameError, match="Unknown metric"):
        static_html(mini_board, "x")


def test_json_cannot_end_its_element():
    made = _json({"</script>": ["<!--", "\u2028", float("nan")]})
    assert not set("<>&\u2028") & set(made)
    assert json.loads(made) == {"</script>": ["<!--", "\u2028", None]}


@pytest.mark.parametrize("address", ["https://localhost/x", "https://example.org:99999/", "javascript:alert(1)"])
def test_only_plain_https_addresses_become_links(mini_board, address, monkeypatch):
    entries = list(mini_board.entries)
    listing = entries[0].listing
    card = listing.card.model_copy(update={"contact": address, "paper": "https://example.org/?a=1&b=2"})
    entries[0] = dataclasses.replace(entries[0], listing=listing.model_copy(update={"card": card}))
    monkeypatch.setattr(mini_board, "entries", tuple(entries))
    links = [one["href"] for tag, one in read(static_html(mini_board)).tags if tag == "a"]
    assert [link for link in links if not link.startswith("#")] == ["https://example.org/?a=1&b=2"]


@pytest.fixture(scope="module")
def file(hostile_board, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "board.html"
    path.write_text(static_html(hostile_board), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    page.requests, page.problems = [], []
    page.on("request", lambda one: page.requests.append(one.url))
    page.on("console", lambda one: page.problems.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: page.problems.append(str(one)))
    page.goto(file.as_uri())
    page.wait_for_selector("#scope-0-forest .main-svg")
    yield page
    context.close()


@pytest.mark.browser
def test_page_works_offline(opened, hostile_board):
    page = opened
    outside = [url for url in page.requests if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert page.problems == []
    assert page.evaluate("window.__xss") is None
    assert page.locator("svg.main-svg").count() >= len(hostile_board.scopes)
    assert "<script>window" in page.locator("#scope-0-forest").text_content()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 24, 29)"
    refused = page.evaluate("fetch('https://example.org/').then(() => 'sent', (error) => 'refused')")
    assert refused == "refused"
    assert any("Content Security Policy" in text for text in page.problems)


@pytest.mark.browser
def test_tables_sort_by_mouse_and_keyboard(opened, hostile_board):
    page = opened
    table = page.locator("table.sortable").first
    head = table.locator("thead th").filter(has_text=re.compile("^AUROC$"))

    def values():
        cells = table.locator("tbody").first.locator("tr td:nth-child(3)")
        return [cell.get_attribute("data-value") for cell in cells.all()]

    assert table.locator("th[aria-sort]").inner_text().startswith("Rank")
    before = values()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert values() == sorted(before, key=float, reverse=True)
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(before, key=float)
    assert table.locator("th[aria-sort]").count() == 1
    rank = table.locator("thead th").first
    rank.get_by_role("button").click()
    ranks = [
        cell.get_attribute("data-value") for cell in table.locator("tbody").first.locator("tr td:first-child").all()
    ]
    assert ranks == [*map(str, range(1, len(hostile_board.ranked) + 1)), *[""] * 4]


@pytest.mark.browser
def test_filter_hides_other_entries(opened):
    page = opened
    page.get_by_label("Show only entries").fill("<SCRIPT>")
    rows = page.locator("table.sortable").first.locator("tbody").first.locator("tr:visible")
    assert rows.count() == 3
    assert all("<script>" in row.inner_text() for row in rows.all())
