"""The forest plot: every entry's figure with its interval, between what people reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.evaluation.summary import ANNOTATOR, CEILING

from ..data.board import Board
from .rows import Row, bound_rows, ranked_rows, title_of, where
from .style import (
    CLEAR,
    GRID,
    INK,
    KINDS,
    Trace,
    clean,
    cut,
    empty,
    error_bars,
    figure,
    interval,
    kind_of,
    note,
    safe,
    two_lines,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from tia2.evaluation.result import Estimate

ROW = 36
GAP = 0.6
"""Between the ranked entries and the upper bounds, in rows."""


def forest(board: Board, scope: str, metric: str, top: int = 30) -> Figure:
    """Return the ranked entries, best first, then the upper bounds, with intervals and pooled figures.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        top: How many ranked entries; of the upper bounds, a third as many.

    Raises:
        UnknownNameError: The board has no such scope or metric.

    Example:
        >>> forest(board, "overall", "auroc").write_html("forest.html")  # doctest: +SKIP
    """
    ranked, bounds = ranked_rows(board, scope, metric, top), bound_rows(board, scope, metric, max(top // 3, 1))
    if not ranked and not bounds:
        return empty("No complete entry yet. Entries appear here once they have a value for every item.")
    shift = len(ranked) + (GAP if ranked else 0)
    places = {row.entry.id: float(number) for number, row in enumerate(ranked)}
    places |= {row.entry.id: number + shift for number, row in enumerate(bounds)}
    rows = [*ranked, *bounds]
    people = _people(board, scope, metric)
    left, right = _range(rows, people)
    bottom = max(places.values()) + 0.8
    shapes, labels = _bands(people)
    letters = [row for row in ranked if row.group]
    head = (
        [note("group", 1, 1, xanchor="right", xshift=34, yanchor="bottom", yshift=2, font={"size": 10})]
        if letters
        else []
    )
    traces = _traces(ranked, bounds, places, title_of(metric))
    if letters:
        traces.append(_letters(letters, places, right))
    return figure(
        traces,
        int(ROW * (bottom + 0.7)) + 150,
        xaxis={"title": f"{title_of(metric)}, {where(scope)}", "range": [left, right], "tickformat": ".3~g"},
        yaxis={
            "range": [bottom, -0.7],
            "tickvals": list(places.values()),
            "ticktext": [two_lines(row.entry) for row in rows],
            "gridcolor": "rgba(128, 134, 145, 0.12)",
        },
        shapes=shapes,
        annotations=[*labels, *head],
        margin={"l": 8, "r": 44, "t": 40, "b": 80},
    )


def forest_words(board: Board, scope: str, metric: str, top: int = 30) -> str:
    """Return what the forest plot shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    del top
    ranked = ranked_rows(board, scope, metric)
    if not ranked:
        return "No complete entry yet."
    first = ranked[0]
    same = sum(bool(set(row.groups) & set(first.groups)) for row in ranked[1:])
    found = (
        f"By {title_of(metric)} {where(scope)}, {clean(first.entry.name)} is first of {len(ranked)} ranked entries "
        f"with {interval(first.mean, first.low, first.high)}; {same} of the others share its group."
    )
    people = [f"{name} {interval(one.mean, one.low, one.high)}" for name, one in _people(board, scope, metric).items()]
    return found + (f" People: {', '.join(people)}." if people else "")


def _people(board: Board, scope: str, metric: str) -> dict[str, Estimate]:
    if board.people is None or scope not in board.people:
        return {}
    found = board.people[scope]
    both = {CEILING: found.ceiling.get(metric), ANNOTATOR: found.annotator.get(metric)}
    return {name: one for name, one in both.items() if one is not None and one.mean == one.mean}


def _range(rows: list[Row], people: dict[str, Estimate]) -> tuple[float, float]:
    numbers = [
        number for row in rows for number in (row.mean, row.low, row.high, row.pooled, row.pooled_low, row.pooled_high)
    ]
    numbers += [number for one in people.values() for number in (one.mean, one.low, one.high)]
    known = [number for number in numbers if number == number]
    pad = 0.04 * (max(known) - min(known)) or 0.05
    return min(known) - pad, max(known) + pad


def _bands(people: dict[str, Estimate]) -> tuple[list[Trace], list[Trace]]:
    shapes: list[Trace] = []
    labels = []
    for number, (name, one) in enumerate(people.items()):
        tall = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
        if one.low == one.low and one.high == one.high:
            shapes.append(
                {
                    "type": "rect",
                    "x0": one.low,
                    "x1": one.high,
                    "fillcolor": GRID,
                    "line": {"width": 0},
                    "opacity": 0.6,
                    **tall,
                }
            )
        shapes.append(
            {"type": "line", "x0": one.mean, "x1": one.mean, "line": {"color": INK, "width": 1, "dash": "dash"}, **tall}
        )
        height = {"xref": "x", "yanchor": "bottom", "yshift": 16 - 14 * number, "font": {"size": 10}}
        labels.append(note(name, one.mean, 1, **height))
    return shapes, labels


def _traces(ranked: list[Row], bounds: list[Row], places: dict[str, float], title: str) -> list[Trace]:
    traces = []
    for kind, colour in KINDS.items():
        if chosen := [row for row in ranked if kind_of(row.entry) == kind]:
            traces.append(_dots(chosen, places, title, kind, colour, colour))
    for kind, colour in KINDS.items():
        if chosen := [row for row in bounds if kind_of(row.entry) == kind]:
            name = "upper bound, no result" if len(chosen) == len(bounds) else f"{kind}, upper bound, no result"
            traces.append(_dots(chosen, places, title, name, colour, CLEAR))
    pooled = [row for row in (*ranked, *bounds) if row.pooled == row.pooled]
    means = [row.pooled for row in pooled]
    bars = error_bars(means, [row.pooled_low for row in pooled], [row.pooled_high for row in pooled], INK)
    traces.append(
        {
            "type": "scatter", "mode": "markers", "name": "pooled over prompts", "x": means,
            "y": [places[row.entry.id] + 0.3 for row in pooled],
            "marker": {"symbol": "diamond-open", "size": 7, "color": INK, "line": {"width": 1.5}},
            "error_x": {**bars, "thickness": 1},
            "hovertext": [
                f"{safe(row.entry.name)}<br>pooled {interval(row.pooled, row.pooled_low, row.pooled_high)}"
                for row in pooled
            ],
            "hoverinfo": "text",
        }
    )  # fmt: skip
    return traces


def _dots(rows: list[Row], places: dict[str, float], title: str, name: str, ink: str, fill: str) -> Trace:
    means = [row.mean for row in rows]
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": means, "y": [places[row.entry.id] for row in rows],
        "marker": {"size": 10, "color": fill, "line": {"color": ink, "width": 2}},
        "error_x": error_bars(means, [row.low for row in rows], [row.high for row in rows], ink),
        "hovertext": [_hover(row, title) for row in rows],
        "hoverinfo": "text",
    }  # fmt: skip


def _letters(rows: list[Row], places: dict[str, float], right: float) -> Trace:
    # One trace: a page draws thirty entries in 50 ms with it, and in 66 with annotations.
    return {
        "type": "scatter", "mode": "text", "x": [right] * len(rows), "y": [places[row.entry.id] for row in rows],
        "text": [safe(row.group, 7) for row in rows], "textposition": "middle right", "textfont": {"size": 11},
        "cliponaxis": False, "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def _hover(row: Row, title: str) -> str:
    rank = (
        f"<br>rank {row.rank} ({row.rank_low} to {row.rank_high}), group {safe(cut(row.group, 12))}" if row.rank else ""
    )
    return f"{safe(row.entry.name)}<br>{title} {interval(row.mean, row.low, row.high)}{rank}"
