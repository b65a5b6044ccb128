"""The Board tab: one row per model, and what is known of the one that was picked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ...data.board import Board
from ...data.boards import Live
from ...plots import best_of_n, best_of_n_words
from ...views.best_of_n import entries_beside
from ...views.board_table import BEST_OF_N as BEST_OF_N_COLUMN
from ...views.board_table import (
    PAGE,
    VALIDATED,
    all_chips,
    column_titles,
    incomplete_sheet,
    pages_of,
    sort_titles,
    usual_columns,
)
from ...views.model_table import UP, model_table
from ...views.rendering import macro
from ...views.sheets import Sheet
from ..address import as_text, pick, pick_many, pick_text
from ..detail import detail
from ..downloads import export_buttons
from ..markup import heading, note
from ..parts import Param, Query, Tab, chosen, figure_place
from ..pickers import entry_choices, metric_picker, restore_metric, restore_scope, scopes

TEMPLATE = "board.html"
NAMES = ("subset", "metric", "sort", "q", "chips", "columns", "rows", "entry")
LEGEND = (
    "One row per model, with the best of its entries; the others are folded under it. A figure leads to the images of "
    "the prompt on which the entry does worst. "
    "Figures are means over prompts with 95 % intervals. ranks: the ranks that an entry has in 95 % of the resamples. "
    "against the best: ≈ best where an entry is not separable from the best at 5 %, corrected for the models that may "
    "be it; else the corrected p. pooled: the metric over all items at once. In italics, for reference: upper bounds, "
    "whose settings saw the labels, and people."
)
LEGEND_OF_GAINS = (
    "validated: a generator was fine-tuned against the entry; gold gained at the peak, on images that had no part in "
    "choosing it, the KL divergence there, and what was lost from there to the end. best of n: people's mean score "
    "gained where the entry chooses the best of n of the benchmark's images, at the n where that peaks."
)
BEST_OF_N = (
    "People's mean score of the image that the entry likes best among n of a prompt's images, beside the best entries "
    "of the best other models, an image by chance, and the ceiling: people's own choice. Where a curve falls, "
    "optimising against the entry goes wrong even without training."
)
PAGES = 32
"""Pages of the table that a board remembers; each takes about 200 kB."""
APART = (
    "The best first, and not ranked, because values are missing for some items: figures are over the prompts that are "
    "covered."
)

SHOW_DETAILS = """
() => {
  if (performance.now() - (window.tia2Clicked ?? -Infinity) > 3000) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.querySelector("#tia2-detail")?.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "nearest" });
}
"""
"""After a click only: whoever walks through the table by keyboard stays there."""


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    board = live.board()
    with gr.Row(elem_classes="tia2-controls"):
        scope = gr.Radio(scopes(board), value=board.usual_scope, label="Subset", scale=3, min_width=280)
        metric = metric_picker(board)
        sort = gr.Dropdown(_choices(_orders(board)), value="rank", label="Sort by", scale=1, min_width=150)
    with gr.Row(elem_classes="tia2-controls"):
        search = gr.Textbox(label="Search", placeholder="name, licence, training data …", scale=2, min_width=220)
        chips = gr.Dropdown(all_chips(board), value=[], multiselect=True, label="Show only", scale=2, min_width=220)
    with gr.Accordion("Columns", open=False):
        columns = gr.CheckboxGroup(
            _choices(column_titles(board)), value=usual_columns(board), label="Columns", show_label=False
        )
    page = gr.Dropdown(page_choices(len(board)), value=1, label="Rows", visible=len(board) > PAGE, elem_id="tia2-page")
    state = gr.State({})
    table = gr.HTML(elem_id="tia2-board")
    gr.HTML(note(LEGEND) + note(LEGEND_OF_GAINS))
    with gr.Column(visible=False) as apart:
        gr.HTML(heading("Incomplete entries") + note(APART))
        partial = _grid()
    with gr.Column(elem_id="tia2-detail"):
        entry = gr.Dropdown([("", "")], value="", label="Details of", info="or select a row")
        about = gr.HTML()
        with gr.Column(visible=False) as chosen_best:
            gr.HTML(heading("The best of n images, chosen by it") + note(BEST_OF_N))
            curve = figure_place("Best of n", elem_classes="tia2-plot")
            curve_words = gr.HTML()
    of_entry = [about, chosen_best, curve, curve_words]
    export_buttons(live, state)

    def render(benchmark: str, *values: Any) -> list[Any]:
        board = live.board(benchmark)
        scope, metric, _, search, chips, columns, page, entry = values
        rest = incomplete_sheet(board, scope, metric, search=search or "", chips=chips or [], columns=columns or [])
        html, total = _page_of_models(live, board, values)
        view = {"benchmark": benchmark, "scope": scope, "metric": metric, "partial": rest.ids}
        return [
            html,
            _update(rest) if len(rest) else gr.skip(),
            gr.update(visible=len(rest) > 0), view, _update_pages(total, page or 1),
            *_of_entry(board, entry, scope),
        ]  # fmt: skip

    def render_detail(benchmark: str, *values: Any) -> list[Any]:
        return _of_entry(live.board(benchmark), values[-1], values[0])

    picked = _pick(live, partial, state, entry)
    return Tab(
        "board",
        [
            Param("subset", scope, restore_scope, kind="subset"),
            Param("metric", metric, restore_metric, kind="metric"),
            Param("sort", sort, _restore_sort, kind="order"),
            Param("q", search, lambda _, query: gr.update(value=pick_text(query, "q"))),
            Param("chips", chips, _restore_chips, kind="kind of entry"),
            Param("columns", columns, _restore_columns, kind="column"),
            Param("rows", page, _restore_page),
            Param(
                "entry",
                entry,
                _restore_entry,
                render_detail,
                of_entry,
                [picked.success],
                offers=_entries,
                kind="entry",
            ),
        ],
        render,
        [table, partial, apart, state, page, *of_entry],
        unfolded=lambda board, values, model: _unfolded(live, board, values, model),
    )


def _unfolded(live: Live, board: Board, values: Sequence[Any], model: str) -> str:
    table = _models(live, board, values, unfold=model)
    return "".join(macro(TEMPLATE, "variants", row, table) for row in table["rows"])


def _models(live: Live, board: Board, values: Sequence[Any], unfold: str = "") -> dict[str, Any]:
    """Return the table of models as the template takes it, or one of its rows, for the values of all controls."""
    scope, metric, sort, search, chips, columns, page, _ = values
    query = _query(live, board, dict(zip(NAMES, values, strict=True)))
    return model_table(
        board, scope, metric, query, search=search or "", chips=chips or [], columns=columns, sort=sort, page=page or 1,
        unfold=unfold,
    )  # fmt: skip


def _page_of_models(live: Live, board: Board, values: Sequence[Any]) -> tuple[str, int]:
    """Return the HTML of the table, and how many models all of its pages have; the same for all visitors who ask."""
    scope, metric, *rest, _ = values
    usual = live.board().benchmark.name

    def make() -> tuple[str, int]:
        full = _models(live, board, values)
        html = macro(TEMPLATE, "models", full, f"Models by {board.metric_titles[metric]}, {scope}")
        return macro(TEMPLATE, "whole", html, hashlib.sha256(html.encode()).hexdigest()[:12]), full["total"]

    # What choosing the best of n gains is looked for while the board is shown: it may be known the next time.
    if any(BEST_OF_N_COLUMN in as_text(value) for value in rest):
        return make()
    return board.remember("pages of models", (usual, *map(as_text, values[:-1])), make, PAGES)


def _of_entry(board: Board, name: str | None, scope: str) -> list[Any]:
    """Return what is shown of the entry that was picked: its card, and what choosing images by it gains."""
    if not name or name not in board.positions or board.best_of_n(board.positions[name], scope) is None:
        return [detail(board, name, scope), gr.update(visible=False), gr.skip(), gr.skip()]
    beside = entries_beside(board, name)
    figure, words = best_of_n(board, scope, beside), note(best_of_n_words(board, scope, beside))
    return [detail(board, name, scope), gr.update(visible=True), figure, words]


def _grid() -> gr.Dataframe:
    """Return the table of the incomplete entries."""
    return gr.Dataframe(
        interactive=False,
        label="Incomplete entries",
        show_label=False,
        max_height=320,
        elem_id="tia2-partial",
        elem_classes=["tia2-sheet", "tia2-pick"],
    )


def _query(live: Live, board: Board, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of the address that a view has; those of a first visit are left out."""
    usual = {
        "subset": board.usual_scope, "metric": board.usual_metric, "sort": "rank",
        "columns": as_text(usual_columns(board)), "rows": "1",
    }  # fmt: skip
    texts = {name: as_text(value) for name, value in values.items()}
    query = {name: text for name, text in texts.items() if text and text != usual.get(name) and name != "entry"}
    if board.benchmark.name != live.board().benchmark.name:
        query["benchmark"] = board.benchmark.name
    return query


def _pick(live: Live, partial: gr.Dataframe, state: gr.State, entry: gr.Dropdown) -> Any:
    """Return the event of selecting a row of the incomplete entries, which chooses it and scrolls to its details."""

    def picked(view: dict[str, Any], event: gr.SelectData) -> Any:
        ids, row = view.get("partial", []), event.index[0]
        return chosen(_entries(live.board(view["benchmark"])), ids[row]) if row < len(ids) else gr.skip()

    options: Any = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    selected = partial.select(picked, [state], [entry], **options)
    selected.success(None, None, None, js=SHOW_DETAILS, **options)
    return selected


def _choices(titles: dict[str, str]) -> list[tuple[str, str]]:
    return [(title, name) for name, title in titles.items()]


def _restore_sort(board: Board, query: Query) -> Any:
    titles = _orders(board)
    return gr.update(choices=_choices(titles), value=pick(query, "sort", titles, "rank"))


def _orders(board: Board) -> dict[str, str]:
    """Return what the table can be sorted by, both ways, as the menu calls it."""
    titles = {**sort_titles(board), **{f"in:{scope}": f"on {scope}" for scope in board.scopes}}
    return {**titles, **{f"{UP}{name}": f"{title}, the other way round" for name, title in titles.items()}}


def _restore_columns(board: Board, query: Query) -> Any:
    titles = column_titles(board)
    return gr.update(choices=_choices(titles), value=pick_many(query, "columns", titles, usual_columns(board)))


def page_choices(total: int) -> list[tuple[str, int]]:
    """Return which rows each page has, and its number.

    Example:
        >>> page_choices(120)
        [('1–50 of 120', 1), ('51–100 of 120', 2), ('101–120 of 120', 3)]
    """
    starts = range(0, max(total, 1), PAGE)
    return [(f"{start + 1:,}–{min(start + PAGE, total):,} of {total:,}", start // PAGE + 1) for start in starts]


def _update_pages(total: int, page: int) -> Any:
    return gr.update(choices=page_choices(total), value=min(max(page, 1), pages_of(total)), visible=total > PAGE)


def _restore_page(board: Board, query: Query) -> Any:
    pages = [str(number + 1) for number in range(pages_of(len(board)))]
    return gr.update(choices=page_choices(len(board)), value=int(pick(query, "rows", pages, "1")))


def _restore_entry(board: Board, query: Query) -> Any:
    return chosen(_entries(board), pick(query, "entry", board.positions, ""))


def _entries(board: Board) -> list[tuple[str, str]]:
    return [("", ""), *entry_choices(board)]


def _restore_chips(board: Board, query: Query) -> Any:
    chips = all_chips(board)
    return gr.update(choices=chips, value=pick_many(query, "chips", chips))


def _update(sheet: Sheet) -> Any:
    widths = [_WIDTHS.get(header, 84) for header in sheet.headers]
    widths[sheet.headers.index("what") + 1] = 172
    return gr.update(value=sheet.payload(), column_widths=[f"{width}px" for width in widths])


_WIDTHS = {
    "entry": 278, "what": 212, "pooled": 74, "items": 74, "Spearman ρ": 108, "Kendall τ-b": 104, "licence": 140,
    "training data": 360, "best of n": 178,
    **dict.fromkeys(VALIDATED.values(), 148),
}  # fmt: skip
