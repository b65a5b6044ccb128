"""Panels of coloured cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tia2.figures.panel import Colours, Numbers, Series
from tia2.figures.style import PAPER, Surface, Trace
from tia2.figures.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_COLUMNS = 8
"""With more columns than these, cells are smaller."""


@dataclass(frozen=True)
class Heatmap:
    """A panel of coloured cells.

    Attributes:
        title: Text above the panel.
        rows: Labels of the rows.
        columns: Labels of the columns.
        values: One sequence per row, NaN for an empty cell.
        texts: Texts in the cells, of the same shape.
        limits: Values at both ends of the colours.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Numbers]
    texts: Sequence[Sequence[str]]
    limits: tuple[float, float]

    shares_y: ClassVar[bool] = False

    def series(self) -> list[Series]:
        """Return nothing: cells have no legend."""
        return []

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""
        width, height = (0.75, 0.45) if len(self.columns) <= MANY_COLUMNS else (0.5, 0.3)
        return 1.8 + width * len(self.columns), 1.4 + height * len(self.rows)

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""
        del colours
        values = np.array(self.values, np.float64)
        low, high = self.limits
        axes.imshow(values, cmap="RdBu_r", vmin=low, vmax=high, aspect="auto")
        for row, texts in enumerate(self.texts):
            for column, text in enumerate(texts):
                strong = abs(values[row, column] - (low + high) / 2) > 0.35 * (high - low)
                ink = "white" if strong else PAPER.ink
                axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(self.columns)), self.columns, rotation=30, ha="right")
        axes.set_yticks(range(len(self.rows)), self.rows)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return the cells as one trace."""
        del colours, surface
        low, high = self.limits
        return [
            {
                "type": "heatmap", "z": [list(row) for row in self.values], "x": list(map(safe, self.columns)),
                "y": list(map(safe, self.rows)), "zmin": low, "zmax": high, "colorscale": "RdBu", "reversescale": True,
                "text": [list(map(safe, row)) for row in self.texts], "texttemplate": "%{text}", "showscale": False,
                "hovertemplate": "%{y}, %{x}: %{z:.3f}<extra></extra>", "showlegend": False,
            }
        ]  # fmt: skip

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of both axes, the first row on top."""
        # Invisible ticks keep labels away from the cells.
        return {}, {"autorange": "reversed", "ticks": "outside", "ticklen": 5, "tickcolor": surface.background}

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return nothing."""
        del surface
        return [], []
