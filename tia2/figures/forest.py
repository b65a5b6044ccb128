"""Forest plots: rows of marks with intervals, beside lines and bands of reference."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tia2.figures.panel import Colours, Series, unique
from tia2.figures.style import BEHIND, FONT_SIZE, FRONT, PAPER, TEXT, Surface, Trace, error_bars, note_font
from tia2.figures.text import safe, safe_lines, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAN = float("nan")
ABOVE, BELOW = 0.7, 0.75
"""Space above the first row and below the last one, in rows."""
ROW = 38
"""Pixels per row on a page."""

_LONG_LABEL = 34
_SYMBOLS = {"circle": "o", "diamond": "D", "square": "s"}


@dataclass(frozen=True)
class ForestRow:
    """A row of a forest plot.

    Attributes:
        key: Name by which marks refer to the row.
        label: Text beside it; its key if empty.
        detail: A second line of the label.
        side: Text on its other side, such as the letters of its groups.
        gap: Space above it, in rows.
    """

    key: str
    label: str = ""
    detail: str = ""
    side: str = ""
    gap: float = 0.0


@dataclass(frozen=True)
class ForestMark:
    """A value with its interval in a row.

    Attributes:
        row: Key of the row.
        series: Series that it belongs to.
        value: Position of the mark, NaN to leave it out.
        low: Lower end of the interval, NaN for none.
        high: Upper end of the interval, NaN for none.
        label: Text above the mark.
        hover: Text shown when the mark is pointed at, of one or several lines; the row's label and the value if empty.
        shift: Distance below the middle of the row, in rows; None to put the series of a row below each other.
    """

    row: str
    series: Series
    value: float
    low: float = NAN
    high: float = NAN
    label: str = ""
    hover: str = ""
    shift: float | None = None


@dataclass(frozen=True)
class ReferenceLine:
    """A vertical line that marks are compared with, and a band around it.

    Attributes:
        name: Meaning of the line, written beside it.
        value: Position of the line.
        low: Left end of the band, NaN for none.
        high: Right end of the band, NaN for none.
    """

    name: str
    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Forest:
    """A forest plot.

    Attributes:
        title: Text above the panel.
        x_title: Text under the axis.
        marks: Values with their intervals.
        rows: Rows from top to bottom; if empty, those that the marks name, in order.
        references: Lines and bands of reference.
        side_title: Text above what stands on the rows' other side.
        limits: Ends of the axis; None for what the marks need.
    """

    title: str
    x_title: str
    marks: Sequence[ForestMark]
    rows: Sequence[ForestRow] = ()
    references: Sequence[ReferenceLine] = ()
    side_title: str = ""
    limits: tuple[float, float] | None = None

    shares_y: ClassVar[bool] = True

    def series(self) -> list[Series]:
        """Return the lines of the legend."""
        return unique(mark.series for mark in self.marks)

    def positions(self) -> dict[str, float]:
        """Return how far every row is below the first one, in rows."""
        positions: dict[str, float] = {}
        height = 0.0
        for row in self._rows():
            height += row.gap
            positions[row.key] = height
            height += 1
        return positions

    def y_range(self) -> tuple[float, float]:
        """Return the lower and the upper end of the vertical axis, in rows; it runs downwards."""
        return max(self.positions().values(), default=0.0) + BELOW, -ABOVE

    def size(self) -> tuple[float, float]:
        """Return the width and height in a picture, in inches."""
        bottom, top = self.y_range()
        stacked = len([series for series in self.series() if self._is_stacked(series)])
        return 2.8, max(0.7 + max(0.34, 0.2 * stacked) * (bottom - top), 1.6)

    def draw(self, axes: Axes, colours: Colours) -> None:
        """Draw the panel with Matplotlib."""
        for mark, y in zip(self.marks, self._heights(), strict=True):
            ink, open_mark = colours[mark.series.name], mark.series.hollow
            # Marks off the middle are secondary: smaller and thinner.
            small = self._is_secondary(mark)
            axes.plot([mark.low, mark.high], [y, y], color=ink, linewidth=1 if small else 1.8, zorder=FRONT)
            axes.plot(
                mark.value, y, _SYMBOLS[mark.series.symbol], color=PAPER.background if open_mark else ink,
                markeredgecolor=ink, markersize=3.8 if small else 5, zorder=FRONT + 1,
            )  # fmt: skip
            if mark.label:
                axes.annotate(
                    mark.label, (mark.value, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7.5,
                    zorder=TEXT,
                )  # fmt: skip
        for number, line in enumerate(self.references):
            axes.axvspan(line.low, line.high, color=PAPER.grid, linewidth=0, zorder=0)
            axes.axvline(line.value, color=PAPER.muted, linewidth=0.9, linestyle="--", zorder=BEHIND)
            axes.annotate(
                line.name, (line.value, 0), xycoords=("data", "axes fraction"), xytext=(2, 3 + 9 * number),
                textcoords="offset points", fontsize=7, color=PAPER.muted,
            )  # fmt: skip
        labels = [textwrap.fill(row.label or row.key, _LONG_LABEL) for row in self._rows()]
        axes.set_yticks(list(self.positions().values()), labels)
        axes.set_ylim(*self.y_range())
        if self.limits is not None:
            axes.set_xlim(*self.limits)
        axes.set_xlabel(self.x_title)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)

    def traces(self, colours: Colours, surface: Surface) -> list[Trace]:
        """Return one trace per series, and one of the texts on the rows' other side."""
        labels = {row.key: row.label or row.key for row in self._rows()}
        heights = self._heights()
        traces = []
        for series in self.series():
            chosen = [(mark, y) for mark, y in zip(self.marks, heights, strict=True) if mark.series.name == series.name]
            traces.append(self._trace(series, chosen, labels, colours[series.name], surface))
        sides = [(position, row.side) for row, position in self._sides()]
        if sides and self.limits is not None:
            # One trace: a page draws thirty rows in 50 ms with it, and in 66 with annotations.
            traces.append(
                {
                    "type": "scatter", "mode": "text", "x": [self.limits[1]] * len(sides), "y": [y for y, _ in sides],
                    "text": [safe(text) for _, text in sides], "textposition": "middle right",
                    "textfont": {"size": FONT_SIZE}, "cliponaxis": False, "hoverinfo": "skip", "showlegend": False,
                }
            )  # fmt: skip
        return traces

    def plotly_axes(self, surface: Surface) -> tuple[Trace, Trace]:
        """Return the settings of both axes."""
        del surface
        x: Trace = {"title": safe(self.x_title), "tickformat": ".3~g"}
        y: Trace = {
            "range": list(self.y_range()),
            "tickvals": list(self.positions().values()),
            "ticktext": [_label(row) for row in self._rows()],
            "gridcolor": "rgba(128, 134, 145, 0.12)",
        }
        return x | ({"range": list(self.limits)} if self.limits is not None else {}), y

    def decorations(self, surface: Surface) -> tuple[list[Trace], list[Trace]]:
        """Return lines and bands of reference, and their names."""
        shapes: list[Trace] = []
        names: list[Trace] = []
        for number, line in enumerate(self.references):
            tall = {"xref": "x", "yref": "y domain", "y0": 0, "y1": 1, "layer": "below"}
            if line.low == line.low and line.high == line.high:
                fill = {"fillcolor": surface.grid, "line": {"width": 0}, "opacity": 0.6}
                shapes.append({"type": "rect", "x0": line.low, "x1": line.high, **fill, **tall})
            dashes = {"color": surface.muted, "width": 1, "dash": "dash"}
            shapes.append({"type": "line", "x0": line.value, "x1": line.value, "line": dashes, **tall})
            # Without a title there is room above the panel.
            side = (
                {"y": 0, "yanchor": "bottom", "xanchor": "left", "yshift": 15 * number}
                if self.title
                else {"y": 1, "yanchor": "bottom", "yshift": 16 - 15 * number}
            )
            names.append(_note(line.name, surface, x=line.value, xref="x", **side))
        if self.side_title and self._sides():
            names.append(_note(self.side_title, surface, x=1, xref="x domain", y=1, xanchor="left", yanchor="bottom"))
        return shapes, names

    def _trace(
        self, series: Series, marks: Sequence[tuple[ForestMark, float]], labels: dict[str, str], ink: str, on: Surface
    ) -> Trace:
        values = [mark.value for mark, _ in marks]
        small = bool(marks) and self._is_secondary(marks[0][0])
        lows, highs = [mark.low for mark, _ in marks], [mark.high for mark, _ in marks]
        symbol = f"{series.symbol}-open" if small and series.hollow else series.symbol
        fill = on.background if series.hollow and not small else ink
        labelled = any(mark.label for mark, _ in marks)
        trace: Trace = {
            "type": "scatter", "mode": "markers+text" if labelled else "markers", "name": safe(series.name),
            "x": values, "y": [y for _, y in marks],
            "marker": {
                "symbol": symbol, "size": 7 if small else 10, "color": fill,
                "line": {"color": ink, "width": 1.5 if small else 2},
            },
            "error_x": error_bars(values, lows, highs, ink, 1 if small else 2),
            "hovertext": [safe_lines(mark.hover or _hover(mark, labels[mark.row])) for mark, _ in marks],
            "hoverinfo": "text",
        }  # fmt: skip
        if labelled:
            trace |= {"text": [safe(mark.label) for mark, _ in marks], "textposition": "top center"}
        return trace

    def _rows(self) -> Sequence[ForestRow]:
        return self.rows or [ForestRow(key) for key in dict.fromkeys(mark.row for mark in self.marks)]

    def _sides(self) -> list[tuple[ForestRow, float]]:
        return [(row, y) for row, y in zip(self._rows(), self.positions().values(), strict=True) if row.side]

    def _heights(self) -> list[float]:
        """Return how far every mark is below the first row."""
        positions = self.positions()
        stacked = [series.name for series in self.series() if self._is_stacked(series)]
        step = 0.7 / max(len(stacked), 2)
        return [
            positions[mark.row]
            + (step * (stacked.index(mark.series.name) - (len(stacked) - 1) / 2) if mark.shift is None else mark.shift)
            for mark in self.marks
        ]

    def _is_stacked(self, series: Series) -> bool:
        return any(mark.series.name == series.name and mark.shift is None for mark in self.marks)

    @staticmethod
    def _is_secondary(mark: ForestMark) -> bool:
        return mark.shift is not None and mark.shift != 0


def _label(row: ForestRow) -> str:
    label = safe(row.label or row.key)
    return f"<b>{label}</b><br>{safe(row.detail)}" if row.detail else label


def _hover(mark: ForestMark, label: str) -> str:
    return f"{label}\n{mark.series.name}\n{with_interval(mark.value, mark.low, mark.high)}"


def _note(text: str, surface: Surface, **position: Any) -> Trace:
    return {"text": safe(text), "yref": "y domain", "showarrow": False, "font": note_font(surface), **position}
