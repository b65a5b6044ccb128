"""How every tab restores what the address says, shows it, and writes into the address what a visitor changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from tia2.errors import Tia2Error

from ..board import Board
from ..live import Live
from .address import READY, STAY, as_text, parse, pick, writer
from .parts import Param, Query, Tab


class Place(NamedTuple):
    """A tab's contract together with the component that visitors select."""

    tab: Tab
    item: Any


class Frame(NamedTuple):
    """What surrounds the tabs.

    Attributes:
        benchmark: The dropdown.
        notice: What is said of the benchmark.
        tabs: The tabs' container.
        address: Carries the query text from the page's script.
        first: Carries, as JSON, what the address leaves out: the controls' values on a first visit.
    """

    benchmark: Any
    notice: Any
    tabs: Any
    address: Any
    first: Any


def restore(tab: Tab, board: Board, query: Query) -> tuple[list[Any], list[Any], dict[str, str]]:
    """Return updates of a tab's controls, their values, and as text those that the address leaves out."""
    updates = [param.restore(board, query) for param in tab.params]
    first = {}
    for param in tab.params:
        rest = {name: text for name, text in query.items() if name != param.name}
        first[param.name] = as_text(_value(param, param.restore(board, rest)))
    return updates, [_value(param, update) for param, update in zip(tab.params, updates, strict=True)], first


def shown(render: Callable[..., Any], count: int, benchmark: str, values: Sequence[Any]) -> list[Any]:
    """Return what a render function gives, one value an output.

    Raises:
        gr.Error: What was asked for can't be shown; its text is escaped, since pages show it as HTML.
    """
    try:
        found = render(benchmark, *values)
    except Tia2Error as error:
        raise gr.Error(escape(str(error)), print_exception=False) from None
    return list(found) if isinstance(found, (list, tuple)) and len(found) == count else [found]


def visit(live: Live, places: Sequence[Place], notice: Callable[[Board], str], query: Query) -> list[Any]:
    """Return one update for each output of `everything`: the tab that the address names, shown; others left alone."""
    board = live.board(query.get("benchmark"))
    name = board.benchmark.name
    here = pick(query, "tab", [place.tab.id for place in places], places[0].tab.id)
    benchmarks = [(one.benchmark.title, key) for key, one in live.boards.items()]
    found: list[Any] = [
        gr.update(choices=benchmarks, value=name, visible=len(benchmarks) > 1),
        notice(board),
        gr.update(selected=here),
    ]
    first: dict[str, str] = {}
    for tab, _ in places:
        if tab.id == here:
            updates, values, first = restore(tab, board, query)
            found += [*updates, *shown(tab.render, len(tab.outputs), name, values)]
        else:
            found += [gr.skip()] * (len(tab.params) + len(tab.outputs))
    return [*found, _first(live, places, here, first)]


def wire(app: gr.Blocks, live: Live, places: Sequence[Place], frame: Frame, notice: Callable[[Board], str]) -> None:
    """Connect everything; call it inside the app's context, after the tabs."""
    everything = [
        frame.benchmark,
        frame.notice,
        frame.tabs,
        *(part for tab, _ in places for part in (*(param.component for param in tab.params), *tab.outputs)),
        frame.first,
    ]

    def load(request: gr.Request) -> list[Any]:
        return visit(live, places, notice, dict(request.query_params))

    def change_benchmark(address: str, benchmark: str, _: str) -> list[Any]:
        if address == STAY:
            return [gr.skip()] * len(everything)
        return visit(live, places, notice, {**parse(address), "benchmark": benchmark})

    loaded = app.load(load, None, everything, **_quiet(show_progress="hidden"))
    loaded.success(None, [frame.first], None, js=READY, **_quiet())
    frame.benchmark.input(
        change_benchmark,
        [frame.address, frame.benchmark, frame.first],
        everything,
        js=writer(["benchmark"]),
        **_quiet(show_progress="minimal"),
    )
    for place in places:
        _wire_tab(live, place, places, frame)


def _wire_tab(live: Live, place: Place, places: Sequence[Place], frame: Frame) -> None:
    tab, item = place
    names = [param.name for param in tab.params]
    controls = [param.component for param in tab.params]

    def select(address: str, benchmark: str, _: str) -> list[Any]:
        if address == STAY:
            return [gr.skip()] * (len(controls) + len(tab.outputs) + 1)
        board = live.board(benchmark)
        updates, values, first = restore(tab, board, parse(address))
        found = shown(tab.render, len(tab.outputs), board.benchmark.name, values)
        return [*updates, *found, _first(live, places, tab.id, first)]

    item.select(
        select,
        [frame.address, frame.benchmark, frame.first],
        [*controls, *tab.outputs, frame.first],
        js=writer(["benchmark"], tab.id, selects=True),
        **_quiet(show_progress="minimal"),
    )
    inputs = [frame.address, frame.benchmark, *controls, frame.first]
    for param in tab.params:
        render, outputs = (param.render, param.outputs) if param.render else (tab.render, tab.outputs)

        def change(
            address: str, benchmark: str, *values: Any, render: Callable[..., Any] = render, count: int = len(outputs)
        ) -> list[Any]:
            if address == STAY:
                return [gr.skip()] * count
            return shown(render, count, live.board(benchmark).benchmark.name, values[:-1])

        for event in (_event(param.component), *param.after):
            event(
                change,
                inputs,
                list(outputs),
                js=writer(["benchmark", *names], tab.id),
                **_quiet(show_progress="hidden", trigger_mode="always_last"),
            )


def _first(live: Live, places: Sequence[Place], here: str, of_tab: Mapping[str, str]) -> str:
    return json.dumps({"benchmark": live.board().benchmark.name, "tab": places[0].tab.id, **of_tab, "here": here})


def _value(param: Param, update: Any) -> Any:
    return update.get("value", param.component.value)


def _event(component: Any) -> Any:
    # A text box reports as input only what keys typed: nothing pasted, nothing deleted.
    return component.change if isinstance(component, (gr.Textbox, gr.Number)) else component.input


def _quiet(**options: Any) -> dict[str, Any]:
    # Straight answers: the queue would add two more exchanges to each.
    return {"api_visibility": "private", "queue": False, **options}
