"""Two entries, prompt by prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.evaluation.comparing.verdict import signed
from tia2.evaluation.metrics.pair_metrics import metric_named
from tia2.figures import SortedDifferences
from tia2.figures.panel import colours_of
from tia2.figures.style import FONT_SIZE, SCREEN, colour

from ..data.board import Board, Floats
from ..views.doors import items_door
from .rows import title_of
from .style import INK, Trace, clean, cut, empty, figure, note, safe

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from plotly.graph_objects import Figure

    from tia2.evaluation import Comparison

PROMPT, NAME = 120, 40
"""Characters shown of a prompt when it is pointed at, and of an entry's name."""
MANY_BARS = 150
"""With this many bars, there is no gap between them."""


def differences(comparison: Comparison, doors: Sequence[str] = ()) -> Figure:
    """Return every prompt's difference, sorted, with the mean of the subsets' means and its interval.

    Args:
        comparison: Comparison that `Board.compare` returned.
        doors: Addresses that a click on a bar leads to, one per prompt of the comparison.
    """
    if not comparison.prompts:
        return empty("No prompt can be compared.")
    main = comparison.main
    names = cut(clean(comparison.a), NAME), cut(clean(comparison.b), NAME)
    panel = SortedDifferences(
        title="",
        y_title=f"difference in {title_of(comparison.metric)}, A − B",
        names=names,
        labels=[str(prompt["prompt"]) for prompt in comparison.prompts],
        values=[float(prompt["difference"]) for prompt in comparison.prompts],
        mean=main.difference,
        low=main.low,
        high=main.high,
        hover=[_hover(prompt, *names) for prompt in comparison.prompts],
    )
    traces = panel.traces(colours_of(panel.series()), SCREEN)
    order = np.argsort(-np.array(panel.values), kind="stable")
    for trace in traces:
        trace["name"] += f" ({len(trace['x'])})"
        if doors:
            trace["customdata"] = [doors[order[position - 1]] for position in trace["x"]]
    x_axis, y_axis = panel.plotly_axes(SCREEN)
    shapes, annotations = panel.decorations(SCREEN)
    return figure(
        traces,
        400,
        xaxis=x_axis,
        yaxis=y_axis,
        bargap=0.1 if len(comparison.prompts) < MANY_BARS else 0,
        shapes=shapes,
        annotations=annotations,
        showlegend=True,
        margin={"l": 8, "r": 8, "t": 12, "b": 80},
    )


def differences_words(comparison: Comparison) -> str:
    """Return what the bars show, in a sentence or two."""
    main = comparison.main
    return (
        f"{clean(comparison.a)} has the higher {title_of(comparison.metric)} on {main.wins} prompts and "
        f"{clean(comparison.b)} on {main.losses} of {main.prompts}. The mean difference, the "
        f"first less the second, is {signed(main.difference)} (95 % interval {signed(main.low)} to "
        f"{signed(main.high)})."
    )


def pair_scatter(board: Board, a: str, b: str, metric: str, scope: str | None = None) -> Figure:
    """Return every prompt's figure for two entries, coloured by subset, with the line where both are equal.

    Args:
        board: The board.
        a: Id of the entry on the vertical axis.
        b: Id of the entry on the horizontal axis.
        metric: One of the metrics.
        scope: Scope whose prompts are shown; all of them if None.

    Raises:
        UnknownNameError: The board has no such entry, metric or scope.
    """
    first, second, finite = _figures(board, a, b, metric, scope)
    if not finite.any():
        return empty("The figures of single prompts are not known for both entries.")
    names = safe(board.entry(a).name, NAME), safe(board.entry(b).name, NAME)
    subsets = board.prompts["subset"].to_numpy(np.str_)
    texts, ids = board.prompts["prompt"].tolist(), board.prompts["prompt_id"].tolist()
    traces: list[Trace] = []
    for number, subset in enumerate(dict.fromkeys(subsets.tolist())):
        chosen = np.flatnonzero(finite & (subsets == subset))
        if not len(chosen):
            continue
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": safe(subset, 30), "x": second[chosen].tolist(),
                "y": first[chosen].tolist(),
                "marker": {"size": 8, "color": colour(number), "opacity": 0.7},
                "hovertext": [
                    f"{safe(texts[prompt], PROMPT)}<br>A {first[prompt]:.3f}, B {second[prompt]:.3f}"
                    for prompt in chosen
                ],
                "hoverinfo": "text",
                "customdata": [
                    items_door(board, ids[prompt], *((b, a) if first[prompt] > second[prompt] else (a, b)))
                    for prompt in chosen
                ],
            }
        )  # fmt: skip
    both = np.concatenate([first[finite], second[finite]])
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
            # Beside the plot, where no point can lie under them.
            note("↑ A better", 0, 1, xanchor="left", yanchor="bottom", font={"size": FONT_SIZE}),
            note("B better →", 1, 0, xanchor="right", yanchor="top", yshift=-22, font={"size": FONT_SIZE}),
        ],
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 24, "b": 80},
    )


def pair_scatter_words(board: Board, a: str, b: str, metric: str, scope: str | None = None) -> str:
    """Return what the scatter shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such entry, metric or scope.
    """
    first, second, finite = _figures(board, a, b, metric, scope)
    names = [clean(board.entry(name).name) for name in (a, b)]
    if not finite.any():
        return f"The figures of single prompts are not known for both {names[0]} and {names[1]}."
    gaps = first[finite] - second[finite]
    widest = int(np.flatnonzero(finite)[np.abs(gaps).argmax()])
    prompt = cut(clean(str(board.prompts["prompt"][widest])), PROMPT)
    return (
        f"{metric_named(metric).title} of {int(finite.sum())} prompts: {names[0]} is higher on "
        f"{int((gaps > 0).sum())}, {names[1]} on {int((gaps < 0).sum())}. They disagree most on “{prompt}”, "
        f"{first[widest]:.3f} against {second[widest]:.3f}."
    )


def _figures(board: Board, a: str, b: str, metric: str, scope: str | None) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    board.check(scope or board.scopes[-1], metric)
    column = board.metrics.index(metric)
    first, second = (board.figures[board.positions[board.entry(name).id], :, column] for name in (a, b))
    used = board.rows(scope or board.usual_scope)
    return first, second, used & np.isfinite(first) & np.isfinite(second)


def _hover(prompt: Mapping[str, str | float], a: str, b: str) -> str:
    return (
        f"{cut(clean(str(prompt['prompt'])), PROMPT)}\n{a} {float(prompt['a']):.3f}\n{b} {float(prompt['b']):.3f}\n"
        f"difference {float(prompt['difference']):+.3f}"
    )
