"""What fills parts of a tab once the tab has answered: figures that take long to draw, and menus that are long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from tia2.errors import Tia2Error
from tia2.files import without_folders

from ..data.board import Board
from ..data.boards import Live
from .address import unless_done
from .parts import Frame, Param, Tab, quiet


def rendered(render: Callable[..., Any], count: int, benchmark: str, values: Sequence[Any]) -> list[Any]:
    """Return what a render function gives, one value per output.

    Raises:
        gr.Error: What was asked for can't be shown; its text is escaped, since pages show it as HTML.
    """
    try:
        output = render(benchmark, *values)
    except Tia2Error as error:
        raise gr.Error(escape(without_folders(str(error))), print_exception=False) from None
    return list(output) if isinstance(output, (list, tuple)) and len(output) == count else [output]


def asked(tab: str, benchmark: str, values: Sequence[Any]) -> str:
    """Return what a tab is asked for, as the page carries it.

    Args:
        tab: Id of the tab.
        benchmark: Name of the benchmark.
        values: Values of the tab's controls.
    """
    # No two answers are asked for in the same words, so that each can be told from the one before.
    return json.dumps({"tab": tab, "benchmark": benchmark, "values": list(values), "at": time.monotonic_ns()})


def asked_for(asked: str) -> tuple[str, str, list[Any]] | None:
    """Return the tab, the benchmark and the values that were asked for; None where there is nothing to do.

    Example:
        >>> asked_for('{"tab": "board", "benchmark": "mini", "values": ["a", ["b"]]}'), asked_for("#")
        (('board', 'mini', ['a', None]), None)
    """
    try:
        request = json.loads(asked)
        values = [value if isinstance(value, (str, int, float)) else None for value in request["values"]]
        return str(request["tab"]), str(request["benchmark"]), values
    except (ValueError, TypeError, KeyError):  # Anybody may send anything.
        return None


def draw_after(event: Any, live: Live, tab: Tab, frame: Frame) -> None:
    """Draw what of a tab is drawn later, once an event of that tab has answered.

    Args:
        event: The event.
        live: The boards.
        tab: The tab.
        frame: Components around the tabs.
    """
    if tab.later is not None:
        _after(
            event, live, tab.id, frame, "draw", [_Filler(tab.id, tab.later.outputs, lambda *asked: _draw(tab, *asked))]
        )


def offer_after(event: Any, live: Live, tab: Tab, frame: Frame) -> None:
    """Fill a tab's long menus, once an event of that tab has answered.

    Args:
        event: The event.
        live: The boards.
        tab: The tab.
        frame: Components around the tabs.
    """
    menus = _menus(tab)
    if menus:
        outputs = [menu.component for menu in menus]
        _after(event, live, tab.id, frame, "offer", [_Filler(tab.id, outputs, lambda *asked: _offer(tab, *asked))])


def fill_after(event: Any, live: Live, tabs: Sequence[Tab], frame: Frame) -> None:
    """Draw and fill all of that in whichever tab an event's answer is of.

    It is one question. One for each tab would ask eight times in vain.

    Args:
        event: The event.
        live: The boards.
        tabs: All tabs.
        frame: Components around the tabs.
    """
    _after(event, live, "", frame, "fill", [_filler(tab) for tab in tabs])


class _Filler(NamedTuple):
    """What fills a part of a tab once the tab has been answered.

    Attributes:
        tab: Id of the tab.
        outputs: The components that are filled.
        make: Returns one value per output, for the board and the values of the tab's controls.
    """

    tab: str
    outputs: Sequence[Any]
    make: Callable[[Board, list[Any]], list[Any]]


def _filler(tab: Tab) -> _Filler:
    """Return what fills all of a tab that comes after its answer."""
    outputs = [*(tab.later.outputs if tab.later else ()), *(menu.component for menu in _menus(tab))]
    return _Filler(tab.id, outputs, lambda *asked: [*_draw(tab, *asked), *_offer(tab, *asked)])


def _menus(tab: Tab) -> list[Param]:
    return [param for param in tab.params if param.offers]


def _draw(tab: Tab, board: Board, values: list[Any]) -> list[Any]:
    if tab.later is None:
        return []
    return rendered(tab.later.render, len(tab.later.outputs), board.benchmark.name, values)


def _offer(tab: Tab, board: Board, values: list[Any]) -> list[Any]:
    by_name = dict(zip([param.name for param in tab.params], values, strict=False))
    offered = [
        menu.offers(board, *([by_name.get(menu.offers_by)] if menu.offers_by else []))
        for menu in _menus(tab)
        if menu.offers
    ]
    return [gr.update(choices=list(choices)) for choices in offered]


def _after(event: Any, live: Live, tab: str, frame: Frame, what: str, fillers: Sequence[_Filler]) -> None:
    """Fill outputs once an event has answered, from the board and the values that a tab was asked for.

    Args:
        event: The event.
        live: The boards.
        tab: Id of the tab whose answers count; empty for any.
        frame: Components around the tabs.
        what: Word for what is done with the answer.
        fillers: Functions that fill parts of tabs.
    """
    outputs = [output for filler in fillers for output in filler.outputs]

    def fill(visitor: gr.Request, asked: str) -> Any:
        question = asked_for(asked)
        part = visitor.session_hash, question and question[0], what
        number = frame.questions.ask(part)
        values = [
            value
            for filler in fillers
            for value in (
                [gr.skip()] * len(filler.outputs)
                if question is None or question[0] != filler.tab
                else filler.make(live.board(question[1]), question[2])
            )
        ]
        if not frame.questions.is_latest(part, number):
            values = [gr.skip()] * len(outputs)
        # Of an event with one output, Gradio takes a list for the value itself.
        return values[0] if len(values) == 1 else values

    event.success(fill, [frame.asked], outputs, js=unless_done(tab, what), **quiet(frame, trigger_mode="always_last"))
