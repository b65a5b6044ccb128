"""How every tab restores what the address says, shows it, and writes into the address what a visitor changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import gradio as gr
from gradio.events import api

from ..data.board import Board
from ..data.boards import Live
from ..views.rendering import macro
from .address import READY, SHOWN, STAY, as_text, parse, pick, unknown, writer
from .filling import asked, draw_after, rendered
from .menus import fill_when_opened, long_menus, offer_again, still_filled
from .parts import Frame, Param, Query, Tab, quiet

LONGEST_SAID = 80


class MountedTab(NamedTuple):
    """A tab's contract together with the component that visitors select."""

    tab: Tab
    item: Any


class Missing(NamedTuple):
    """Something that an address asks for and that isn't there.

    Attributes:
        name: Name of the parameter.
        kind: Name of its kind, such as entry.
        text: Value that was asked for.
        options: Values that there are.
        shown: Value that the address gets instead; empty to leave the parameter out.
    """

    name: str
    kind: str
    text: str
    options: Sequence[str]
    shown: str


def missing_values(
    tab: Tab, board: Board, query: Query, updates: Sequence[Any], values: Sequence[Any]
) -> list[Missing]:
    """Return what the address asks of a tab's controls that isn't there."""
    missing = []
    for param, update, value in zip(tab.params, updates, values, strict=True):
        if not param.kind or param.name not in query:
            continue
        choices = param.offers(board) if param.offers else update.get("choices") or param.component.choices
        options = [str(choice[1] if isinstance(choice, (tuple, list)) else choice) for choice in choices]
        missing += [
            Missing(param.name, param.kind, text, options, as_text(value))
            for text in unknown(query, param.name, value, options)
        ]
    return missing


def missing_words(missing: Sequence[Missing], query: Query) -> str:
    """Return what isn't there, with links to what was perhaps meant, as HTML."""
    lines = []
    for part in missing:
        close = get_close_matches(part.text, part.options, n=3, cutoff=0.4)
        links = [(f"?{urlencode({**query, part.name: option})}", option) for option in close]
        lines.append((part.kind, part.text[:LONGEST_SAID], links))
    return macro("app.html", "missing", lines) if lines else ""


def restore(tab: Tab, board: Board, query: Query) -> tuple[list[Any], list[Any], dict[str, str]]:
    """Return updates of a tab's controls, their values, and as text those that the address leaves out."""
    updates = [param.restore(board, query) for param in tab.params]
    values = [_value(param, update) for param, update in zip(tab.params, updates, strict=True)]
    first = {}
    for param, value in zip(tab.params, values, strict=True):
        if param.name in query:
            rest = {name: text for name, text in query.items() if name != param.name}
            first[param.name] = as_text(_value(param, param.restore(board, rest)))
        else:
            first[param.name] = as_text(value)
    return updates, values, first


def visit(
    live: Live,
    tabs: Sequence[MountedTab],
    notice: Callable[[Board], str],
    query: Query,
    refill: Callable[[Board, Tab, list[Any], list[Any]], list[Any]] = lambda _, __, updates, ___: updates,
) -> list[Any]:
    """Return one update for each output of `everything`: the tab that the address names, shown; others left alone.

    Args:
        live: The boards.
        tabs: The tabs.
        notice: Returns what is said of a board above its tabs.
        query: The page's address.
        refill: Returns the updates of a tab's controls, for the board, the tab, the updates and the values, with what
            menus that were opened meanwhile offer.
    """
    board = live.board(query.get("benchmark"))
    name = board.benchmark.name
    ids = [tab.id for tab, _ in tabs]
    here = pick(query, "tab", ids, tabs[0].tab.id)
    missing = [
        Missing(key, kind, text, options, "")
        for key, kind, options, value in (
            ("benchmark", "benchmark", list(live.boards), name),
            ("tab", "tab", ids, here),
        )
        for text in unknown(query, key, value, options)
    ]
    benchmarks = [(listed.benchmark.title, key) for key, listed in live.boards.items()]
    updates: list[Any] = [
        gr.update(choices=benchmarks, value=name, visible=len(benchmarks) > 1),
        notice(board),
        gr.update(selected=here),
    ]
    first: dict[str, str] = {}
    values: list[Any] = []
    for tab, _ in tabs:
        if tab.id == here:
            controls, values, first = restore(tab, board, query)
            missing += missing_values(tab, board, query, controls, values)
            outputs = rendered(tab.render, len(tab.outputs), name, values)
            updates += [*refill(board, tab, controls, values), *outputs]
        else:
            updates += [gr.skip()] * (len(tab.params) + len(tab.outputs))
    updates.insert(2, missing_words(missing, query))
    return [*updates, _first(live, tabs, here, first, board, missing), asked(here, name, values)]


def wire(app: gr.Blocks, live: Live, tabs: Sequence[MountedTab], frame: Frame, notice: Callable[[Board], str]) -> None:
    """Connect everything; call it inside the app's context, after the tabs."""
    everything = [
        frame.benchmark,
        frame.notice,
        frame.missing,
        frame.tabs,
        *(part for tab, _ in tabs for part in (*(param.component for param in tab.params), *tab.outputs)),
        frame.first,
        frame.asked,
    ]

    def refill(visitor: gr.Request) -> Callable[[Board, Tab, list[Any], list[Any]], list[Any]]:
        return partial(still_filled, visitor.session_hash, frame)

    def load(visitor: gr.Request) -> list[Any]:
        return visit(live, tabs, notice, dict(visitor.query_params), refill(visitor))

    def change_benchmark(visitor: gr.Request, address: str, benchmark: str, _: str) -> list[Any]:
        if address == STAY:
            return [gr.skip()] * len(everything)
        frame.menus.forget(visitor.session_hash)
        return visit(live, tabs, notice, {**parse(address), "benchmark": benchmark}, refill(visitor))

    loaded = app.load(load, None, everything, **quiet(frame))
    ready = loaded.success(None, [frame.first], None, js=READY, **quiet(frame))
    changed = frame.benchmark.input(
        change_benchmark,
        [frame.address, frame.benchmark, frame.first],
        everything,
        js=writer(["benchmark"]),
        **quiet(frame),
    )
    changed.success(None, [frame.first], None, js=SHOWN, **quiet(frame))
    for mounted in tabs:
        selected = _wire_tab(live, mounted, tabs, frame)
        selected.success(None, [frame.first], None, js=SHOWN, **quiet(frame))
        draw_after(selected, live, [mounted.tab], frame)
        fill_when_opened(live, mounted.tab, frame)
    for event in (ready, changed):
        draw_after(event, live, [tab for tab, _ in tabs], frame)


def add_variants(live: Live, tab: Tab) -> dict[str, Callable[..., Any]]:
    """Register what the page asks for when a folded row is opened; call it inside the app's context.

    Args:
        live: The boards.
        tab: The tab that has such rows.

    Returns:
        The function by its name.
    """

    def variants(address: str, model: str) -> str:
        """Show a model's other entries as rows of the page's table, for what the page's address says."""
        query, rows = parse(str(address)), tab.unfolded
        board = live.board(query.get("benchmark"))
        _, values, _ = restore(tab, board, query)
        return rows(board, values, str(model)) if rows else ""

    api(variants, api_name="variants", api_visibility="undocumented", queue=False)
    return {"variants": variants}


def _wire_tab(live: Live, mounted: MountedTab, tabs: Sequence[MountedTab], frame: Frame) -> Any:
    tab, item = mounted
    names = [param.name for param in tab.params]
    controls = [param.component for param in tab.params]

    def select(visitor: gr.Request, address: str, benchmark: str, _: str) -> list[Any]:
        if address == STAY:
            return [gr.skip()] * (len(controls) + len(tab.outputs) + 3)
        board, query = live.board(benchmark), parse(address)
        updates, values, first = restore(tab, board, query)
        missing = missing_values(tab, board, query, updates, values)
        name = board.benchmark.name
        outputs = rendered(tab.render, len(tab.outputs), name, values)
        # Last, since a menu may be opened meanwhile.
        updates = still_filled(visitor.session_hash, frame, board, tab, updates, values)
        shown = _first(live, tabs, tab.id, first, board, missing)
        return [*updates, *outputs, missing_words(missing, query), shown, asked(tab.id, name, values)]

    selected = item.select(
        select,
        [frame.address, frame.benchmark, frame.first],
        [*controls, *tab.outputs, frame.missing, frame.first, frame.asked],
        js=writer(["benchmark"], tab.id, selects=True),
        **quiet(frame),
    )
    inputs = [frame.address, frame.benchmark, *controls, frame.first]
    for param in tab.params:
        render, outputs = (param.render, param.outputs) if param.render else (tab.render, tab.outputs)

        def change(
            visitor: gr.Request,
            address: str,
            benchmark: str,
            *values: Any,
            render: Callable[..., Any] = render,
            count: int = len(outputs),
            name_of_part: str = param.name if param.render else "",
        ) -> list[Any]:
            nothing = [gr.skip()] * (count + 1)
            if address == STAY:
                return nothing
            whole, part = (visitor.session_hash, tab.id, ""), (visitor.session_hash, tab.id, name_of_part)
            number = frame.questions.ask(part)
            name = live.board(benchmark).benchmark.name
            answer = [*rendered(render, count, name, values[:-1]), asked(tab.id, name, values[:-1])]
            return answer if all(frame.questions.is_latest(asked_of, number) for asked_of in (part, whole)) else nothing

        for event in (_event(param.component), *param.after):
            changed = event(
                change,
                inputs,
                [*outputs, frame.asked],
                js=writer(["benchmark", *names], tab.id),
                **quiet(frame, trigger_mode="always_last"),
            )
            if not param.render:
                draw_after(changed, live, [tab], frame)
            for menu in long_menus(tab):
                if menu.offers_by == param.name:
                    offer_again(changed.success, live, tab, menu, frame)
        for event in param.after if param.offers else ():
            offer_again(event, live, tab, param, frame)
    return selected


def _first(
    live: Live,
    tabs: Sequence[MountedTab],
    here: str,
    of_tab: Mapping[str, str],
    board: Board,
    missing: Sequence[Missing],
) -> str:
    first = {"benchmark": live.board().benchmark.name, "tab": tabs[0].tab.id, **of_tab}
    fixed = {part.name: "" if part.shown == first.get(part.name) else part.shown for part in missing}
    title = next(str(item.label) for tab, item in tabs if tab.id == here)
    shown = {"here": here, "title": f"{title} · {board.benchmark.title} · {live.store.name}", "fixed": fixed}
    return json.dumps({**first, **shown})


def _value(param: Param, update: Any) -> Any:
    return update.get("value", param.component.value)


def _event(component: Any) -> Any:
    # A text box reports as input only what keys typed: nothing pasted, nothing deleted.
    return component.change if isinstance(component, (gr.Textbox, gr.Number)) else component.input
