"""Panels of curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from tia2.figures.panel import Colours, Levels, Numbers, Series, unique
from tia2.figures.references import draw_levels, draw_uprights, plotly_levels, plotly_uprights
from tia2.figures.style import BEHIND, FRONT, PAPER, Surface, Trace, error_bars, faint
from tia2.figures.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """A line with a band.

    Attributes:
        name: Text in the legend; curves of one name share a colour in all panels.
        x: Horizontal positions; where they don't ascend, the line turns back and the band becomes a bar per point.
        y: Heights, of the same length, NaN for a gap.
        low: Lower edge of the band, or None.
        high: Upper edge of the band, or None.
        thin: Whether it is a thin line without marks, as what is fitted to points.
    """

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    thin: bool = False


@dataclass(frozen=True)
class Curves:
    """A panel of curves.

    Attributes:
        title: Text above the panel.
        x_title: Text under the axis.
        y_title: Text beside the axis.
        curves: Lines to draw.
        log: Whether the horizontal axis is logarithmic.
        levels: Horizontal lines of reference, by what they mean.
        uprights: Vertical lines of reference, by what they mean.
        expected: Heights between which nothing is out of the ordinary, drawn as a grey band; None for no band.
        ticks: Positions that the horizontal axis labels; None for a default.
    """

    title: str
    x_title: str
    y_title: str
    curves: Sequence[Curve]
    log: bool = False
    levels: Levels = field(default_factory=dict)
    uprights: Levels = field(default_factory=dict)
    expected: tuple[float, float] | None = None
    ticks: Numbers | None = None

    shares_y: ClassVar[bool] = True

    def series(self) -> list[Series]:
        """Return the lines of the legend."""
        return unique(Series(curve.name) for curve in self.curves)

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""
        return 3.3, 2.9

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""
        for curve in self.curves:
            ink = colours[curve.name]
            marks, width = ("-", 0.7) if curve.thin else ("o-", 1.5)
            axes.plot(curve.x, curve.y, marks, color=ink, markersize=3, linewidth=width, zorder=FRONT)
            if curve.low is None or curve.high is None:
                continue
            if not _ascending(curve.x):
                axes.vlines(curve.x, curve.low, curve.high, color=ink, alpha=0.25, linewidth=1.5, zorder=FRONT - 1)
            else:
                axes.fill_between(curve.x, curve.low, curve.high, color=ink, alpha=0.1, linewidth=0, zorder=FRONT - 1)
        if self.log:
            axes.set_xscale("log", base=2)
        if self.ticks is not None:
            axes.set_xticks(list(self.ticks), [f"{tick:g}" for tick in self.ticks])
            axes.minorticks_off()
        if self.expected is not None:
            axes.axhspan(*self.expected, color=PAPER.muted, alpha=0.12, linewidth=0, zorder=BEHIND)
        draw_levels(axes, self.levels, outside=True)
        draw_uprights(axes, self.uprights)
        axes.set(xlabel=self.x_title, ylabel=self.y_title)

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return a line for every curve, and under it a band where the curve has one."""
        del surface
        return [trace for curve in self.curves for trace in _traces(curve, colours[curve.name])]

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of both axes."""
        del surface
        x: Trace = {"title": safe(self.x_title), **({"type": "log"} if self.log else {})}
        if self.ticks is not None:
            x |= {"tickvals": list(self.ticks), "ticktext": [f"{tick:g}" for tick in self.ticks]}
        return x, {"title": safe(self.y_title)}

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return the lines of reference with their names, and the band of what is expected."""
        shapes, names = plotly_levels(self.levels, surface)
        more_shapes, more_names = plotly_uprights(self.uprights, surface)
        if self.expected is not None:
            low, high = self.expected
            span = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": low, "y1": high}
            shapes.append({"type": "rect", "fillcolor": surface.grid, "line": {"width": 0}, "layer": "below", **span})
        return [*shapes, *more_shapes], [*names, *more_names]


def _ascending(x: Numbers) -> bool:
    return all(left <= right for left, right in pairwise(x))


def _traces(curve: Curve, ink: str) -> list[Trace]:
    line: Trace = {
        "type": "scatter", "mode": "lines+markers", "name": safe(curve.name), "x": list(curve.x), "y": list(curve.y),
        "line": {"color": ink}, "hovertemplate": "%{x:.4g}: %{y:.3f}",
    }  # fmt: skip
    if curve.thin:
        line |= {"mode": "lines", "line": {"color": ink, "width": 1}, "showlegend": False}
        line["legendgroup"] = safe(curve.name)
    if curve.low is None or curve.high is None:
        return [line]
    line["customdata"] = list(zip(curve.low, curve.high, strict=True))
    line["hovertemplate"] += " (%{customdata[0]:.3f} to %{customdata[1]:.3f})"
    if not _ascending(curve.x):
        return [line | {"error_y": error_bars(curve.y, curve.low, curve.high, faint(ink, 0.35))}]
    band: Trace = {
        "type": "scatter", "mode": "lines", "legendgroup": safe(curve.name), "showlegend": False,
        "x": [*curve.x, *reversed(list(curve.x))], "y": [*curve.high, *reversed(list(curve.low))],
        "fill": "toself", "fillcolor": faint(ink), "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip
    return [band, line]
