"""The best entries on one axis, with a bar over those that can't be told from the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tia2.figures.style import FONT_SIZE

from ..data.board import Board
from .rows import EntryRow, ranked_rows, title_of, where
from .style import INK, Trace, clean, empty, families, family_of, figure, one_line, safe, with_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TOP = 20
"""Number of entries at most."""
UNIT = 24
"""Pixels between two labels."""
BEST = ("best",)
STEP = 0.42
"""Space between two bars, in labels."""


def critical_difference(board: Board, scope: str, metric: str) -> Figure:
    """Return the best entries on the axis of the metric; a bar joins those not separable from the best.

    It is solid over consecutive entries, and dotted over entries between them that are surely worse.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rows = ranked_rows(board, scope, metric, TOP)
    if len(rows) < 2:
        return empty("This needs at least two complete entries.")
    bars = joined([BEST if row.like_best else () for row in rows])
    levels = _levels(bars)
    first = 0.7 + STEP * (max(levels, default=-1) + 1) + 0.6
    span = (rows[0].mean - rows[-1].mean) or 0.01
    left, right = rows[-1].mean - 0.6 * span, rows[0].mean + 0.6 * span
    half = len(rows) // 2
    sides = [
        (rows[: len(rows) - half], right, "top left"),
        (list(reversed(rows[len(rows) - half :])), left, "top right"),
    ]
    traces = [trace for side, edge, position in sides for trace in _labels(side, edge, position, first)]
    traces += _bars(bars, levels, rows)
    traces.append(_dots(rows, title_of(metric)))
    bottom = first + len(rows) - half - 0.4
    return figure(
        traces,
        int(UNIT * (bottom + 0.6)) + 60,
        xaxis={
            "title": f"{title_of(metric)}, {where(scope)}", "side": "top", "range": [left, right], "tickformat": ".3~g",
            "showline": True, "linecolor": INK, "ticks": "inside", "tickcolor": INK, "showgrid": False,
        },
        yaxis={"range": [bottom, 0], "visible": False},
        showlegend=False,
        margin={"l": 4, "r": 4, "t": 50, "b": 8},
    )  # fmt: skip


def critical_difference_words(board: Board, scope: str, metric: str) -> str:
    """Return what the diagram shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rows = ranked_rows(board, scope, metric, TOP)
    if len(rows) < 2:
        return "This needs at least two complete entries."
    bars = joined([BEST if row.like_best else () for row in rows])
    head = f"The {len(rows)} best entries by {title_of(metric)} {where(scope)}. "
    first = next((runs for runs in bars if runs[0][0] == 0), None)
    if first is None:
        return f"{head}{clean(rows[0].entry.name)} is better than all others shown, at 5 %, corrected."
    names = [clean(row.entry.name) for start, end in first for row in rows[start : end + 1] if row.rank > 1]
    return f"{head}Not separable from the best at 5 %, corrected, are {'; '.join(names)}."


def joined(groups: Sequence[Sequence[str]]) -> list[list[tuple[int, int]]]:
    """Return the bars: for each group that several entries share, the runs of consecutive entries that are in it.

    Args:
        groups: Names of the groups of each entry, best entry first.

    Returns:
        For each group, (first, last) of its runs.

    Example:
        >>> joined(["a", "ab", "b", "a"])
        [[(0, 1), (3, 3)], [(1, 2)]]
    """
    bars = []
    for name in dict.fromkeys(name for names in groups for name in names):
        members = [number for number, names in enumerate(groups) if name in names]
        if len(members) < 2:
            continue
        runs: list[tuple[int, int]] = []
        for number in members:
            if runs and runs[-1][1] == number - 1:
                runs[-1] = (runs[-1][0], number)
            else:
                runs.append((number, number))
        bars.append(runs)
    return bars


def _levels(bars: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """Return for each bar the first level on which it touches no other."""
    ends: list[int] = []
    levels = []
    for runs in sorted(bars, key=lambda runs: runs[0][0]):
        level = next((number for number, end in enumerate(ends) if end < runs[0][0]), len(ends))
        ends[level : level + 1] = [runs[-1][1]]
        levels.append(level)
    return levels


def _labels(rows: Sequence[EntryRow], edge: float, position: str, first: float) -> list[Trace]:
    x: list[float | None] = []
    y: list[float | None] = []
    for number, row in enumerate(rows):
        x += [row.mean, row.mean, edge, None]
        y += [0, first + number, first + number, None]
    words = [
        f"{row.rank}  {one_line(row.entry)}" if position.endswith("right") else f"{one_line(row.entry)}  {row.rank}"
        for row in rows
    ]
    return [
        {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": INK, "width": 1}, "hoverinfo": "skip"},
        {
            "type": "scatter", "mode": "text", "x": [edge] * len(rows),
            "y": [first + number for number in range(len(rows))], "text": words,
            "textposition": position, "textfont": {"size": FONT_SIZE}, "hoverinfo": "skip", "cliponaxis": False,
        },
    ]  # fmt: skip


def _bars(bars: Sequence[Sequence[tuple[int, int]]], levels: Sequence[int], rows: Sequence[EntryRow]) -> list[Trace]:
    thick: tuple[list[float | None], list[float | None]] = ([], [])
    thin: tuple[list[float | None], list[float | None]] = ([], [])
    for runs, level in zip(sorted(bars, key=lambda runs: runs[0][0]), levels, strict=True):
        height = 0.7 + STEP * level
        for start, end in runs:
            thick[0].extend([rows[start].mean, rows[end].mean, None])
            thick[1].extend([height, height, None])
        thin[0].extend([rows[runs[0][0]].mean, rows[runs[-1][1]].mean, None])
        thin[1].extend([height, height, None])
    styles = ((thin, {"width": 1.5, "dash": "dot"}, "lines"), (thick, {"width": 5}, "lines+markers"))
    return [
        {
            "type": "scatter", "mode": mode, "x": x, "y": y, "line": {"color": INK, **line}, "hoverinfo": "skip",
            "marker": {"size": 5, "color": INK},
        }
        for (x, y), line, mode in styles
    ]  # fmt: skip


def _dots(rows: Sequence[EntryRow], title: str) -> Trace:
    colours = families(row.entry for row in rows)
    return {
        "type": "scatter", "mode": "markers", "x": [row.mean for row in rows], "y": [0] * len(rows),
        "cliponaxis": False, "marker": {"size": 9, "color": [colours[family_of(row.entry)] for row in rows]},
        "hovertext": [
            f"{safe(row.entry.name)}<br>{title} {with_interval(row.mean, row.low, row.high)}<br>"
            f"rank {row.rank} ({row.rank_low} to {row.rank_high}), {safe(row.best)}"
            for row in rows
        ],
        "hoverinfo": "text",
    }  # fmt: skip
