"""Figures as pictures, by Matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.figures.panel import Colours, Series
from tia2.figures.spec import FigureSpec
from tia2.figures.style import MATPLOTLIB, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SUFFIXES = (".png", ".pdf", ".svg")
NARROWEST = 6.5
"""Inches of a picture at least, so that its title and note have room."""

_MARKERS = {"circle": "o", "diamond": "D", "square": "s"}


def save_picture(figure: FigureSpec, path: Path | BytesIO, suffix: str = "") -> None:
    """Draw a figure as PNG, PDF or SVG.

    Args:
        figure: Figure to draw.
        path: File to write, or where to put its bytes.
        suffix: One of `SUFFIXES`; that of the path if empty.
    """
    from matplotlib import rc_context

    rows, columns = figure.shape()
    widths, height = _size(figure)
    width = max(sum(widths) + 0.4, NARROWEST)
    title, note = textwrap.wrap(figure.title, int(width * 13)), textwrap.wrap(figure.note, int(width * 16))
    series, colours = figure.series(), figure.colours()
    per_line = _legend_columns([line.name for line in series], width)
    legend_lines = -(-len(series) // per_line) if len(series) > 1 else 0
    head, foot = 0.1 + 0.2 * len(title) + 0.2 * legend_lines, 0.08 + 0.15 * len(note)
    with rc_context(MATPLOTLIB):
        canvas = blank(width, head + height * rows + foot)
        parts: Any = canvas.subfigures(3, 1, height_ratios=[head, height * rows, foot])
        top, body, bottom = parts
        shared = figure.shares_y()
        axes = body.subplots(rows, columns, squeeze=False, sharey=shared, width_ratios=widths).ravel()
        for number, (cell, panel) in enumerate(zip(axes, figure.panels, strict=False)):
            panel.draw(cell, colours)
            cell.set_title(panel.title)
            if number % columns and shared:
                cell.set_ylabel("")
        for cell in axes[len(figure.panels) :]:
            cell.axis("off")
        left = 0.1 / width
        top.text(left, 1 - 0.06 / head, "\n".join(title), va="top", fontsize=11)
        bottom.text(left, 1, "\n".join(note), va="top", fontsize=7.5, color=PAPER.muted)
        if legend_lines:
            top.legend(
                handles=_handles(series, colours), loc="lower left", bbox_to_anchor=(left, 0), ncols=per_line,
                frameon=False, fontsize=8, borderaxespad=0,
            )  # fmt: skip
        save_matplotlib(canvas, path, (suffix or Path(str(path)).suffix).removeprefix("."))


def save_matplotlib(figure: Figure, path: Path | BytesIO, kind: str) -> None:
    """Write a Matplotlib figure of `blank`, in the style's resolution.

    Args:
        figure: Figure to write.
        path: File to write, or where to put its bytes.
        kind: Format of the file: "png", "pdf" or "svg".
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if kind == "png" and isinstance(figure.canvas, FigureCanvasAgg):
        canvas: Any = figure.canvas
        # `savefig` draws everything twice, the first time only to find where it goes. Agg does both in one pass.
        figure.set_dpi(MATPLOTLIB["savefig.dpi"])
        canvas.print_png(path)
    else:
        figure.savefig(path, format=kind, facecolor=PAPER.background)


def blank(width: float, height: float) -> Figure:
    """Return an empty Matplotlib figure.

    It is not one of pyplot's: nothing global is touched, and no display is needed.

    Args:
        width: Width in inches.
        height: Height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER.background)
    FigureCanvasAgg(figure)
    return figure


def _handles(series: Sequence[Series], colours: Colours) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], color=colours[line.name], marker=_MARKERS[line.symbol], markersize=4, label=line.name,
            markerfacecolor=PAPER.background if line.hollow else colours[line.name],
            linestyle="-" if line.line else "",
        )
        for line in series
    ]  # fmt: skip


def _legend_columns(names: Sequence[str], width: float) -> int:
    longest = max(map(len, names), default=0)
    return max(1, min(len(names), int(width * 12 / (longest + 6))))


def _size(figure: FigureSpec) -> tuple[list[float], float]:
    """Return the width of each column of panels, and the height of a row."""
    _, columns = figure.shape()
    sizes = [panel.size() for panel in figure.panels]
    widths = [max(width for width, _ in sizes[column::columns]) for column in range(columns)]
    # A panel beside a large one must not look like a strip.
    return [max(width, 0.5 * max(widths)) for width in widths], max(height for _, height in sizes)
