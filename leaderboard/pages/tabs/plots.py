"""The Plots tab: one figure at a time, and what it shows in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from tia2.evaluation.metrics.pair_metrics import metric_named

from ... import plots
from ...data.board import Board
from ...data.boards import Live
from ...plots.rows import where
from ..address import pick, pick_many
from ..markup import figure_tools, heading, note
from ..parts import Param, Query, Tab, chosen
from ..pickers import entry_choices, metric_picker, restore_metric, restore_scope, scopes

USUAL, MOST = 4, 8


class Figure(NamedTuple):
    """A figure to choose.

    Attributes:
        title: Title in the list.
        draw: Takes board, scope, metric and ids of entries.
        words: Says what it shows; takes the same.
        by_entries: Whether it is of chosen entries, on every subset.
    """

    title: str
    draw: Callable[[Board, str, str, Sequence[str]], Any]
    words: Callable[[Board, str, str, Sequence[str]], str]
    by_entries: bool = False


def _of_scope(draw: Callable[[Board, str, str], Any]) -> Callable[[Board, str, str, Sequence[str]], Any]:
    return lambda board, scope, metric, ids: draw(board, scope, metric)  # noqa: ARG005


FIGURES = {
    "forest": Figure("Intervals", _of_scope(plots.forest), _of_scope(plots.forest_words)),
    "difference": Figure(
        "Against the best", _of_scope(plots.critical_difference), _of_scope(plots.critical_difference_words)
    ),
    "subsets": Figure(
        "Subsets",
        lambda board, scope, metric, ids: plots.categories(board, metric, ids),  # noqa: ARG005
        lambda board, scope, metric, ids: plots.categories_words(board, metric, ids),  # noqa: ARG005
        by_entries=True,
    ),
    "cost": Figure("Cost", _of_scope(plots.cost), _of_scope(plots.cost_words)),
    "arrows": Figure("Raw → TextNorm", _of_scope(plots.arrows), _of_scope(plots.arrows_words)),
}


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    board = live.board()
    with gr.Row(elem_classes="tia2-controls"):
        figure = gr.Radio(
            [(choice.title, name) for name, choice in FIGURES.items()],
            value="forest",
            label="Figure",
            scale=1,
            min_width=280,
        )
    with gr.Row(elem_classes="tia2-controls"):
        with gr.Column(min_width=280, scale=3) as by_scope:
            scope = gr.Radio(scopes(board), value=board.usual_scope, label="Subset")
        with gr.Column(min_width=280, scale=3, visible=False) as by_entries:
            entries = gr.Dropdown([], value=[], multiselect=True, max_choices=MOST, label=f"Entries, at most {MOST}")
        metric = metric_picker(board)
    title = gr.HTML()
    plot = gr.Plot(label="Figure", show_label=False, elem_classes="tia2-plot")
    tools = gr.HTML()
    words = gr.HTML()

    def render(benchmark: str, name: str, scope: str, metric: str, ids: list[str]) -> list[Any]:
        board, chosen = live.board(benchmark), FIGURES[name]
        listed = [choice for choice in ids or [] if choice in board.positions]
        what = f"{chosen.title}: {metric_named(metric).title}{'' if chosen.by_entries else f' {where(scope)}'}"
        return [
            heading(what),
            figure_tools(what),
            chosen.draw(board, scope, metric, listed),
            note(chosen.words(board, scope, metric, listed)),
            gr.update(visible=not chosen.by_entries),
            gr.update(visible=chosen.by_entries),
        ]

    return Tab(
        "plots",
        [
            Param(
                "figure",
                figure,
                lambda _, query: gr.update(value=pick(query, "figure", FIGURES, "forest")),
                kind="figure",
            ),
            Param("subset", scope, restore_scope, kind="subset"),
            Param("metric", metric, restore_metric, kind="metric"),
            Param("entries", entries, _restore_entries, offers=entry_choices, kind="entry"),
        ],
        render,
        [title, tools, plot, words, by_scope, by_entries],
    )


def _restore_entries(board: Board, query: Query) -> Any:
    means = board.estimate(board.usual_scope, board.usual_metric)[board.ranked]
    best = board.ranked[np.argsort(-means, kind="stable")[:USUAL]]
    usual = [board.entries[number].id for number in best]
    offered = entry_choices(board)
    return chosen(offered, pick_many(query, "entries", [name for _, name in offered], usual)[:MOST])
