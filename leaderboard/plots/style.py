"""One look for the board's figures, and how submitted text gets into them."""

from __future__ import annotations

import html
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .label_width import widest

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ..data.board import BoardEntry

Trace = dict[str, Any]

INK, GRID, CLEAR = "#757b85", "rgba(128, 134, 145, 0.25)", "rgba(0, 0, 0, 0)"
"""Text in the middle between black and white: contrast 4.2 on white, 4.5 on Gradio's dark page."""
PALETTE = ("#3d7fb0", "#d0664d", "#4a9657", "#a072b5", "#b8860b", "#3c9d9b", "#a06a42", "#7b8794")
"""The palette of `tia2.figures`, lifted so that it also shows on a dark page."""
KINDS = {"raw": PALETTE[0], "TextNorm": PALETTE[1], "ensemble": PALETTE[2], "as published": PALETTE[3]}
FONT = "Arial, sans-serif"
NUMBER, TITLE = 34, 24
"""Pixels that tick labels such as -0.25 take beside an axis, and its title."""


def clean(text: str) -> str:
    r"""Return a text on one line, without control characters or ones that turn the direction of writing.

    Example:
        >>> clean("a\n\u202eb\x00")
        'a b'
    """
    kept = (" " if char in "\t\n\r" else char for char in text)
    return " ".join("".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs")).split())


def cut(text: str, length: int) -> str:
    """Return a text of at most this length, with an ellipsis where something was left out.

    Example:
        >>> cut("mini-countblind", 8)
        'mini-co…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def safe(text: str, length: int = 200) -> str:
    """Return a submitted text as Plotly shows it literally: no tags, no formulas, no templates.

    Quotes stay, since Plotly doesn't know their entities, and text never gets into an attribute.

    Example:
        >>> safe("<b>$x$</b>")
        '&lt;b&gt;&#36;x&#36;&lt;/b&gt;'
    """
    return html.escape(cut(clean(text), length), quote=False).replace("$", "&#36;").replace("%", "&#37;")


def kind_of(entry: BoardEntry) -> str:
    """Return what an entry is, in the words of the legend."""
    if entry.calibration is None:
        return "as published"
    if entry.calibration.ensemble:
        return "ensemble"
    return "raw" if entry.calibration.kind == "raw" else "TextNorm"


def parts_of(entry: BoardEntry) -> tuple[str, str]:
    """Return an entry's model and what was made of its rewards.

    Example:
        >>> parts_of(entry)  # doctest: +SKIP
        ('mini-strong', 'TextNorm (cv)')
    """
    if entry.listing is None:
        return entry.name, kind_of(entry)
    model = entry.listing.card.name
    return model, entry.name.removeprefix(model).strip(" +,") or "raw"


def two_lines(entry: BoardEntry, length: int = 24) -> str:
    """Return an entry's label for an axis, escaped: the model, and smaller below it what was made of its rewards."""
    model, mark = parts_of(entry)
    return f'{safe(model, length)}<br><span style="font-size:9px">{safe(mark, 30)}</span>'


def one_line(entry: BoardEntry, length: int = 34) -> str:
    """Return an entry's name, escaped; where it is too long, the model's name is cut, not what was made of it."""
    if len(clean(entry.name)) <= length or entry.listing is None:
        return safe(entry.name, length)
    model = entry.listing.card.name
    mark = entry.name.removeprefix(model)
    return safe(cut(clean(model), max(length - len(mark), 10)) + mark, max(length, len(mark) + 10))


def interval(mean: float, low: float, high: float) -> str:
    """Return a figure and its interval, if it has one.

    Example:
        >>> interval(0.8, 0.75, 0.85)
        '0.800 (0.750 to 0.850)'
    """
    if mean != mean:
        return "not known"
    return f"{mean:.3f}" + (f" ({low:.3f} to {high:.3f})" if low == low and high == high else "")


def error_bars(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float], colour: str | None = None
) -> Trace:
    """Return Plotly's asymmetric error bars, without caps."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for mean, high in zip(means, highs, strict=True)],
        "arrayminus": [mean - low for mean, low in zip(means, lows, strict=True)],
        "thickness": 2,
        "width": 0,
        **({"color": colour} if colour else {}),
    }


def note(text: str, x: float, y: float, **more: Any) -> Trace:
    """Return an annotation without an arrow, by default placed in shares of the plot's area. `text` is not escaped."""
    return {"text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False, **more}


def figure(traces: Sequence[Trace], height: int, **layout: Any) -> Figure:
    """Return a figure in the board's look.

    Args:
        traces: Plotly traces.
        height: In pixels; the width follows the page.
        **layout: Plotly's layout, over the board's; the left margin is beside what the labels take.
    """
    from plotly.graph_objects import Figure

    axes = {"xaxis": _axis(layout.pop("xaxis", {})), "yaxis": _axis(layout.pop("yaxis", {}))}
    margin = {"l": 8, "r": 12, "t": 30, "b": 30} | layout.pop("margin", {})
    margin["l"] += _left(axes["yaxis"])
    # The legend hangs below the axis and its title, and takes from the plot what it needs.
    plot = max(height - margin["t"] - margin["b"], 1)
    # No dragging: it would catch the finger that scrolls the page.
    base: Trace = {
        "template": "none",
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT, "size": 12, "color": INK},
        "hoverlabel": {
            "bgcolor": "#1f2933", "bordercolor": "#1f2933", "align": "left",
            "font": {"family": FONT, "color": "#ffffff"},
        },
        "modebar": {"bgcolor": CLEAR, "color": INK, "activecolor": PALETTE[0]},
        "dragmode": False,
        "hovermode": "closest",
        "margin": margin,
        "legend": {"orientation": "h", "x": 0, "y": -58 / plot, "yanchor": "top", "font": {"size": 11}},
        "height": height,
        "autosize": True,
    }  # fmt: skip
    return Figure(data=list(traces), layout={**base, **axes, **layout})


def empty(words: str, height: int = 220) -> Figure:
    """Return a figure that says why it shows nothing. `words` are escaped."""
    hidden = {"visible": False, "range": [0, 1]}
    lines = "<br>".join(safe(line) for line in textwrap.wrap(clean(words), 44))
    return figure([], height, xaxis=hidden, yaxis=hidden, annotations=[note(lines, 0.5, 0.5, font={"size": 13})])


def _axis(given: Trace) -> Trace:
    title = given.get("title")
    titled = {"title": {"text": title, "standoff": 8, "font": {"size": 12}}} if isinstance(title, str) else {}
    return {
        "gridcolor": GRID,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        # Room for labels is known beforehand (`_left`): to find it, Plotly would draw everything twice.
        "automargin": False,
        "fixedrange": True,
        **given,
        **titled,
    }


def _left(axis: Trace) -> int:
    if axis.get("visible") is False:
        return 0
    labels = widest(axis["ticktext"]) if "ticktext" in axis else NUMBER
    return round(labels) + (TITLE if "title" in axis else 0)
