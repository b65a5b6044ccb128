"""How an entry's figure depends on the temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.figures.style import FONT_SIZE, faint

from .style import CLEAR, INK, PALETTE, Trace, clean, empty, figure, note, safe

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from plotly.graph_objects import Figure

Marks = Mapping[str, tuple[float, float]]
BOUND = "oracle"
MARKS: dict[str, tuple[str, str]] = {
    "fixed": ("circle", PALETTE[0]),
    "cv": ("square", PALETTE[2]),
    BOUND: ("diamond", PALETTE[3]),
    "current": ("cross", PALETTE[1]),
}


def temperature_curve(
    factors: ArrayLike, means: ArrayLike, lows: ArrayLike, highs: ArrayLike, points: Marks, title: str
) -> Figure:
    """Return the curve with its band, and marked points.

    Args:
        factors: Temperatures as multiples of the documented one, ascending, above 0.
        means: Figure at each temperature.
        lows: Lower ends of the intervals; NaN for none.
        highs: Upper ends of the intervals.
        points: Marked points, (factor, figure) by name: fixed, cv, oracle, current, or another. `oracle` is drawn
            hollow and named an upper bound.
        title: Title of the vertical axis; escaped here.
    """
    x, y, low, high = (np.asarray(values, np.float64) for values in (factors, means, lows, highs))
    finite = np.isfinite(y)
    if not finite.any():
        return empty("The figure is not known at any temperature.")
    banded = finite & np.isfinite(low) & np.isfinite(high)
    traces: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "x": [*x[banded], *x[banded][::-1]],
            "y": [*high[banded], *low[banded][::-1]], "fill": "toself", "fillcolor": faint(PALETTE[0], 0.16),
            "line": {"width": 0}, "hoverinfo": "skip", "name": "95 % interval", "showlegend": bool(banded.any()),
        },
        {
            "type": "scatter", "mode": "lines", "x": x.tolist(), "y": y.tolist(), "name": "mean over prompts",
            "line": {"color": PALETTE[0], "width": 2.5},
            "hovertext": [
                f"{factor:.3g} × the documented temperature<br>{value:.3f}" for factor, value in zip(x, y, strict=True)
            ],
            "hoverinfo": "text",
        },
        *(_mark(name, factor, value) for name, (factor, value) in points.items()),
    ]  # fmt: skip
    ends = [*x, *(factor for factor, _ in points.values())]
    ticks = [2.0**power for power in range(int(np.floor(np.log2(min(ends)))), int(np.ceil(np.log2(max(ends)))) + 1)]
    return figure(
        traces,
        400,
        xaxis={
            "title": "temperature, as a multiple of the documented one", "type": "log", "tickvals": ticks,
            "ticktext": [f"1/{1 / tick:g}" if tick < 1 else f"{tick:g}" for tick in ticks],
        },
        yaxis={"tickformat": ".3~g"},
        annotations=[note(safe(title, 80), 0, 1, xanchor="left", yanchor="bottom", yshift=4, font={"size": FONT_SIZE})],
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 34, "b": 80},
    )  # fmt: skip


def temperature_curve_words(
    factors: ArrayLike, means: ArrayLike, lows: ArrayLike, highs: ArrayLike, points: Marks, title: str
) -> str:
    """Return what the curve shows, in a sentence or two."""
    del lows, highs
    x, y = np.asarray(factors, np.float64), np.asarray(means, np.float64)
    if not np.isfinite(y).any():
        return "The figure is not known at any temperature."
    best = int(np.nanargmax(y))
    marked = [
        f"{_named(name)} {value:.3f} at {factor:.3g}" for name, (factor, value) in points.items() if value == value
    ]
    return (
        f"{clean(title)}: between {np.nanmin(y):.3f} and {y[best]:.3f}, highest at {x[best]:.3g} times the documented "
        f"temperature." + (f" Marked: {', '.join(marked)} times." if marked else "")
    )


def _named(name: str) -> str:
    return f"{clean(name)} (upper bound)" if name == BOUND else clean(name)


def _mark(name: str, factor: float, value: float) -> Trace:
    symbol, colour = MARKS.get(name, ("circle", INK))
    style: dict[str, Any] = {"symbol": symbol, "size": 11, "color": CLEAR if name == BOUND else colour}
    return {
        "type": "scatter", "mode": "markers", "name": safe(_named(name), 40), "x": [factor], "y": [value],
        "marker": {**style, "line": {"color": colour, "width": 2}},
        "hovertext": [f"{safe(_named(name), 40)}<br>{factor:.3g} × the documented temperature<br>{value:.3f}"],
        "hoverinfo": "text",
    }  # fmt: skip
