"""Panels of points, some of them labelled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from tia2.figures.panel import Colours, Levels, Series, unique
from tia2.figures.references import draw_levels, plotly_levels
from tia2.figures.style import BEHIND, FRONT, PAPER, TEXT, Surface, Trace
from tia2.figures.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 500
"""With more points than these, points are smaller and fainter."""

_WIDTH, _HEIGHT = 210.0, 160.0
"""Approximate size of a panel inside its axes, in typographic points."""
_LETTER, _LINE = 3.9, 9.0
"""Approximate width of a letter and height of a line of a label, in typographic points."""


@dataclass(frozen=True)
class ScatterPoint:
    """A point of a scatter plot.

    Attributes:
        x: Horizontal position.
        y: Vertical position.
        series: Text in the legend; points of one series share a colour.
        text: Text shown when the point is pointed at.
        label: Text beside the point in a picture, usually nothing.
    """

    x: float
    y: float
    series: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class Scatter:
    """A panel of points.

    Attributes:
        title: Text above the panel.
        x_title: Text under the axis.
        y_title: Text beside the axis.
        points: Points to draw.
        diagonal: Whether to draw the line of equal x and y.
        levels: Horizontal lines of reference, by what they mean.
        background: Series drawn in grey, behind what a reader should look at.
    """

    title: str
    x_title: str
    y_title: str
    points: Sequence[ScatterPoint]
    diagonal: bool = False
    levels: Levels = field(default_factory=dict)
    background: Collection[str] = ()

    shares_y: ClassVar[bool] = False

    def series(self) -> list[Series]:
        """Return the lines of the legend."""
        return unique(
            Series(point.series, PAPER.muted if point.series in self.background else None, line=False)
            for point in self.points
        )

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""
        return 3.3, 2.9

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""
        opacity, size = (0.6, 4) if len(self.points) <= MANY else (0.35, 2.5)
        for name, points in self._by_series():
            axes.plot(
                [point.x for point in points], [point.y for point in points], "o", color=colours[name], alpha=opacity,
                markersize=size, markeredgewidth=0, zorder=FRONT,
            )  # fmt: skip
        if self.diagonal:
            axes.axline((0, 0), slope=1, color=PAPER.muted, linewidth=0.9, linestyle="--", zorder=BEHIND)
        draw_levels(axes, self.levels)
        _draw_labels(axes, self)
        axes.set(xlabel=self.x_title, ylabel=self.y_title)

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return one trace per series."""
        del surface
        return [
            {
                "type": "scatter", "mode": "markers", "name": safe(name), "x": [point.x for point in points],
                "y": [point.y for point in points],
                "marker": {"color": colours[name], "size": 7, "opacity": 0.65},
                "text": [safe(point.text) for point in points],
                "hovertemplate": "%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
            }
            for name, points in self._by_series()
        ]  # fmt: skip

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of both axes."""
        del surface
        return {"title": safe(self.x_title)}, {"title": safe(self.y_title)}

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return the lines of reference with their names, and the diagonal."""
        shapes, names = plotly_levels(self.levels, surface)
        if self.diagonal:
            ends = [value for point in self.points for value in (point.x, point.y)] or [0.0, 1.0]
            low, high = min(ends), max(ends)
            line = {"color": surface.muted, "width": 1, "dash": "dash"}
            shapes.append(
                {"type": "line", "xref": "x", "yref": "y", "x0": low, "y0": low, "x1": high, "y1": high, "line": line}
            )
        return shapes, names

    def _by_series(self) -> Iterator[tuple[str, list[ScatterPoint]]]:
        for name in dict.fromkeys(point.series for point in self.points):
            yield name, [point for point in self.points if point.series == name]


def _draw_labels(axes: Axes, panel: Scatter) -> None:
    """Write labels towards the middle, moved down where they would run into each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    axes.set(xlim=(left, right), ylim=(bottom, top))

    def height(y: float) -> float:
        return _HEIGHT * (y - bottom) / (top - bottom)

    # Texts written so far, in typographic points from the lower left corner: start, end, height.
    written = [(_WIDTH - _LETTER * len(name), _WIDTH, height(level) + 2) for name, level in panel.levels.items()]
    for point in sorted((point for point in panel.points if point.label), key=lambda point: -point.y):
        x, y = _WIDTH * (point.x - left) / (right - left), height(point.y) + 2
        to_right = x < _WIDTH / 2
        length = _LETTER * len(point.label)
        start = x + 4 if to_right else x - 4 - length
        shift = 2.0
        while any(start < b and a < start + length and abs(y - line) < _LINE for a, b, line in written):
            y, shift = y - _LINE / 4, shift - _LINE / 4
        written.append((start, start + length, y))
        axes.annotate(
            point.label, (point.x, point.y), xytext=(4 if to_right else -4, shift), textcoords="offset points",
            ha="left" if to_right else "right", fontsize=7, color=PAPER.ink, zorder=TEXT,
        )  # fmt: skip
