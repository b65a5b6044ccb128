"""Controls that several tabs share: which subset, which metric, and how an address sets them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..data.board import Board
from .address import pick
from .parts import Query


def metric_choices(board: Board) -> list[tuple[str, str]]:
    """Return titles and names of a board's metrics, as a dropdown takes them."""
    return [(title, name) for name, title in board.metric_titles.items()]


def metric_picker(board: Board, min_width: int = 150) -> gr.Dropdown:
    """Return a menu of a board's metrics."""
    return gr.Dropdown(metric_choices(board), value=board.usual_metric, label="Metric", scale=1, min_width=min_width)


def scopes(board: Board) -> list[str]:
    """Return the scopes, with the one that is shown first in front."""
    return [board.usual_scope, *(scope for scope in board.scopes if scope != board.usual_scope)]


def restore_scope(board: Board, query: Query, name: str = "subset") -> Any:
    """Return an update of a control for the scope.

    Args:
        board: The board.
        query: The page's address.
        name: The parameter's name in the address.
    """
    return gr.update(choices=scopes(board), value=pick(query, name, board.scopes, board.usual_scope))


def restore_metric(board: Board, query: Query, name: str = "metric") -> Any:
    """Return an update of a control for the metric.

    Args:
        board: The board.
        query: The page's address.
        name: The parameter's name in the address.
    """
    return gr.update(choices=metric_choices(board), value=pick(query, name, board.metrics, board.usual_metric))


def entry_choices(board: Board) -> list[tuple[str, str]]:
    """Return every entry's name and id, by name."""
    return sorted((entry.name, entry.id) for entry in board.entries)
