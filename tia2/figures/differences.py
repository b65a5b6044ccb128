"""Panels of paired differences, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tia2.figures.panel import Colours, Numbers, Series
from tia2.figures.style import FONT_SIZE, PAPER, TEXT, Surface, Trace
from tia2.figures.text import cut, safe, safe_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

NAMED = 3
"""Number of differences that a picture labels at each end."""
_LONG_LABEL = 32


@dataclass(frozen=True)
class SortedDifferences:
    """A panel of bars, one per paired difference, from the largest to the smallest.

    Attributes:
        title: Text above the panel.
        y_title: Text beside the axis.
        names: Names of the two that are compared; the first is better where a difference is positive.
        labels: Texts that name the differences, such as prompts.
        values: SortedDifferences, in the same order as the labels.
        mean: Mean difference, drawn as a line.
        low: Lower end of the mean's interval, drawn as a band.
        high: Upper end of the mean's interval.
        hover: Texts shown when bars are pointed at; the labels if empty.
    """

    title: str
    y_title: str
    names: tuple[str, str]
    labels: Sequence[str]
    values: Numbers
    mean: float
    low: float
    high: float
    hover: Sequence[str] = ()

    shares_y: ClassVar[bool] = True

    def series(self) -> list[Series]:
        """Return the lines of the legend: which of the two is better."""
        return [Series(f"{name} better", symbol="square", line=False) for name in self.names]

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""
        return 7.1, 2.6

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""
        order, values = self._sorted()
        first, second = (colours[series.name] for series in self.series())
        axes.bar(np.arange(len(values)), values, width=0.85, color=np.where(values > 0, first, second))
        axes.axhspan(self.low, self.high, color=PAPER.muted, alpha=0.2, linewidth=0, zorder=0)
        axes.axhline(self.mean, color=PAPER.muted, linewidth=1.2, linestyle="--")
        axes.axhline(0, color=PAPER.ink, linewidth=0.6)
        axes.set(ylabel=self.y_title, xticks=[])
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        # A label stands on the empty side of the axis, and runs towards the middle.
        for position in (*np.flatnonzero(values > 0)[:NAMED], *np.flatnonzero(values < 0)[-NAMED:]):
            below = values[position] > 0
            axes.annotate(
                cut(self.labels[order[position]], _LONG_LABEL), (position, 0), xytext=(0, -3 if below else 3),
                textcoords="offset points", rotation=-35, rotation_mode="anchor", ha="left" if below else "right",
                va="top" if below else "bottom", fontsize=7, color=PAPER.ink, zorder=TEXT,
            )  # fmt: skip

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return one trace per sign."""
        order, values = self._sorted()
        texts = self.hover or self.labels
        first, second = (series.name for series in self.series())
        traces: list[Trace] = []
        for name, ink, sign in ((first, colours[first], 1), (second, colours[second], -1), ("equal", surface.ink, 0)):
            chosen = np.flatnonzero(np.sign(values) == sign)
            if len(chosen):
                traces.append(
                    {
                        "type": "bar", "name": safe(name), "x": (chosen + 1).tolist(),
                        "y": values[chosen].tolist(), "marker": {"color": ink, "line": {"width": 0}},
                        "hovertext": [safe_lines(texts[order[position]]) for position in chosen], "hoverinfo": "text",
                    }
                )  # fmt: skip
        return traces

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of both axes."""
        # No plus sign: plotly.js puts a tilde before formats that begin with one, and then shows raw numbers.
        y = {"title": safe(self.y_title), "zeroline": True, "zerolinecolor": surface.ink, "tickformat": ".2f"}
        return {"title": f"{len(self.values)} prompts, sorted", "showgrid": False}, y

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return the mean as a line with its interval as a band, and both in words."""
        wide = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y"}
        fill = {"fillcolor": surface.grid, "line": {"width": 0}, "layer": "below"}
        dashes = {"color": surface.ink, "width": 1.5, "dash": "dash"}
        shapes = [
            {"type": "rect", "y0": self.low, "y1": self.high, **fill, **wide},
            {"type": "line", "y0": self.mean, "y1": self.mean, "line": dashes, **wide},
        ]
        words = f"mean {self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        position = {"x": 1, "y": self.mean, "xref": "x domain", "yref": "y", "xanchor": "right", "yanchor": "bottom"}
        return shapes, [{"text": words, "showarrow": False, "font": {"size": FONT_SIZE}, **position}]

    def _sorted(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        values = np.array(self.values, np.float64)
        order = np.argsort(-values, kind="stable")
        return order, values[order]
