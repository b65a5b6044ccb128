"""The board's figures in the style of `tia2.figures`, and the names of entries in them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tia2.figures.style import PALETTE as PALETTE
from tia2.figures.style import SCREEN, plotly_axis, plotly_layout
from tia2.figures.style import Trace as Trace
from tia2.figures.style import error_bars as error_bars
from tia2.figures.text import clean as clean
from tia2.figures.text import cut as cut
from tia2.figures.text import safe as safe
from tia2.figures.text import with_interval as with_interval

from .label_width import widest

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ..data.board import BoardEntry

INK, GRID, CLEAR = SCREEN.ink, SCREEN.grid, SCREEN.background
"""Text for a page of any colour; the board and the offline page put their own in its place, for contrast."""
PUBLISHED, PUBLISHED_COLOUR = "as published", 3
"""Legend of results that come from publications, and its position in the palette."""
FIXED: Trace = {"fixedrange": True, "automargin": False}
"""What all axes have in common: nobody zooms, and the room for labels is known beforehand (`label_width`)."""
NUMBER, TITLE = 34, 24
"""Pixels that tick labels such as -0.25 take beside an axis, and its title."""
MODEL_LENGTH, DETAIL_LENGTH, NAME_LENGTH = 24, 24, 34
"""Characters of labels at most: the model's name, what was made of its rewards, and both on one line."""


def family_of(entry: BoardEntry) -> str:
    """Return what an entry is, in the words of the legend."""
    return PUBLISHED if entry.calibration is None else entry.calibration.family


def families(entries: Iterable[BoardEntry]) -> dict[str, str]:
    """Return the legend of entries: what they are, and its colour; in the order of colours.

    Args:
        entries: Those that a figure shows.
    """
    positions = {
        family_of(entry): PUBLISHED_COLOUR if entry.calibration is None else entry.calibration.legend_colour
        for entry in entries
    }
    in_order = sorted(positions.items(), key=lambda item: (item[1], item[0]))
    return {family: PALETTE[position % len(PALETTE)] for family, position in in_order}


def parts_of(entry: BoardEntry) -> tuple[str, str]:
    """Return an entry's model and what was made of its rewards.

    Example:
        >>> parts_of(entry)  # doctest: +SKIP
        ('mini-strong', 'TextNorm (cv)')
    """
    if entry.listing is None or entry.calibration is None:
        return entry.name, family_of(entry)
    return entry.listing.card.name, entry.calibration.mark


def one_line(entry: BoardEntry) -> str:
    """Return an entry's name, escaped; where it is too long, the model's name is cut, not what was made of it."""
    length = NAME_LENGTH
    if len(clean(entry.name)) <= length or entry.listing is None or entry.calibration is None:
        return safe(entry.name, length)
    model, mark = entry.listing.card.name, entry.calibration.entry_name("")
    return safe(cut(clean(model), max(length - len(mark), 10)) + mark, max(length, len(mark) + 10))


def note(text: str, x: float, y: float, **more: Any) -> Trace:
    """Return an annotation without an arrow, by default placed in shares of the plot's area. `text` is not escaped."""
    return {"text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False, **more}


def figure(traces: Sequence[Trace], height: int, **layout: Any) -> Figure:
    """Return a figure in the board's style.

    Args:
        traces: Plotly traces.
        height: Height in pixels; the width follows the page.
        **layout: Plotly's layout, over the board's; the left margin is beside what the labels take.
    """
    from plotly.graph_objects import Figure

    axes = {name: plotly_axis(SCREEN, FIXED | layout.pop(name, {})) for name in ("xaxis", "yaxis")}
    margin = {"l": 8, "r": 12, "t": 30, "b": 30} | layout.pop("margin", {})
    margin["l"] += _left(axes["yaxis"])
    # The legend hangs below the axis and its title, and takes from the plot what it needs.
    plot = max(height - margin["t"] - margin["b"], 1)
    base: Trace = {
        **plotly_layout(SCREEN),
        # No dragging: it would catch the finger that scrolls the page.
        "dragmode": False,
        "margin": margin,
        "legend": {"orientation": "h", "x": 0, "y": -58 / plot, "yanchor": "top"},
        "height": height,
        "autosize": True,
    }
    return Figure(data=list(traces), layout={**base, **axes, **layout})


def empty(words: str, height: int = 220) -> Figure:
    """Return a figure that says why it shows nothing. `words` are escaped."""
    hidden = {"visible": False, "range": [0, 1]}
    lines = "<br>".join(safe(line) for line in textwrap.wrap(clean(words), 44))
    return figure([], height, xaxis=hidden, yaxis=hidden, annotations=[note(lines, 0.5, 0.5, font={"size": 13})])


def _left(axis: Trace) -> int:
    """Return the pixels that an axis takes beside the plot."""
    if axis.get("visible") is False:
        return 0
    labels = widest(axis["ticktext"]) if "ticktext" in axis else NUMBER
    return round(labels) + (TITLE if "title" in axis else 0)
