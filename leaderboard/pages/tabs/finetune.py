"""The Fine-tuning tab: what optimising against entries did, by training and by choosing the best of n."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from tia2.errors import Tia2Error

from ...data.board import Board
from ...data.board_runs import BoardRun
from ...data.boards import Live
from ...plots import best_of_n, best_of_n_words, empty, run_curve, run_curve_words
from ...views.best_of_n import MOST, best_of_n_sheet, entries_with_curves, usual_entries
from ...views.pairs import choices
from ...views.rendering import macro
from ...views.runs import (
    alarm_rows,
    alarm_words,
    cross_rewards,
    prompt_samples,
    run_facts,
    run_of,
    runs_in_order,
)
from ..address import pick, pick_many
from ..markup import answer, facts, heading, note, table
from ..parts import Choices, Later, Param, Query, Tab, chosen, figure_place
from ..pickers import restore_scope, scopes

TEMPLATE = "finetune.html"
AGAINST = {"distance": "distance from the base model", "steps": "optimiser steps"}
GRID = (
    "Test images, which had no part in choosing the peak, of the prompts whose gold fell furthest; the same seeds in "
    "every strip. Green frame: the gold judge accepts the image; red: it doesn't; grey: it gives no yes or no."
)
MATRIX = (
    "Gain at the end over the base model on the test images of the training prompts, in each judge's own unit, for all "
    "runs with this budget. Framed: what the run was trained on. A reward that can be trusted gains where gold gains."
)
STATISTICS = (
    "Cheap statistics that catch a collapse which no reward reports. The range is that of the base model's images, "
    "four standard errors wide on either side."
)
BEST_OF_N = (
    "The plainest way to optimise against an entry: choose the image that it likes best among n. It needs no training, "
    "so it is known for every entry with score tables, on the benchmark's own images and people's votes."
)


class RunParts(NamedTuple):
    """Components that show one run.

    Attributes:
        details: The column around all of them.
        run: Menu of runs.
        against: Choice of the horizontal axis.
        said: The verdict, words about the curves, the matrix, statistics, and facts, in this order.
        drawn: Curves of gold and proxy, and the images.
    """

    details: Any
    run: Any
    against: Any
    said: list[Any]
    drawn: list[Any]


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    said = gr.HTML()
    shown = _run_parts()
    gr.HTML(heading("Best of n, without training") + note(BEST_OF_N))
    with gr.Row(elem_classes="tia2-controls"):
        entries = gr.Dropdown(
            [], value=[], multiselect=True, max_choices=MOST, label=f"Entries, at most {MOST}", scale=3, min_width=280
        )
        scope = gr.Radio(scopes(live.board()), label="Subset", scale=2, min_width=280)
    plot = figure_place("Best of n", elem_classes="tia2-plot")
    plot_words = gr.HTML()

    def render(benchmark: str, name: str | None, _: str | None, ids: Any, part: str | None) -> list[Any]:
        board = live.board(benchmark)
        chosen_run, curves = run_of(board, name), _best_of_n(board, ids, part)
        refused = macro(TEMPLATE, "problems", list(board.run_problems.items())) if board.run_problems else Markup()
        if chosen_run is None:
            return [macro(TEMPLATE, "empty") + refused, gr.update(visible=False), "", "", "", "", "", *curves]
        return [
            refused,
            gr.update(visible=True),
            answer(chosen_run.report.verdict),
            note(run_curve_words(chosen_run)),
            _matrix(board, chosen_run),
            _statistics(chosen_run),
            facts(run_facts(board, chosen_run)),
            *curves,
        ]

    def redraw(benchmark: str, name: str | None, axis: str | None, *_: Any) -> list[Any]:
        chosen_run = run_of(live.board(benchmark), name)
        if chosen_run is None:
            return [gr.skip(), gr.skip()]
        return [run_curve(chosen_run, role, axis if axis in AGAINST else "distance") for role in ("gold", "proxy")]

    def draw(benchmark: str, name: str | None, *rest: Any) -> list[Any]:
        board = live.board(benchmark)
        chosen_run = run_of(board, name)
        if chosen_run is None:
            return [gr.skip()] * 3
        try:
            samples = macro(TEMPLATE, "samples", prompt_samples(board, chosen_run))
        except Tia2Error as error:
            samples = note(str(error))
        return [*redraw(benchmark, name, *rest), samples]

    def choose(benchmark: str, _: Any, __: Any, ids: Any, part: str | None) -> list[Any]:
        return _best_of_n(live.board(benchmark), ids, part)

    return Tab(
        "finetune",
        [
            Param("run", shown.run, _restore_run, offers=_runs, kind="run"),
            Param("fx", shown.against, _restore_against, redraw, shown.drawn[:2], kind="axis"),
            Param("fe", entries, _restore_entries, choose, [plot, plot_words], offers=_entries, kind="entry"),
            Param(
                "fs",
                scope,
                lambda board, query: restore_scope(board, query, "fs"),
                choose,
                [plot, plot_words],
                kind="subset",
            ),
        ],
        render,
        [said, shown.details, *shown.said, plot, plot_words],
        Later(draw, shown.drawn),
    )


def _run_parts() -> RunParts:
    """Make the components that show one run, inside the tab that is being built."""
    with gr.Column(visible=False) as details:
        with gr.Row(elem_classes="tia2-controls"):
            run = gr.Dropdown(label="Run", scale=3, min_width=280)
            against = gr.Radio(
                [(title, name) for name, title in AGAINST.items()],
                value="distance",
                label="Curves against",
                scale=2,
                min_width=280,
            )
        verdict = gr.HTML()
        with gr.Row():
            with gr.Column(min_width=320):
                gr.HTML(heading("Gold"))
                gold = figure_place("Gold along the run")
            with gr.Column(min_width=320):
                gr.HTML(heading("Proxy"))
                proxy = figure_place("Proxy along the run")
        words = gr.HTML()
        gr.HTML(heading("The same prompts and seeds along the run") + note(GRID))
        grid = gr.HTML()
        gr.HTML(heading("Trained on, judged by") + note(MATRIX))
        matrix = gr.HTML()
        gr.HTML(heading("Image statistics"))
        statistics = gr.HTML()
        gr.HTML(heading("About the run"))
        about = gr.HTML()
    return RunParts(details, run, against, [verdict, words, matrix, statistics, about], [gold, proxy, grid])


def _matrix(board: Board, run: BoardRun) -> Markup:
    shown = cross_rewards(board, run)
    rows = list(zip(shown.runs, shown.cells, strict=True))
    return macro(TEMPLATE, "matrix", "Trained on, judged by", shown.judges, rows)


def _statistics(run: BoardRun) -> Markup:
    headers = ["statistic", "base model's range", "at the end", "alarms at epochs"]
    return answer(alarm_words(run)) + table("Image statistics", headers, alarm_rows(run)) + note(STATISTICS)


def _best_of_n(board: Board, ids: Any, scope: str | None) -> list[Any]:
    listed = [name for name in ids if name in board.positions] if isinstance(ids, list) else usual_entries(board)
    part = scope if scope in board.scopes else board.usual_scope
    try:
        figure, words = best_of_n(board, part, listed), best_of_n_words(board, part, listed)
        shown = best_of_n_sheet(board, part, listed)
    except Tia2Error as error:
        return [empty(str(error)), note(str(error))]
    return [figure, note(words) + table("People's mean score of the best of n", shown.headers, shown.texts)]


def _runs(board: Board) -> Choices:
    return [(run.title, run.id) for run in runs_in_order(board)]


def _restore_run(board: Board, query: Query) -> Any:
    offered = _runs(board)
    ids = [name for _, name in offered]
    return chosen(offered, pick(query, "run", ids, ids[0] if ids else "") or None)


def _restore_against(_: Board, query: Query) -> Any:
    return gr.update(value=pick(query, "fx", AGAINST, "distance"))


def _entries(board: Board) -> Choices:
    return choices(board.entry(name) for name in entries_with_curves(board))


def _restore_entries(board: Board, query: Query) -> Any:
    offered = _entries(board)
    return chosen(offered, pick_many(query, "fe", [name for _, name in offered], usual_entries(board))[:MOST])
