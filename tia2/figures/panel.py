"""What every panel of a figure can do, and the series that panels share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from tia2.figures.style import Surface, Trace, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = Sequence[float]
Colours = Mapping[str, str]
"""Colours of a figure's series, by name."""

Levels = Mapping[str, float]
"""Lines of reference, by what they mean."""


@dataclass(frozen=True)
class Series:
    """What belongs together in a figure: one line of the legend, one colour in all panels.

    Attributes:
        name: Text in the legend.
        colour: Colour in the form #rrggbb; None for the next one of the palette.
        symbol: Shape of its marks.
        hollow: Whether its marks are drawn hollow, as upper bounds are.
        line: Whether its marks have lines: those of a curve, or intervals.
    """

    name: str
    colour: str | None = None
    symbol: Literal["circle", "diamond", "square"] = "circle"
    hollow: bool = False
    line: bool = True


class FigurePanel(Protocol):
    """One set of axes of a figure, which Matplotlib and Plotly both draw from the same data."""

    shares_y: ClassVar[bool]
    """Whether panels of this class side by side have the same vertical axis."""

    @property
    def title(self) -> str:
        """Return the text above the panel."""

    def series(self) -> list[Series]:
        """Return the lines of the legend, in order of appearance."""

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return the panel's Plotly traces."""

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of the horizontal and the vertical Plotly axis."""

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return Plotly shapes and annotations that go with the traces."""


def unique(series: Iterable[Series]) -> list[Series]:
    """Return the first series of every name, in order."""
    return list({line.name: line for line in reversed(list(series))}.values())[::-1]


def colours_of(series: Iterable[Series]) -> dict[str, str]:
    """Return the colour of every series: its own, or the next one of the palette.

    Example:
        >>> colours_of([Series("a"), Series("people", "#616e7c"), Series("b")]) == {
        ...     "a": colour(0), "people": "#616e7c", "b": colour(1)}
        True
    """
    colours: dict[str, str] = {}
    taken = 0
    for line in series:
        if line.name not in colours:
            colours[line.name] = line.colour or colour(taken)
            taken += line.colour is None
    return colours
