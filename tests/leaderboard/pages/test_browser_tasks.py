"""What people come for, walked in real Chromium by mouse, by keyboard and on a phone; how many actions each takes."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from tia2.leaderboard.submissions.queue import Queue
from tia2.leaderboard.views.item_view import items_of, order, values_of
from tia2.leaderboard.views.pairs import comparison, disagreements, in_scope, verdict_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROWS = "#tia2-board tbody tr.tia2-model"


HINTS = """() => [...document.querySelectorAll(".tia2-scroll")].filter(box => box.checkVisibility())
  .map(box => [box.scrollWidth - box.clientWidth, getComputedStyle(box).maskImage !== "none"])"""
"""Of each table that is shown, how many pixels of it are out of sight, and whether it fades at its end."""


class Visitor:
    """Does one thing at a time, and counts."""

    def __init__(self, page, by: str) -> None:
        self.page, self.by, self.actions = page, by, 0

    def act(self, target, key: str = "Enter") -> None:
        self.actions += 1
        if self.by == "keyboard":
            assert target.evaluate("element => element.tabIndex >= 0"), "the Tab key leads there"
            target.focus()
            self.page.keyboard.press(key)
        elif key == "Space":
            target.check()
        else:
            target.click()

    def done(self, most: int) -> None:
        """End a task that may take so many actions."""
        assert 1 <= self.actions <= most
        self.actions = 0
        width = self.page.viewport_size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is cut off"


VISITORS = [("mouse", 1280), ("keyboard", 1280), ("touch", 390)]


def in_view(page, box) -> bool:
    """Return whether the whole of something can be seen without scrolling."""
    rectangle, height = box.bounding_box(), page.viewport_size["height"]
    return rectangle["y"] >= 0 and rectangle["y"] + rectangle["height"] <= height


@pytest.mark.parametrize(("by", "width"), VISITORS)
def test_tasks_take_few_actions(new_page, visit, live, by, width):
    page, board = new_page(width=width), live.board()
    visitor = Visitor(page, by)
    visit(page)
    # Which model for counting?
    counting = page.get_by_role("radio", name="counting").locator("visible=true")
    visitor.act(counting, "Space")
    rank = board.standing("counting", "auroc").model_rank
    first, second = (board.entries[int(np.flatnonzero(rank == number)[0])] for number in (1, 2))
    row = page.locator(ROWS).first
    row.locator("th a").first.filter(has_text=first.listing.card.name).wait_for()
    page.wait_for_function("location.search.includes('subset=counting')")
    page.get_by_role("table", name="Models by AUROC, counting").wait_for()
    for part in (".tia2-rank", "th a", ".tia2-interval", ".tia2-here"):
        box = row.locator(part).first.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width, part
    if by == "keyboard":
        assert counting.evaluate("radio => radio === document.activeElement"), "focus stays where it was"
    visitor.done(1)
    # Is it better than the next?
    for entry in (first, second):
        visitor.act(page.locator(f"{ROWS} input[data-pick='{entry.id}']"), "Space")
    visitor.act(page.get_by_role("link", name=f"Compare {first.name} with {second.name}"))
    result = comparison(board, first.id, second.id, "auroc")
    on_counting = in_scope(result, "counting", board)
    answer = page.locator(".tia2-answer").filter(has_text=verdict_of(result, on_counting.main, board))
    answer.locator("visible=true").wait_for()
    visitor.done(3)
    assert page.title().startswith("Compare · ")
    hints = page.evaluate(HINTS)
    assert all(hint == (over > 0) for over, hint in hints), "what goes on fades, and nothing else"
    assert any(over > 0 for over, _ in hints) == (width == 390), "a phone is narrower than the tables"
    # Its worst image?
    sheet = disagreements(on_counting)[1]
    prompt = on_counting.prompts[int(sheet.ids[0])]
    visitor.act(page.get_by_role("rowheader", name=sheet.texts[0][0], exact=True).get_by_role("link"))
    page.get_by_role("heading", name=prompt["prompt"], exact=True).wait_for()
    items = items_of(board, prompt["prompt_id"])
    worst = items.item_ids[int(order("disagreement", items.human, values_of(board, first, items))[0])]
    assert page.locator(".tia2-item").first.get_attribute("data-item") == worst
    visitor.done(2)
    # Cite and share it.
    visitor.act(page.get_by_role("button", name="Cite this view"))
    citation = page.locator("#tia2-cite pre").inner_text()
    assert f"prompt={prompt['prompt_id']}".replace("/", "%2F") in citation
    assert board.benchmark.fingerprint[:8] in citation
    visitor.done(2)
    visitor.act(page.get_by_role("button", name="Copy link"))
    page.locator("#tia2-copied").filter(has_text=re.compile("Link copied|Copying isn't allowed here")).wait_for()
    visitor.done(1)
    shared = dict(parse_qsl(urlsplit(page.url).query))
    assert (shared["tab"], shared["prompt"], shared["ie"]) == ("items", prompt["prompt_id"], first.id)
    assert page.title().startswith("Items · ")


@pytest.mark.parametrize(("by", "width"), VISITORS)
def test_submitting_takes_few_actions_and_its_answers_are_in_view(new_page, visit, live, submission_of, by, width):
    page, name = new_page(width=width), f"task-{by}"
    visitor = Visitor(page, by)
    visit(page, "?tab=submit")
    # Submit it and see its status.
    with page.expect_file_chooser() as waiting:
        visitor.act(page.locator(".tia2-upload button").first)
    waiting.value.set_files(submission_of(name))
    send = page.get_by_role("button", name="Submit for review")
    page.wait_for_function("!document.querySelector('#tia2-send').disabled")
    if by == "keyboard":
        page.wait_for_function("document.activeElement.id === 'tia2-send'")
    visitor.act(send)
    found = page.get_by_label("What the checks found")
    found.wait_for()
    received = re.match(rf"Received {name} as (\w+)\.", found.input_value())
    assert received
    if by == "keyboard":
        page.wait_for_function("document.activeElement.closest('#tia2-found')")
    assert in_view(page, found)
    ask = page.get_by_role("button", name="Show its status")
    visitor.act(ask)
    status = page.get_by_label("Status", exact=True)
    status.wait_for()
    page.locator("#tia2-aloud").filter(has_text=f"{name}, received on").wait_for()
    assert "waits for a review" in status.input_value()
    assert in_view(page, status)
    visitor.done(3)
    # Change one's mind.
    visitor.act(page.get_by_role("button", name="Withdraw it"))
    page.locator("#tia2-aloud").filter(has_text="withdrawn").wait_for()
    visitor.done(1)
    with Queue(live.store) as queue:
        assert received[1] not in [waiting.id for waiting in queue.pending()]
