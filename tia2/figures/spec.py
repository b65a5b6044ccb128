"""What a figure shows, apart from how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Numbers = Sequence[float]


@dataclass(frozen=True)
class Curve:
    """A line with a band.

    Attributes:
        name: In the legend; curves of one name share a colour in all panels.
        x: Ascending.
        y: Same length, NaN for a gap.
        low: Lower edge of the band, or None.
        high: Upper edge.
    """

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


@dataclass(frozen=True)
class Curves:
    """A panel of curves.

    Attributes:
        title: Above it.
        x_title: Under the axis.
        y_title: Beside the axis.
        curves: What it holds.
        log: Whether the x axis is logarithmic.
        levels: Horizontal lines, by what they mean.
        ticks: Where the x axis is labelled; None for a default.
    """

    title: str
    x_title: str
    y_title: str
    curves: Sequence[Curve]
    log: bool = False
    levels: dict[str, float] = field(default_factory=dict)
    ticks: Numbers | None = None


@dataclass(frozen=True)
class Dot:
    """A value with its interval in one row of a panel.

    Attributes:
        row: The row's label.
        name: In the legend; dots of one name share a colour.
        value: NaN to leave it out.
        low: Lower end of the interval, NaN for none.
        high: Upper end.
        hollow: Whether it is drawn hollow, as what is no result.
    """

    row: str
    name: str
    value: float
    low: float
    high: float
    hollow: bool = False


@dataclass(frozen=True)
class Dots:
    """A panel of rows with one or several dots each.

    Attributes:
        title: Above it.
        x_title: Under the axis.
        dots: What it holds; rows appear in the order of their first dot, from the top.
        levels: Vertical lines, by what they mean.
    """

    title: str
    x_title: str
    dots: Sequence[Dot]
    levels: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Heatmap:
    """A panel of coloured cells.

    Attributes:
        title: Above it.
        rows: Labels.
        columns: Labels.
        values: One list a row, NaN for an empty cell.
        texts: What stands in the cells, same shape.
        limits: The values at both ends of the colours.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Numbers]
    texts: Sequence[Sequence[str]]
    limits: tuple[float, float]


@dataclass(frozen=True)
class Point:
    """A point of a scatter.

    Attributes:
        x: Where.
        y: Where.
        name: In the legend; points of one name share a colour.
        text: What it is; shown when it is pointed at.
        label: What is written beside it in the picture, usually nothing.
    """

    x: float
    y: float
    name: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class Points:
    """A panel of points.

    Attributes:
        title: Above it.
        x_title: Under the axis.
        y_title: Beside the axis.
        points: What it holds.
        diagonal: Whether to draw the line of equal x and y.
        levels: Horizontal lines, by what they mean.
    """

    title: str
    x_title: str
    y_title: str
    points: Sequence[Point]
    diagonal: bool = False
    levels: dict[str, float] = field(default_factory=dict)


Panel = Curves | Dots | Heatmap | Points


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        title: A sentence above everything.
        panels: From left to right.
        note: What a reader must know, under everything.
    """

    title: str
    panels: Sequence[Panel]
    note: str = ""

    def names(self) -> list[str]:
        """Return the names of the legend, in the order of first appearance."""
        found: dict[str, None] = {}
        for panel in self.panels:
            if isinstance(panel, Curves):
                found |= dict.fromkeys(curve.name for curve in panel.curves)
            elif isinstance(panel, Dots):
                found |= dict.fromkeys(dot.name for dot in panel.dots)
            elif isinstance(panel, Points):
                found |= dict.fromkeys(point.name for point in panel.points)
        return list(found)
