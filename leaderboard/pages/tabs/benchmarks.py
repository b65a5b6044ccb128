"""The Benchmarks tab: every model on every benchmark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from ...data.boards import Live
from ...exports.matrix import ALONE, WORDS, MatrixFigure, MatrixRow, by_model, headers, matrix
from ...views.formats import brackets, figure
from ...views.rendering import macro
from ..markup import heading, note
from ..parts import Tab

TEMPLATE = "benchmarks.html"
CHANCE = 0.5
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
    """Return the matrix of a leaderboard, as HTML: one row per model, its variants folded under it.

    Args:
        live: The boards.
    """
    boards = dict(live.boards)
    if len(boards) < 2:
        return str(heading(TITLE) + note(ALONE))
    titles = headers(boards)
    heads = [(title, f"?{urlencode({'benchmark': name})}") for title, name in zip(titles[1:-1], boards, strict=True)]
    rows = matrix(boards)
    shades = [_shade([row.cells[column] for row in rows]) for column in range(len(boards))]
    groups = [[_shown(row, list(boards), shades) for row in group] for group in by_model(rows)]
    return str(macro(TEMPLATE, "matrix", TITLE, WORDS, heads, titles[-1], groups))


def _shown(row: MatrixRow, names: Sequence[str], shades: Sequence[Callable[[float], str]]) -> dict[str, Any]:
    cells = [
        {
            "text": figure(cell.mean),
            "interval": brackets(cell.low, cell.high),
            "tint": shade(cell.mean),
            "link": f"?{urlencode({'benchmark': name, 'entry': entry})}#tia2-detail" if entry else "",
        }
        for cell, entry, name, shade in zip(row.cells, row.ids, names, shades, strict=True)
    ]
    overall = row.overall
    shown = {"text": figure(overall.mean), "interval": brackets(overall.low, overall.high)}
    return {"entry": row.entry, "model": row.model, "cells": cells, "overall": shown}


def _shade(cells: Sequence[MatrixFigure]) -> Callable[[float], str]:
    """Return what says how strongly a benchmark's figures are tinted: the best fully, those by chance not at all."""
    best = max((cell.mean for cell in cells if not math.isnan(cell.mean)), default=1.0)
    return lambda mean: "0" if math.isnan(mean) or best <= CHANCE else f"{max(mean - CHANCE, 0) / (best - CHANCE):.2f}"
