"""The Compare tab: is A better than B, by how much, and on which prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from tia2.errors import LeaderboardError, Tia2Error
from tia2.evaluation.comparing.verdict import METHODS

from ...data.board import Board
from ...data.boards import Live
from ...plots import differences, differences_words, pair_scatter, pair_scatter_words
from ...views.pairs import (
    choices,
    comparable,
    comparison,
    differences_sheet,
    disagreements,
    in_scope,
    prompt_door,
    suggested,
    verdict_of,
)
from ...views.rendering import macro
from ...views.sheets import Sheet
from ..address import pick
from ..markup import answer, heading, note, table
from ..parts import Choices, Later, Param, Query, Tab, chosen, figure_place
from ..pickers import metric_picker, restore_metric, restore_scope, scopes

if TYPE_CHECKING:
    from tia2.evaluation import Comparison

TEMPLATE = "compare.html"
POINTS = "A click on a point or bar leads to the prompt's images."
FEW = "There are fewer than two entries with values for every item, so there is nothing to compare yet."
LEGEND = (
    "Differences are A − B, paired prompt by prompt on the same resamples. Corrected p-values allow for the "
    f"models that rank below the better entry and aren't surely worse: the same p as on the Board. {METHODS}"
)


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    with gr.Row(elem_classes="tia2-controls"):
        a = gr.Dropdown(label="A", scale=3, min_width=240)
        b = gr.Dropdown(label="B", scale=3, min_width=240)
    with gr.Row(elem_classes="tia2-controls"):
        scope = gr.Radio(scopes(live.board()), label="Subset", scale=3, min_width=280)
        metric = metric_picker(live.board(), 140)
    verdict = gr.HTML()
    details, table_of, drawn = _details()

    def render(benchmark: str, first: str | None, second: str | None, by: str | None, part: str | None) -> list[Any]:
        board = live.board(benchmark)
        try:
            if len(comparable(board)) < 2:
                raise LeaderboardError(FEW)
            if not (first and second and by):
                raise LeaderboardError("Choose two entries to compare.")
            result = comparison(board, first, second, by)
            shown_first = in_scope(result, part or board.usual_scope, board)
        except Tia2Error as error:
            return [answer(str(error)), gr.update(visible=False), gr.skip()]
        shown = differences_sheet(result)
        return [
            answer(verdict_of(result, shown_first.main, board)) + _verdicts(result, shown_first.main.subset, board),
            gr.update(visible=True),
            table("Paired differences", shown.headers, shown.texts) + note(f"A: {result.a}. B: {result.b}. {LEGEND}"),
        ]

    def draw(benchmark: str, first: str | None, second: str | None, by: str | None, part: str | None) -> list[Any]:
        board = live.board(benchmark)
        if not (first and second and by):
            return [gr.skip()] * len(drawn)
        try:
            result = in_scope(comparison(board, first, second, by), part or board.usual_scope, board)
        except Tia2Error:  # `render` has said it.
            return [gr.skip()] * len(drawn)
        doors = [prompt_door(board, prompt, first, second) for prompt in result.prompts]
        return [
            pair_scatter(board, first, second, by, result.main.subset),
            note(f"{pair_scatter_words(board, first, second, by, result.main.subset)} {POINTS if any(doors) else ''}"),
            differences(result, doors),
            note(differences_words(result)),
            *(
                table(f"Where {name} is furthest ahead", sheet.headers, _with_doors(sheet, doors), texts=True)
                for name, sheet in zip("AB", disagreements(result), strict=True)
            ),
        ]

    return Tab(
        "compare",
        [
            Param("a", a, lambda board, query: _restore_entry(board, query, "a", 0), offers=_entries, kind="entry"),
            Param("b", b, lambda board, query: _restore_entry(board, query, "b", 1), offers=_entries, kind="entry"),
            Param("cm", metric, lambda board, query: restore_metric(board, query, "cm"), kind="metric"),
            Param("subset", scope, restore_scope, kind="subset"),
        ],
        render,
        [verdict, details, table_of],
        Later(draw, drawn),
    )


def _details() -> tuple[Any, Any, list[Any]]:
    """Make what stands below the verdict; return its column, the table, and what is drawn after that."""
    with gr.Column(visible=False) as details:
        table_of = gr.HTML()
        with gr.Row():
            with gr.Column(min_width=320):
                gr.HTML(heading("Every prompt"))
                scatter = figure_place("Every prompt")
                scatter_words = gr.HTML()
            with gr.Column(min_width=320):
                gr.HTML(heading("Differences, sorted"))
                bars = figure_place("Differences, sorted")
                bars_words = gr.HTML()
        with gr.Row():
            with gr.Column(min_width=320):
                gr.HTML(heading("Where A is furthest ahead"))
                ahead = gr.HTML()
            with gr.Column(min_width=320):
                gr.HTML(heading("Where B is furthest ahead"))
                behind = gr.HTML()
    return details, table_of, [scatter, scatter_words, bars, bars_words, ahead, behind]


def _verdicts(result: Comparison, shown: str, board: Board) -> str:
    rows = [(row.subset, verdict_of(result, row, board)) for row in result.differences if row.subset != shown]
    return macro(TEMPLATE, "verdicts", rows)


def _with_doors(sheet: Sheet, doors: Sequence[str]) -> list[list[str]]:
    """Return the rows of a table of prompts, whose texts lead to their images."""
    positions = map(int, sheet.ids)
    return [
        [macro(TEMPLATE, "prompt", texts[0], doors[position]), *texts[1:]]
        for position, texts in zip(positions, sheet.texts, strict=True)
    ]


def _entries(board: Board) -> Choices:
    return choices(comparable(board))


def _restore_entry(board: Board, query: Query, name: str, position: int) -> Any:
    offered = suggested(board)
    first = offered[position] if position < len(offered) else ""
    ids = [entry.id for entry in comparable(board)]
    # A link to an entry that is gone must not state a verdict about another one.
    return chosen(_entries(board), pick(query, name, ids, "" if query.get(name) else first) or None)
