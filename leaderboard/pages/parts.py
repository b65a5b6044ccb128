"""What a tab of the app is made of, so that the app can wire addresses and refreshes the same way for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from ..data.board import Board
from .markup import figure_tools
from .visitors import FilledMenus, LatestQuestions

Query = Mapping[str, str]
"""The parameters of the page's address, as text. Anybody may write anything there."""
Choices = Sequence[tuple[str, Any]]
"""What a menu offers: what is read, and the value."""


class Param(NamedTuple):
    """A control whose value stands in the page's address.

    Attributes:
        name: Name in the address.
        component: The control.
        restore: Returns an update of the control (choices and value) for a board and an address; unknown text gives the
            default, never an error.
        render: Function of a control that changes a small part of the tab: called as the tab's `render`, returns one
            value per output of `outputs`. None if the whole tab is shown again.
        outputs: Components that it fills.
        after: Events, such as the `success` of a click's handler, after which the control counts as changed.
        offers: All choices of a long menu, sent when the menu is opened. `restore` then gives what is chosen only.
        offers_by: Name of the control whose value `offers` takes, too, since the choices' texts depend on it.
        kind: Name of its kind of value, said where an address asks for what isn't there; empty for texts and numbers.
    """

    name: str
    component: Any
    restore: Callable[[Board, Query], Any]
    render: Callable[..., Any] | None = None
    outputs: Sequence[Any] = ()
    after: Sequence[Any] = ()
    offers: Callable[..., Choices] | None = None
    offers_by: str = ""
    kind: str = ""


class Later(NamedTuple):
    """What takes the page long to draw, and is drawn once the rest of the tab can be read.

    Attributes:
        render: Called as the tab's `render`, right after it.
        outputs: The components that it fills.
    """

    render: Callable[..., Sequence[Any]]
    outputs: Sequence[Any]


class Tab(NamedTuple):
    """A tab: its controls, and how they become what is shown.

    Attributes:
        id: Value of `tab` in the address.
        params: The controls.
        render: Called with the benchmark's name and the value of every control in order; returns one value an output.
        outputs: The components that `render` fills.
        later: Part that is drawn after that, if any.
        unfolded: Returns the HTML of the rows that are folded under a row, for the board, the value of every control,
            and the row's name; None for a tab without such rows.
    """

    id: str
    params: Sequence[Param]
    render: Callable[..., Any]
    outputs: Sequence[Any]
    later: Later | None = None
    unfolded: Callable[[Board, Sequence[Any], str], str] | None = None


class Frame(NamedTuple):
    """What surrounds the tabs.

    Attributes:
        benchmark: The dropdown.
        notice: Words about the benchmark.
        missing: Says what the address asks for that isn't there.
        tabs: The tabs' container.
        address: Carries the query text from the page's script.
        first: Carries, as JSON, what the address leaves out: the controls' values on a first visit.
        asked: Carries, as JSON, what the tab was asked for: tab, benchmark, and the controls' values.
        busy: Shows that an answer is waited for.
        questions: Tells late answers from those to visitors' latest questions.
        menus: Tells which menus a visitor has opened.
    """

    benchmark: Any
    notice: Any
    missing: Any
    tabs: Any
    address: Any
    first: Any
    asked: Any
    busy: Any
    questions: LatestQuestions
    menus: FilledMenus


def chosen(choices: Choices, value: Any) -> Any:
    """Return an update of a long menu that has a value, or several, and offers nothing else until it is opened."""
    values = value if isinstance(value, list) else [value]
    return gr.update(choices=[(text, choice) for text, choice in choices if choice in values], value=value)


def figure_place(name: str, **options: Any) -> Any:
    """Make a figure's place, with buttons below that save it; return the plot.

    Args:
        name: Name of the figure, for screen readers, and with which the title of what is saved begins.
        **options: Further options of the plot.
    """
    plot = gr.Plot(label=name, show_label=False, **options)
    gr.HTML(figure_tools(name))
    return plot


def quiet(frame: Frame, **options: Any) -> dict[str, Any]:
    """Return how the page asks for something: a straight answer, and no more progress than a line at the top.

    Args:
        frame: Components around the tabs.
        **options: Further options of the event.
    """
    # The queue would add two more exchanges to each answer. Progress is shown on one small component, since the page
    # copies everything that a component shows or offers each time its progress changes.
    return {
        "api_visibility": "private", "queue": False, "show_progress": "minimal", "show_progress_on": [frame.busy],
        **options,
    }  # fmt: skip
