"""What an address asks for and isn't there is said, and never answered with something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def mounted(mini_board) -> Any:
    """The app's tabs over one board."""
    from types import SimpleNamespace

    from tia2.leaderboard.pages.app import _build

    class OneBoard:
        def __init__(self) -> None:
            self.boards = {"mini": mini_board}
            self.store = SimpleNamespace(name="Ours", folder=Path("nowhere"))

        def board(self, name: str | None = None) -> Any:
            return mini_board

        def pictures(self, benchmark: Any) -> Any:
            return SimpleNamespace(of=lambda positions: ([None] * len(positions), ""))

    live = OneBoard()
    return live, _build(live)[1]


def shown(mounted: Any, **query: str) -> tuple[str, dict[str, Any], list[Any]]:
    from tia2.leaderboard.pages.app import notice_of
    from tia2.leaderboard.pages.wiring import visit

    live, tabs = mounted
    updates = visit(live, tabs, notice_of, query)
    return str(updates[2]), json.loads(updates[-2]), updates


@pytest.mark.parametrize(
    ("query", "said", "close"),
    [
        ({"tab": "compare", "a": "nope", "b": "mini-web"}, "no entry “nope”", ""),
        ({"tab": "compare", "a": "mini-stong", "b": "mini-web"}, "no entry “mini-stong”", "a=mini-strong"),
        ({"metric": "bogus"}, "no metric “bogus”", ""),
        ({"subset": "conting"}, "no subset “conting”", "subset=counting"),
        ({"entry": "gone"}, "no entry “gone”", ""),
        ({"chips": "cv,nope"}, "no kind of entry “nope”", ""),
        ({"tab": "itmes"}, "no tab “itmes”", "tab=items"),
        ({"benchmark": "mni"}, "no benchmark “mni”", "benchmark=mini"),
        ({"tab": "items", "prompt": "x/9"}, "no prompt “x/9”", ""),
        ({"tab": "about", "since": "0.1.1"}, "no day or version “0.1.1”", "since=0.1.0"),
        ({"tab": "about", "since": "<b>"}, "no day or version", ""),
    ],
)
def test_it_is_said_and_the_address_changes(mounted, query, said, close):
    words, first, _ = shown(mounted, **query)
    assert said in words
    assert close in words
    (name,) = first["fixed"]
    assert first["fixed"][name] != query[name]


def test_no_verdict_about_two_others(mounted, mini_board):
    *_, updates = shown(mounted, tab="compare", a="gone", b="mini-web")
    text = " ".join(str(update) for update in updates)
    assert "Choose two entries" in text
    assert "agrees with people better" not in text


def test_a_good_address_says_nothing(mounted):
    words, first, _ = shown(mounted, tab="compare", a="mini-web", b="mini-strong", cm="kendall")
    assert words == ""
    assert first["fixed"] == {}
    assert first["title"] == "Compare · Miniature world · Ours"


def test_a_version_stays_in_the_address(mounted):
    words, first, updates = shown(mounted, tab="about", since="0.1.0")
    assert (words, first["fixed"]) == ("", {})
    assert any("since tia2 0.1.0 (" in str(update) for update in updates)


def test_what_is_asked_for_stays_text(mounted):
    words, *_ = shown(mounted, entry="<img src=x onerror=alert(1)>")
    assert "<img" not in words
