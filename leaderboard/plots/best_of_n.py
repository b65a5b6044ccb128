"""People's mean score when an entry chooses the best of n images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tia2.figures.style import faint

from ..data.board import Board, BoardEntry
from ..finetuned.best_of_n import BestOfNPart
from ..views.best_of_n import best_possible
from .style import INK, PALETTE, Trace, clean, empty, figure, note, one_line, safe

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST = 8
NONE = "Choose entries that score tables stand behind to see what choosing among the benchmark's images by them gains."


def best_of_n(board: Board, scope: str, ids: Sequence[str]) -> Figure:
    """Return the mean human score of the best of n by each entry, against n, with intervals, chance and the ceiling.

    Args:
        board: The board.
        scope: One of its scopes.
        ids: Ids of entries; the first eight are shown.

    Raises:
        UnknownNameError: The board has no such scope or entry.
    """
    curves = _curves(board, scope, ids)
    if not curves:
        return empty(NONE)
    traces: list[Trace] = []
    for number, (entry, part) in enumerate(curves):
        traces += _traces(entry, part, PALETTE[number])
    first = curves[0][1]
    ceiling = best_possible(board, scope, first.n)
    if ceiling is not None:
        traces.append(_ceiling(first.n.tolist(), ceiling.tolist()))
    chance = float(first.gold[0, 0])
    most = max(int(part.n[-1]) for _, part in curves)
    ticks = [2**power for power in range(most.bit_length())]
    return figure(
        traces,
        420 + 8 * len(curves),
        xaxis={
            "title": "n, the number of images to choose from", "type": "log", "tickvals": ticks,
            "ticktext": list(map(str, ticks)),
        },
        yaxis={"title": "mean human score", "tickformat": ".2f"},
        shapes=[
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": chance, "y1": chance,
                "line": {"color": INK, "width": 1, "dash": "dash"},
            }
        ],
        annotations=[note("a random image", 1, chance, yref="y", xanchor="right", yanchor="top")],
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 80},
    )  # fmt: skip


def best_of_n_words(board: Board, scope: str, ids: Sequence[str]) -> str:
    """Return what the curves show: for which entries people's score peaks and falls, and for which it doesn't.

    Raises:
        UnknownNameError: The board has no such scope or entry.
    """
    curves = _curves(board, scope, ids)
    if not curves:
        return NONE
    falling = [f"{clean(entry.name)} at n = {part.peak:.0f}{_drop(part)}" for entry, part in curves if part.inside]
    rest = len(curves) - len(falling)
    limit = max(part.limit for _, part in curves)
    first = f"On {scope}, people's mean score peaks and then falls for {'; '.join(falling)}. " if falling else ""
    others = f"For the other {rest}" if falling else f"On {scope}, for all {rest}"
    second = f"{others} there is no peak up to n = {limit}. " if rest else ""
    return (
        f"{first}{second}No training is needed for this: the best of n is chosen among the benchmark's own images, and "
        f"every set of n of a prompt's images counts. Beyond n = {limit} few independent choices stand behind a figure."
    )


def _curves(board: Board, scope: str, ids: Sequence[str]) -> list[tuple[BoardEntry, BestOfNPart]]:
    board.check(scope, board.metrics[0])
    parts = [(board.entry(name), board.best_of_n(board.positions[name], scope)) for name in dict.fromkeys(ids)]
    return [(entry, part) for entry, part in parts[:MOST] if part is not None]


def _drop(part: BestOfNPart) -> str:
    return "" if math.isnan(part.drop) else f" (by {part.drop:.3f} to n = {part.limit})"


def _ceiling(n: list[int], means: list[float]) -> Trace:
    return {
        "type": "scatter", "mode": "lines", "x": n, "y": means, "name": "ceiling: chosen by people's own scores",
        "line": {"color": INK, "width": 1.5, "dash": "dot"},
        "hovertext": [
            f"by people's own scores<br>best of {number}: {mean:.3f}" for number, mean in zip(n, means, strict=True)
        ],
        "hoverinfo": "text",
    }  # fmt: skip


def _traces(entry: BoardEntry, part: BestOfNPart, colour: str) -> list[Trace]:
    name = one_line(entry)
    n, (means, lows, highs) = part.n.tolist(), part.gold.T.tolist()
    band: Trace = {
        "type": "scatter", "mode": "lines", "x": [*n, *reversed(n)], "y": [*highs, *reversed(lows)], "fill": "toself",
        "fillcolor": faint(colour), "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": entry.id,
        "showlegend": False,
    }  # fmt: skip
    line: Trace = {
        "type": "scatter", "mode": "lines+markers", "x": n, "y": means, "name": name, "legendgroup": entry.id,
        "line": {"color": colour, "width": 2.2}, "marker": {"size": 6},
        "hovertext": [
            f"{safe(entry.name)}<br>best of {number}: {mean:.3f} ({low:.3f} to {high:.3f})"
            for number, mean, low, high in zip(n, means, lows, highs, strict=True)
        ],
        "hoverinfo": "text",
    }  # fmt: skip
    return [line] if any(map(math.isnan, lows)) else [band, line]
