"""Long menus: what they offer is sent when they are first opened.

The page copies what every menu offers each time anything on it changes, so that ten menus of thousands of entries would
make every answer slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..data.board import Board
from ..data.boards import Live
from .parts import Choices, Frame, Param, Tab, chosen, quiet

OFFERED = "() => window.tia2Offered()"
"""Searches a menu that was just filled for what has been typed into it meanwhile."""


def fill_when_opened(live: Live, tab: Tab, frame: Frame) -> None:
    """Offer all choices of a tab's long menus from when they are first opened.

    Args:
        live: The boards.
        tab: The tab.
        frame: Components around the tabs.
    """
    for menu in long_menus(tab):
        _fill_when_opened(live, tab, menu, frame)


def offer_again(event: Any, live: Live, tab: Tab, menu: Param, frame: Frame) -> None:
    """Offer what a menu offered, or only what is chosen, once something else has changed its value or its texts.

    Args:
        event: The `success` of the event that changed it.
        live: The boards.
        tab: The tab.
        menu: The menu.
        frame: Components around the tabs.
    """

    def offer(visitor: gr.Request, benchmark: str, value: Any, *by: Any) -> Any:
        offered = _all(live.board(benchmark), menu, by)
        # Without the value: a choice made since then stays.
        if not frame.menus.is_filled(visitor.session_hash, _name(tab, menu)):
            return gr.update(choices=chosen(offered, value)["choices"])
        frame.menus.fill(visitor.session_hash, _name(tab, menu), (benchmark, by))
        return gr.update(choices=chosen_first(offered, value))

    event(offer, _inputs(tab, menu, frame), [menu.component], **quiet(frame, trigger_mode="always_last"))


def still_filled(
    visitor: str | None, frame: Frame, board: Board, tab: Tab, updates: Sequence[Any], values: Sequence[Any]
) -> list[Any]:
    """Return updates of a tab's controls, in which menus that were opened offer everything still.

    A menu may be open when the answer comes, and one that gets shorter while it is open breaks the page.

    Args:
        visitor: The visitor's session.
        frame: Components around the tabs.
        board: The board.
        tab: The tab.
        updates: One update per control, as `restore` gives them.
        values: One value per control.
    """
    by_name = {param.name: value for param, value in zip(tab.params, values, strict=True)}
    filled = []
    for param, update in zip(tab.params, updates, strict=True):
        if param.offers and frame.menus.is_filled(visitor, _name(tab, param)):
            by = (by_name[param.offers_by],) if param.offers_by else ()
            frame.menus.fill(visitor, _name(tab, param), (board.benchmark.name, by))
            filled.append({**update, "choices": chosen_first(_all(board, param, by), by_name[param.name])})
        else:
            filled.append(update)
    return filled


def long_menus(tab: Tab) -> list[Param]:
    """Return the controls of a tab that are long menus."""
    return [param for param in tab.params if param.offers]


def chosen_first(choices: Choices, value: Any) -> list[tuple[str, Any]]:
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
    def offer(visitor: gr.Request, benchmark: str, value: Any, *by: Any) -> Any:
        offered = chosen_first(_all(live.board(benchmark), menu, by), value)
        is_new = frame.menus.fill(visitor.session_hash, _name(tab, menu), (benchmark, by))
        return gr.update(choices=offered) if is_new else gr.skip()

    opened = menu.component.focus(
        offer, _inputs(tab, menu, frame), [menu.component], **quiet(frame, trigger_mode="multiple")
    )
    opened.success(None, None, None, js=OFFERED, **quiet(frame))


def _name(tab: Tab, menu: Param) -> tuple[str, str]:
    return tab.id, menu.name


def _inputs(tab: Tab, menu: Param, frame: Frame) -> list[Any]:
    return [
        frame.benchmark,
        menu.component,
        *(param.component for param in tab.params if param.name == menu.offers_by),
    ]


def _all(board: Board, menu: Param, by: tuple[Any, ...]) -> Choices:
    return menu.offers(board, *by) if menu.offers else []
