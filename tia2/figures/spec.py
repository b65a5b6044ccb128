"""What a figure shows, apart from how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tia2.figures.panel import FigurePanel, Series, colours_of, unique

PER_ROW = 4


@dataclass(frozen=True)
class FigureSpec:
    """A figure.

    Attributes:
        title: Sentence above everything.
        panels: Panels from left to right, and then from top to bottom.
        note: Text under everything, with what a reader must know.
        per_row: Number of panels side by side at most.
    """

    title: str
    panels: Sequence[FigurePanel]
    note: str = ""
    per_row: int = PER_ROW

    def series(self) -> list[Series]:
        """Return the lines of the legend, in the order of first appearance."""
        return unique(series for panel in self.panels for series in panel.series())

    def colours(self) -> dict[str, str]:
        """Return the colour of every series, by name."""
        return colours_of(self.series())

    def shape(self) -> tuple[int, int]:
        """Return the number of rows and of columns of panels."""
        columns = min(len(self.panels), self.per_row)
        return -(-len(self.panels) // columns), columns

    def shares_y(self) -> bool:
        """Return whether all panels have the same vertical axis."""
        axes = {(type(panel), getattr(panel, "y_title", None)) for panel in self.panels}
        return len(axes) == 1 and self.panels[0].shares_y
