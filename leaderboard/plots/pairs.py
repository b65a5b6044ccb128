"""Two entries, prompt by prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tia2.evaluation.metrics import METRICS

from ..data.board import Board, Floats
from .rows import title_of
from .style import GRID, INK, PALETTE, Trace, clean, cut, empty, figure, note, safe

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from plotly.graph_objects import Figure

    from tia2.evaluation import Comparison

PROMPT = 120
"""Characters of a prompt shown when it is pointed at."""


def differences(comparison: Comparison) -> Figure:
    """Return every prompt's difference, sorted, with the mean of the subsets' means and its interval.

    Args:
        comparison: What `Board.compare` returned.
    """
    prompts = sorted(comparison.prompts, key=lambda prompt: -float(prompt["difference"]))
    if not prompts:
        return empty("No prompt can be compared.")
    main, title = comparison.main, title_of(comparison.metric)
    a, b = safe(comparison.a, 40), safe(comparison.b, 40)
    traces: list[Trace] = []
    for name, colour, sign in ((f"{a} better", PALETTE[0], 1), (f"{b} better", PALETTE[1], -1), ("equal", INK, 0)):
        if chosen := [place for place, one in enumerate(prompts) if np.sign(float(one["difference"])) == sign]:
            traces.append(
                {
                    "type": "bar", "name": f"{name} ({len(chosen)})", "x": [place + 1 for place in chosen],
                    "y": [float(prompts[place]["difference"]) for place in chosen],
                    "marker": {"color": colour, "line": {"width": 0}},
                    "hovertext": [_hover(prompts[place], a, b) for place in chosen], "hoverinfo": "text",
                }
            )  # fmt: skip
    wide = {"xref": "paper", "x0": 0, "x1": 1}
    shapes = [
        {
            "type": "rect",
            "y0": main.low,
            "y1": main.high,
            "fillcolor": GRID,
            "line": {"width": 0},
            "layer": "below",
            **wide,
        },
        {
            "type": "line",
            "y0": main.difference,
            "y1": main.difference,
            "line": {"color": INK, "width": 1.5, "dash": "dash"},
            **wide,
        },
    ]
    words = f"mean {main.difference:+.3f} ({main.low:+.3f} to {main.high:+.3f})"
    # No plus sign: plotly.js puts a tilde before formats that begin with one, and then shows raw numbers.
    return figure(
        traces,
        400,
        xaxis={"title": f"{len(prompts)} prompts, sorted", "showgrid": False},
        yaxis={"title": f"difference in {title}, A − B", "zeroline": True, "zerolinecolor": INK, "tickformat": ".2f"},
        bargap=0.1 if len(prompts) < 150 else 0,
        shapes=shapes,
        annotations=[note(words, 1, main.difference, yref="y", xanchor="right", yanchor="bottom", font={"size": 11})],
        showlegend=True,
        margin={"l": 8, "r": 8, "t": 12, "b": 80},
    )


def differences_words(comparison: Comparison) -> str:
    """Return what the bars show, in a sentence or two."""
    main = comparison.main
    return (
        f"{clean(comparison.a)} has the higher {title_of(comparison.metric)} on {main.wins} prompts and "
        f"{clean(comparison.b)} on {main.losses} of {main.prompts}. The mean difference is {main.difference:+.3f} "
        f"(95 % interval {main.low:+.3f} to {main.high:+.3f})."
    )


def pair_scatter(board: Board, a: str, b: str, metric: str) -> Figure:
    """Return every prompt's figure for two entries, coloured by subset, with the line where both are equal.

    Args:
        board: The board.
        a: Id of an entry, on the vertical axis.
        b: Id of another, on the horizontal one.
        metric: One of the metrics.

    Raises:
        UnknownNameError: The board has no such entry or metric.
    """
    first, second, known = _figures(board, a, b, metric)
    if not known.any():
        return empty("The figures of single prompts are not known for both entries.")
    names = safe(board.entry(a).name, 40), safe(board.entry(b).name, 40)
    subsets = board.prompts["subset"].to_numpy(np.str_)
    texts = board.prompts["prompt"].tolist()
    traces: list[Trace] = []
    for number, subset in enumerate(dict.fromkeys(subsets.tolist())):
        chosen = np.flatnonzero(known & (subsets == subset))
        if not len(chosen):
            continue
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": safe(subset, 30), "x": second[chosen].tolist(),
                "y": first[chosen].tolist(),
                "marker": {"size": 8, "color": PALETTE[number % len(PALETTE)], "opacity": 0.7},
                "hovertext": [
                    f"{safe(texts[place], PROMPT)}<br>A {first[place]:.3f}, B {second[place]:.3f}" for place in chosen
                ],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    both = np.concatenate([first[known], second[known]])
    low, high = float(both.min()), float(both.max())
    pad = 0.05 * (high - low) or 0.05
    span = [low - pad, high + pad]
    line = {"type": "line", "x0": span[0], "y0": span[0], "x1": span[1], "y1": span[1], "layer": "below"}
    return figure(
        traces,
        480,
        xaxis={"title": f"B: {names[1]}", "range": span, "tickformat": ".3~g"},
        yaxis={"title": f"A: {names[0]}", "range": span, "tickformat": ".3~g"},
        shapes=[{**line, "line": {"color": INK, "dash": "dash", "width": 1}}],
        annotations=[
            note("A better", 0.02, 0.98, xanchor="left", yanchor="top", font={"size": 11}),
            note("B better", 0.98, 0.02, xanchor="right", yanchor="bottom", font={"size": 11}),
        ],
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 80},
    )


def pair_scatter_words(board: Board, a: str, b: str, metric: str) -> str:
    """Return what the scatter shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such entry or metric.
    """
    first, second, known = _figures(board, a, b, metric)
    names = [clean(board.entry(name).name) for name in (a, b)]
    if not known.any():
        return f"The figures of single prompts are not known for both {names[0]} and {names[1]}."
    gaps = first[known] - second[known]
    widest = int(np.flatnonzero(known)[np.abs(gaps).argmax()])
    prompt = cut(clean(str(board.prompts["prompt"][widest])), PROMPT)
    return (
        f"{METRICS[metric].title} of {int(known.sum())} prompts: {names[0]} is higher on {int((gaps > 0).sum())}, "
        f"{names[1]} on {int((gaps < 0).sum())}. They disagree most on “{prompt}”, "
        f"{first[widest]:.3f} against {second[widest]:.3f}."
    )


def _figures(board: Board, a: str, b: str, metric: str) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    board.check(board.scopes[-1], metric)
    column = list(METRICS).index(metric)
    first, second = (board.figures[board.place[board.entry(name).id], :, column] for name in (a, b))
    used = board.prompts["used"].to_numpy(np.bool_)
    return first, second, used & np.isfinite(first) & np.isfinite(second)


def _hover(prompt: Mapping[str, str | float], a: str, b: str) -> str:
    return (
        f"{safe(str(prompt['prompt']), PROMPT)}<br>{a} {float(prompt['a']):.3f}<br>{b} {float(prompt['b']):.3f}<br>"
        f"difference {float(prompt['difference']):+.3f}"
    )
