"""Long menus: what they offer is sent when they are opened.

The page copies what every menu offers each time anything on it changes, so that ten menus of thousands of entries would
make every answer slow.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..data.board import Board
from ..data.boards import Live
from .parts import Choices, Frame, Param, Tab, chosen, quiet

OFFERED = "() => window.tia2Offered()"
"""Searches a menu that was just filled for what has been typed into it meanwhile."""


def fill_when_opened(live: Live, tab: Tab, frame: Frame) -> None:
    """Offer all choices of a tab's long menus while they are open, and only what is chosen once they are closed.

    Args:
        live: The boards.
        tab: The tab.
        frame: Components around the tabs.
    """
    for menu in long_menus(tab):
        _fill_when_opened(live, tab, menu, frame)


def name_again(event: Any, live: Live, tab: Tab, menu: Param, frame: Frame) -> None:
    """Name again what is chosen in a menu whose texts depend on another control, once that has changed.

    Args:
        event: The change of the other control.
        live: The boards.
        tab: The tab.
        menu: The menu.
        frame: Components around the tabs.
    """

    def name(benchmark: str, value: Any, *by: Any) -> Any:
        return chosen(_all(live.board(benchmark), menu, by), value)

    event.success(name, _inputs(tab, menu, frame), [menu.component], **quiet(frame, trigger_mode="always_last"))


def long_menus(tab: Tab) -> list[Param]:
    """Return the controls of a tab that are long menus."""
    return [param for param in tab.params if param.offers]


def chosen_first(choices: Choices, value: Any) -> Choices:
    """Return all choices of a menu, in front those that are chosen.

    An open menu marks what is chosen by its place, and had nothing else before the others came.

    Args:
        choices: The choices.
        value: Value of the menu: one of the choices' values, or a list of several.

    Example:
        >>> chosen_first([("A", "a"), ("B", "b"), ("C", "c")], "b")
        [('B', 'b'), ('A', 'a'), ('C', 'c')]
    """
    values = value if isinstance(value, list) else [value]
    return sorted(choices, key=lambda choice: choice[1] not in values)


def _fill_when_opened(live: Live, tab: Tab, menu: Param, frame: Frame) -> None:
    def latest(visitor: gr.Request, update: Any, number: int) -> Any:
        return update if frame.questions.is_latest(_part(visitor, tab, menu), number) else gr.skip()

    def offer(visitor: gr.Request, benchmark: str, value: Any, *by: Any) -> Any:
        number = frame.questions.ask(_part(visitor, tab, menu))
        offered = chosen_first(_all(live.board(benchmark), menu, by), value)
        return latest(visitor, gr.update(choices=list(offered)), number)

    def put_away(visitor: gr.Request, benchmark: str, value: Any, *by: Any) -> Any:
        number = frame.questions.ask(_part(visitor, tab, menu))
        # Without the value: a choice made since the menu was closed stays.
        kept = chosen(_all(live.board(benchmark), menu, by), value)
        return latest(visitor, gr.update(choices=kept["choices"]), number)

    inputs, component = _inputs(tab, menu, frame), menu.component
    opened = component.focus(offer, inputs, [component], **quiet(frame, trigger_mode="multiple"))
    opened.success(None, None, None, js=OFFERED, **quiet(frame))
    component.blur(put_away, inputs, [component], **quiet(frame, trigger_mode="multiple"))


def _part(visitor: gr.Request, tab: Tab, menu: Param) -> tuple[str | None, str, str]:
    return visitor.session_hash, tab.id, f"menu {menu.name}"


def _inputs(tab: Tab, menu: Param, frame: Frame) -> list[Any]:
    return [
        frame.benchmark,
        menu.component,
        *(param.component for param in tab.params if param.name == menu.offers_by),
    ]


def _all(board: Board, menu: Param, by: tuple[Any, ...]) -> Choices:
    return menu.offers(board, *by) if menu.offers else []
