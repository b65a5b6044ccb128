"""The one style of all figures: colours, fonts and grids, in pictures, on pages and on the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Trace = dict[str, Any]
"""A Plotly trace, shape or annotation as a dictionary, which is several times faster than Plotly's own classes."""

PALETTE = ("#346a9b", "#ae460f", "#6f9f76", "#b577e8", "#b78908", "#188fa9", "#c55051", "#89757b")
"""Colours of series, in order; repeated when there are more series.

Each has a contrast of at least 3 on white and on the leaderboard's dark page, and people with any colour vision can
tell them apart: they were chosen to be as far from each other as possible for protanopes, deuteranopes and tritanopes,
the first four above all."""

BEHIND, FRONT, TEXT = 1, 3, 5
"""Layers of a Matplotlib picture: lines of reference, data, text."""

FONT = "Arial, sans-serif"
FONT_SIZE = 12


@dataclass(frozen=True)
class Surface:
    """What a figure is drawn on.

    Attributes:
        ink: Colour of text.
        muted: Colour of notes and lines of reference.
        grid: Colour of grid lines and bands.
        background: Colour behind everything, which also fills hollow marks.
    """

    ink: str
    muted: str
    grid: str
    background: str


PAPER = Surface("#1f2933", "#616e7c", "#e4e7eb", "#ffffff")
"""A white page."""

SCREEN = Surface("#757b85", "#757b85", "rgba(128, 134, 145, 0.25)", "rgba(0, 0, 0, 0)")
"""A page that may be light or dark: transparent, with text in the middle between black and white."""

MATPLOTLIB: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": PAPER.ink,
    "axes.labelcolor": PAPER.ink,
    "axes.edgecolor": PAPER.grid,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "grid.color": PAPER.grid,
    "grid.linewidth": 0.8,
    "xtick.color": PAPER.ink,
    "ytick.color": PAPER.ink,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": PAPER.background,
    "savefig.dpi": 140,
    # TrueType, which journals ask for, and not Type 3.
    "pdf.fonttype": 42,
    # Names of models and prompts may hold dollar signs, which are no formulas.
    "text.parse_math": False,
}


def colour(number: int) -> str:
    """Return the colour of the series with this number.

    Example:
        >>> colour(0) == colour(len(PALETTE))
        True
    """
    return PALETTE[number % len(PALETTE)]


def faint(ink: str, opacity: float = 0.13) -> str:
    """Return a colour for bands, as CSS writes it.

    Args:
        ink: Colour in the form #rrggbb.
        opacity: Share of the colour that covers what is behind it, 0 to 1.

    Example:
        >>> faint("#3d7fb0")
        'rgba(61, 127, 176, 0.13)'
    """
    red, green, blue = (int(ink[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def error_bars(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float], ink: str | None = None, thickness: float = 2
) -> Trace:
    """Return Plotly's asymmetric error bars, without caps.

    Args:
        means: Values of the marks.
        lows: Lower ends, NaN for none.
        highs: Upper ends, NaN for none.
        ink: Colour of the bars; the mark's own if None.
        thickness: Pixels across a bar.
    """
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for mean, high in zip(means, highs, strict=True)],
        "arrayminus": [mean - low for mean, low in zip(means, lows, strict=True)],
        "thickness": thickness,
        "width": 0,
        **({"color": ink} if ink else {}),
    }


def note_font(surface: Surface) -> Trace:
    """Return the font of notes inside a Plotly figure."""
    # A page may give the figure's text its own colour, which notes follow unless they have one.
    return {"size": FONT_SIZE, **({"color": surface.muted} if surface.muted != surface.ink else {})}


def plotly_layout(surface: Surface) -> Trace:
    """Return what Plotly figures on a surface have in common."""
    return {
        "template": "none",
        "paper_bgcolor": surface.background,
        "plot_bgcolor": surface.background,
        "font": {"family": FONT, "size": FONT_SIZE, "color": surface.ink},
        "hoverlabel": {
            "bgcolor": PAPER.ink, "bordercolor": PAPER.ink, "align": "left",
            "font": {"family": FONT, "color": "#ffffff"},
        },
        "modebar": {"bgcolor": surface.background, "color": surface.ink, "activecolor": PALETTE[0]},
        "hovermode": "closest",
    }  # fmt: skip


def plotly_axis(surface: Surface, settings: Trace) -> Trace:
    """Return a Plotly axis in the style: a grid, but neither a line nor ticks.

    Args:
        surface: Surface that the figure is drawn on.
        settings: Plotly's settings of the axis, over the style's; `title` may be a plain text.
    """
    title = settings.get("title")
    titled = {"title": {"text": title, "standoff": 8, "font": {"size": FONT_SIZE}}} if isinstance(title, str) else {}
    return {"gridcolor": surface.grid, "zeroline": False, "showline": False, "ticks": "", **settings, **titled}
