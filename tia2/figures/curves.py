"""Panels of curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from tia2.figures.panel import Colours, Levels, Numbers, Series, draw_levels, plotly_levels, unique
from tia2.figures.style import FRONT, Surface, Trace, faint
from tia2.figures.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """A line with a band.

    Attributes:
        name: Text in the legend; curves of one name share a colour in all panels.
        x: Horizontal positions, ascending.
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
        ticks: Positions that the horizontal axis labels; None for a default.
    """

    title: str
    x_title: str
    y_title: str
    curves: Sequence[Curve]
    log: bool = False
    levels: Levels = field(default_factory=dict)
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
            if curve.low is not None and curve.high is not None:
                axes.fill_between(curve.x, curve.low, curve.high, color=ink, alpha=0.1, linewidth=0, zorder=FRONT - 1)
        if self.log:
            axes.set_xscale("log", base=2)
        if self.ticks is not None:
            axes.set_xticks(list(self.ticks), [f"{tick:g}" for tick in self.ticks])
            axes.minorticks_off()
        draw_levels(axes, self.levels, outside=True)
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
        """Return the lines of reference and their names."""
        return plotly_levels(self.levels, surface)


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
    band: Trace = {
        "type": "scatter", "mode": "lines", "legendgroup": safe(curve.name), "showlegend": False,
        "x": [*curve.x, *reversed(list(curve.x))], "y": [*curve.high, *reversed(list(curve.low))],
        "fill": "toself", "fillcolor": faint(ink), "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip
    return [band, line]
