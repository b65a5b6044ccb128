"""What a tab is asked for, its answer, and what is drawn once that can be read: figures that take long to draw."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

from tia2.errors import Tia2Error
from tia2.files import without_folders

from ..data.boards import Live
from .address import unless_done
from .parts import Frame, Tab, quiet


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


def draw_after(event: Any, live: Live, tabs: Sequence[Tab], frame: Frame) -> None:
    """Draw what of a tab is drawn later, once an event has answered for that tab.

    For several tabs it is one question: one for each would ask eight times in vain.

    Args:
        event: The event.
        live: The boards.
        tabs: The tabs that the event's answer can be of.
        frame: Components around the tabs.
    """
    drawn = {tab.id: tab.later for tab in tabs if tab.later is not None}
    outputs = [output for later in drawn.values() for output in later.outputs]
    if not drawn:
        return

    def draw(visitor: gr.Request, asked: str) -> Any:
        question = asked_for(asked)
        part = visitor.session_hash, question and question[0], "draw"
        number = frame.questions.ask(part)
        values = [
            value
            for tab, later in drawn.items()
            for value in (
                [gr.skip()] * len(later.outputs)
                if question is None or question[0] != tab
                else rendered(later.render, len(later.outputs), live.board(question[1]).benchmark.name, question[2])
            )
        ]
        if not frame.questions.is_latest(part, number):
            values = [gr.skip()] * len(outputs)
        # Of an event with one output, Gradio takes a list for the value itself.
        return values[0] if len(values) == 1 else values

    only = tabs[0].id if len(tabs) == 1 else ""
    event.success(draw, [frame.asked], outputs, js=unless_done(only), **quiet(frame, trigger_mode="always_last"))
