"""The Benchmarks tab: every model on every benchmark."""

from __future__ import annotations

import gradio as gr

from ...data.boards import Live
from ...exports.matrix import ALONE, WORDS, headers, matrix
from ..markup import heading, note, table
from ..parts import Tab

TITLE = "Models on every benchmark"


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    shown = gr.HTML(elem_id="tia2-matrix")

    def render(benchmark: str) -> list[str]:
        del benchmark
        return [matrix_html(live)]

    return Tab("benchmarks", [], render, [shown])


def matrix_html(live: Live) -> str:
    """Return the matrix of a leaderboard, as HTML.

    Args:
        live: The boards.
    """
    boards = dict(live.boards)
    if len(boards) < 2:
        return str(heading(TITLE) + note(ALONE))
    rows = [[row.entry, *(cell.text for cell in row.cells), row.overall.text] for row in matrix(boards)]
    return str(heading(TITLE) + note(WORDS) + table(TITLE, headers(boards), rows, texts=True))
