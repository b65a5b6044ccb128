"""Entries side by side on every subset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.board import Board
from ..views.model_table import CHANCE
from .rows import title_of
from .style import CLEAR, INK, PALETTE, Trace, clean, empty, error_bars, figure, one_line, safe, with_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST = 8


def categories(board: Board, metric: str, ids: Sequence[str]) -> Figure:
    """Return a group of bars for every subset, one bar per entry, from chance, with intervals and the noise ceiling.

    Args:
        board: The board.
        metric: One of the metrics.
        ids: Ids of entries; the first eight are shown.

    Raises:
        UnknownNameError: The board has no such metric or entry.
    """
    board.check(board.scopes[-1], metric)
    positions = _positions(board, ids)
    if not positions:
        return empty("Choose up to eight entries to see them side by side on every subset.")
    scopes = [safe(scope, 20) for scope in board.scopes]
    chance = CHANCE.get(metric, 0.0)
    traces: list[Trace] = []
    for number, position in enumerate(positions):
        entry, colour = board.entries[position], PALETTE[number]
        means, lows, highs = (
            [float(board.estimate(scope, metric, name)[position]) for scope in board.scopes]
            for name in ("mean", "low", "high")
        )
        traces.append(
            {
                "type": "bar", "name": one_line(entry), "x": scopes, "base": chance,
                "y": [mean - chance for mean in means],
                "marker": {"color": CLEAR if entry.upper_bound else colour, "line": {"color": colour, "width": 1.5}},
                "error_y": error_bars(means, lows, highs, INK) | {"thickness": 1.5},
                "hovertext": [
                    f"{safe(entry.name)}<br>{scope}: {with_interval(mean, low, high)}"
                    for scope, mean, low, high in zip(scopes, means, lows, highs, strict=True)
                ],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    traces += _ceiling(board, metric, scopes)
    return figure(
        traces,
        420 + 8 * len(positions),
        legend={"orientation": "h", "x": 0, "y": -0.1, "yanchor": "top"},
        xaxis={"showgrid": False, "automargin": True},
        yaxis={
            "title": f"{title_of(metric)}, bars from {'chance' if metric in CHANCE else 'zero'}",
            "tickformat": ".3~g",
        },
        shapes=[
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": chance,
                "y1": chance,
                "line": {"color": INK, "width": 1},
            }
        ],
        barmode="group",
        bargap=0.25,
        showlegend=True,
        margin={"l": 8, "r": 8, "t": 12, "b": 60},
    )


def categories_words(board: Board, metric: str, ids: Sequence[str]) -> str:
    """Return what the bars show: for every subset, which of the entries is highest, leaving out upper bounds.

    Raises:
        UnknownNameError: The board has no such metric or entry.
    """
    board.check(board.scopes[-1], metric)
    positions = [position for position in _positions(board, ids) if not board.entries[position].upper_bound]
    if not positions:
        return "No entries chosen but upper bounds." if ids else "No entries chosen."
    parts = []
    for scope in board.scopes:
        means = board.estimate(scope, metric)[positions]
        if np.isfinite(means).any():
            best = int(np.nanargmax(means))
            parts.append(f"{scope} {clean(board.entries[positions[best]].name)} with {means[best]:.3f}")
    entries = "entry" if len(positions) == 1 else "entries"
    return f"{title_of(metric)} of {len(positions)} {entries}, highest on {'; '.join(parts)}."


def _positions(board: Board, ids: Sequence[str]) -> list[int]:
    return [board.positions[board.entry(name).id] for name in dict.fromkeys(ids)][:MOST]


def _ceiling(board: Board, metric: str, scopes: Sequence[str]) -> list[Trace]:
    if board.people is None:
        return []
    ceilings = [board.people[scope].ceiling.get(metric) if scope in board.people else None for scope in board.scopes]
    means = [float("nan") if ceiling is None else ceiling.mean for ceiling in ceilings]
    return [
        {
            "type": "scatter", "mode": "markers", "name": "noise ceiling", "x": list(scopes), "y": means,
            "marker": {"symbol": "line-ew-open", "size": 34, "color": INK, "line": {"width": 2}},
            "hovertext": [f"noise ceiling<br>{scope}: {mean:.3f}" for scope, mean in zip(scopes, means, strict=True)],
            "hoverinfo": "text",
        }
    ]  # fmt: skip
