"""Figures as pictures, by Matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.figures.spec import Curves, Dots, Figure, Heatmap, Panel, Points
from tia2.figures.style import GRID, INK, MATPLOTLIB, MUTED, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Colours = dict[str, str]

PER_ROW = 4
_LONG_LABEL = 34
_MANY_CELLS, _MANY_POINTS = 8, 500
"""With more columns the cells of a map are smaller, with more points the points."""
_POINTS_WIDE, _POINTS_HIGH = 210.0, 160.0
"""About how large a panel of points is inside its axes, and what a letter and a line of a label take, all in points."""
_LETTER, _LINE = 3.9, 9.0


def save_picture(figure: Figure, path: Path) -> None:
    """Draw a figure as PNG.

    Args:
        figure: What to draw.
        path: The file to write.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

    names = figure.names()
    colours = {name: colour(number) for number, name in enumerate(names)}
    columns = min(len(figure.panels), PER_ROW)
    rows = -(-len(figure.panels) // columns)
    widths, height = _size(figure.panels, columns)
    width = max(sum(widths) + 0.4, 6.5)
    title = textwrap.wrap(figure.title, int(width * 13))
    note = textwrap.wrap(figure.note, int(width * 16))
    per_line = _legend_columns(names, width)
    legend_lines = -(-len(names) // per_line) if len(names) > 1 else 0
    head = 0.1 + 0.2 * len(title) + 0.2 * legend_lines
    foot = 0.08 + 0.15 * len(note)
    with rc_context(MATPLOTLIB):
        canvas = Canvas(figsize=(width, head + height * rows + foot), layout="constrained", facecolor="white")
        FigureCanvasAgg(canvas)
        parts: Any = canvas.subfigures(3, 1, height_ratios=[head, height * rows, foot])
        top, body, bottom = parts
        axes = body.subplots(rows, columns, squeeze=False, sharey=_share_y(figure.panels), width_ratios=widths).ravel()
        for number, (one, panel) in enumerate(zip(axes, figure.panels, strict=False)):
            _DRAW[type(panel)](one, panel, colours)
            one.set_title(panel.title, loc="left", fontsize=10)
            if number % columns and _share_y(figure.panels):
                one.set_ylabel("")
        for one in axes[len(figure.panels) :]:
            one.axis("off")
        left = 0.1 / width
        top.text(left, 1 - 0.06 / head, "\n".join(title), va="top", fontsize=11, color=INK)
        bottom.text(left, 1, "\n".join(note), va="top", fontsize=7.5, color=MUTED)
        if legend_lines:
            handles = [Line2D([], [], color=colours[name], marker="o", markersize=4, label=name) for name in names]
            top.legend(handles=handles, loc="lower left", ncols=per_line, frameon=False, fontsize=8, borderaxespad=0)
        canvas.savefig(path, format="png", facecolor="white")


def _legend_columns(names: list[str], width: float) -> int:
    longest = max(map(len, names), default=0)
    return max(1, min(len(names), int(width * 12 / (longest + 6))))


def _size(panels: Sequence[Panel], columns: int) -> tuple[list[float], float]:
    """Return the width of each column of panels, and the height of a row."""
    height, widths = 2.9, [3.3] * columns
    for number, panel in enumerate(panels):
        if isinstance(panel, Dots):
            height = max(height, 0.8 + 0.2 * len(panel.dots))
        if isinstance(panel, Heatmap):
            wide, high = (0.75, 0.45) if len(panel.columns) <= _MANY_CELLS else (0.5, 0.3)
            height = max(height, 1.4 + high * len(panel.rows))
            widths[number % columns] = max(widths[number % columns], 1.8 + wide * len(panel.columns))
    widest = max(widths)
    # A panel beside a large one must not look like a strip.
    return [max(width, 0.5 * widest) for width in widths], height


def _share_y(panels: Sequence[Panel]) -> bool:
    kinds = {type(panel) for panel in panels}
    return len(kinds) == 1 and kinds <= {Curves, Dots}


def _curves(axes: Axes, panel: Panel, colours: Colours) -> None:
    if not isinstance(panel, Curves):
        return
    for curve in panel.curves:
        axes.plot(curve.x, curve.y, "o-", color=colours[curve.name], markersize=3, linewidth=1.5, zorder=3)
        if curve.low is not None and curve.high is not None:
            axes.fill_between(
                curve.x, curve.low, curve.high, color=colours[curve.name], alpha=0.1, linewidth=0, zorder=2
            )
    if panel.log:
        axes.set_xscale("log", base=2)
    if panel.ticks is not None:
        axes.set_xticks(list(panel.ticks), [f"{tick:g}" for tick in panel.ticks])
        axes.minorticks_off()
    for words, level in panel.levels.items():
        axes.axhline(level, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
        axes.annotate(
            words, (1, level), xycoords=("axes fraction", "data"), xytext=(-2, 2), textcoords="offset points",
            ha="right", fontsize=7, color=MUTED,
        )  # fmt: skip
    axes.set(xlabel=panel.x_title, ylabel=panel.y_title)
    _plain(axes)


def _dots(axes: Axes, panel: Panel, colours: Colours) -> None:
    if not isinstance(panel, Dots):
        return
    places = {row: place for place, row in enumerate(dict.fromkeys(dot.row for dot in panel.dots))}
    names = list(dict.fromkeys(dot.name for dot in panel.dots))
    for dot in panel.dots:
        y = places[dot.row] + (names.index(dot.name) - (len(names) - 1) / 2) * 0.7 / max(len(names), 2)
        axes.plot([dot.low, dot.high], [y, y], color=colours[dot.name], linewidth=1.6, zorder=3)
        axes.plot(
            dot.value, y, "o", color="white" if dot.hollow else colours[dot.name],
            markeredgecolor=colours[dot.name], markersize=4.5, zorder=4,
        )  # fmt: skip
    for words, level in panel.levels.items():
        axes.axvline(level, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
        axes.annotate(
            words, (level, 0), xycoords=("data", "axes fraction"), xytext=(2, 3), textcoords="offset points",
            fontsize=7, color=MUTED,
        )  # fmt: skip
    axes.set_yticks(list(places.values()), [textwrap.fill(row, _LONG_LABEL) for row in places], fontsize=8)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlabel(panel.x_title)
    _plain(axes)


def _heatmap(axes: Axes, panel: Panel, colours: Colours) -> None:
    del colours
    if not isinstance(panel, Heatmap):
        return
    values = np.array(panel.values, np.float64)
    low, high = panel.limits
    axes.imshow(values, cmap="RdBu_r", vmin=low, vmax=high, aspect="auto")
    for row, texts in enumerate(panel.texts):
        for column, text in enumerate(texts):
            strong = abs(values[row, column] - (low + high) / 2) > 0.35 * (high - low)
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if strong else INK)
    axes.set_xticks(range(len(panel.columns)), panel.columns, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(panel.rows)), panel.rows, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _points(axes: Axes, panel: Panel, colours: Colours) -> None:
    if not isinstance(panel, Points):
        return
    few = len(panel.points) <= _MANY_POINTS
    for name in dict.fromkeys(point.name for point in panel.points):
        chosen = [point for point in panel.points if point.name == name]
        axes.plot(
            [point.x for point in chosen], [point.y for point in chosen], "o", color=colours[name],
            alpha=0.6 if few else 0.35, markersize=4 if few else 2.5, markeredgewidth=0, zorder=3,
        )  # fmt: skip
    if panel.diagonal:
        axes.axline((0, 0), slope=1, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
    for words, level in panel.levels.items():
        axes.axhline(level, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
        axes.annotate(
            words, (1, level), xycoords=("axes fraction", "data"), xytext=(-2, 2), textcoords="offset points",
            ha="right", fontsize=7, color=MUTED,
        )  # fmt: skip
    _label_points(axes, panel)
    axes.set(xlabel=panel.x_title, ylabel=panel.y_title)
    _plain(axes)


def _label_points(axes: Axes, panel: Points) -> None:
    """Write labels towards the middle, moved down where they would run into each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    axes.set(xlim=(left, right), ylim=(bottom, top))

    def height(y: float) -> float:
        return _POINTS_HIGH * (y - bottom) / (top - bottom)

    # Where text stands already, in points from the lower left corner: start, end, height.
    taken = [
        (_POINTS_WIDE - _LETTER * len(words), _POINTS_WIDE, height(level) + 2) for words, level in panel.levels.items()
    ]
    for point in sorted((point for point in panel.points if point.label), key=lambda point: -point.y):
        x, y = _POINTS_WIDE * (point.x - left) / (right - left), height(point.y) + 2
        to_right = x < _POINTS_WIDE / 2
        long = _LETTER * len(point.label)
        start = x + 4 if to_right else x - 4 - long
        shift = 2.0
        while any(start < b and a < start + long and abs(y - at) < _LINE for a, b, at in taken):
            y, shift = y - _LINE / 4, shift - _LINE / 4
        taken.append((start, start + long, y))
        axes.annotate(
            point.label, (point.x, point.y), xytext=(4 if to_right else -4, shift), textcoords="offset points",
            ha="left" if to_right else "right", fontsize=7, color=INK, zorder=5,
        )  # fmt: skip


def _plain(axes: Axes) -> None:
    axes.grid(color=GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


_DRAW = {Curves: _curves, Dots: _dots, Heatmap: _heatmap, Points: _points}
