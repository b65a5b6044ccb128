"""Figures as pages to explore, by Plotly. A page holds everything it needs and asks no server."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tia2.figures.panel import FigurePanel
from tia2.figures.spec import FigureSpec
from tia2.figures.style import FONT, FONT_SIZE, PAPER, SCREEN, Surface, Trace, plotly_axis, plotly_layout
from tia2.figures.text import safe


def save_page(figure: FigureSpec, path: Path) -> None:
    """Write a figure as one HTML file.

    Args:
        figure: Figure to draw.
        path: File to write.
    """
    body = plot(figure).to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
    )
    title, note = html.escape(figure.title), html.escape(figure.note)
    style = f"font-family: {FONT}; color: {PAPER.ink}; background: {PAPER.background}; margin: 1.5em"
    path.write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body style="{style}"><h1 style="font-size: 1.2em; font-weight: normal">{title}</h1>\n{body}\n'
        f'<p style="color: {PAPER.muted}; font-size: .85em; max-width: 60em">{note}</p></body></html>\n',
        encoding="utf-8",
    )


def plot(figure: FigureSpec) -> Any:
    """Return a figure as Plotly's own object.

    Args:
        figure: Figure to draw.

    Returns:
        A `plotly.graph_objects.Figure`.
    """
    from plotly.subplots import make_subplots

    rows, columns = figure.shape()
    canvas = make_subplots(
        rows,
        columns,
        subplot_titles=[safe(panel.title) for panel in figure.panels],
        shared_yaxes="all" if figure.shares_y() else False,
        horizontal_spacing=0.05 if figure.shares_y() else 0.4 / max(columns, 4),
        vertical_spacing=0.2 / rows,
    )
    colours = figure.colours()
    in_legend: set[str] = set()
    for number, panel in enumerate(figure.panels):
        row, column = number // columns + 1, number % columns + 1
        traces = panel.traces(colours, PAPER)
        for trace in traces:
            name = trace.get("name")
            if name is not None and trace.get("showlegend") is not False:
                # A series has one line of the legend, which shows and hides it in all panels.
                trace |= {"legendgroup": name, "showlegend": name not in in_legend and len(colours) > 1}
                in_legend.add(name)
        _fill(canvas, panel, traces, PAPER, row, column, named_y=column == 1 or not figure.shares_y())
    tallest = max(panel.size()[1] for panel in figure.panels)
    canvas.update_layout(
        plotly_layout(PAPER),
        height=max(420, 120 + int(110 * tallest)) * rows,
        legend={"orientation": "h", "y": -0.18 / rows},
        margin={"t": 50, "l": 60, "r": 30, "b": 60},
    )
    for heading in canvas.layout.annotations[: len(figure.panels)]:
        heading.font.size = FONT_SIZE + 1
    return canvas


def plot_panels(figure: FigureSpec, surface: Surface = SCREEN) -> list[Any]:
    """Return each panel as a Plotly figure of its own, without title or legend, in the colours of the whole figure.

    A page that arranges them by the width of its screen writes the titles and the legend itself.

    Args:
        figure: Figure to draw.
        surface: Surface that the panels are drawn on.

    Returns:
        A `plotly.graph_objects.Figure` per panel.
    """
    from plotly.graph_objects import Figure

    colours = figure.colours()
    canvases = []
    for panel in figure.panels:
        x_axis, y_axis = panel.plotly_axes(surface)
        shapes, annotations = panel.decorations(surface)
        layout = {
            **plotly_layout(surface),
            "height": max(240, 30 + int(85 * panel.size()[1])),
            "showlegend": False,
            "margin": {"t": 10, "l": 52, "r": 8, "b": 44},
            "xaxis": plotly_axis(surface, {"anchor": "y", "domain": [0, 1], **x_axis}),
            "yaxis": plotly_axis(surface, {"automargin": True, "anchor": "x", "domain": [0, 1], **y_axis}),
            "shapes": [_in_cell(shape) for shape in shapes],
            "annotations": [_in_cell(annotation) for annotation in annotations],
        }
        traces = [
            {**trace, "showlegend": False, "xaxis": "x", "yaxis": "y"} for trace in panel.traces(colours, surface)
        ]
        # All at once: Plotly takes several times as long to change a figure that is there.
        canvases.append(Figure({"data": traces, "layout": layout}))
    return canvases


def _in_cell(decoration: Trace) -> Trace:
    """Return a shape or annotation on the axes of the only panel, in their units or in shares of their lengths."""
    axes = {
        f"{letter}ref": f"{letter} domain" if "domain" in decoration.get(f"{letter}ref", "") else letter
        for letter in "xy"
    }
    return {**decoration, **axes}


def _fill(
    canvas: Any,
    panel: FigurePanel,
    traces: Sequence[Trace],
    surface: Surface,
    row: int,
    column: int,
    *,
    named_y: bool,
) -> None:
    """Draw a panel into one cell of a Plotly figure."""
    cell = {"row": row, "col": column}
    for trace in traces:
        canvas.add_trace(trace, **cell)
    x_axis, y_axis = panel.plotly_axes(surface)
    if not named_y:
        y_axis = y_axis | {"title": None}
    canvas.update_xaxes(plotly_axis(surface, x_axis), **cell)
    canvas.update_yaxes(plotly_axis(surface, {"automargin": True, **y_axis}), **cell)
    shapes, annotations = panel.decorations(surface)
    for shape in shapes:
        canvas.add_shape(shape, **cell)
    for annotation in annotations:
        canvas.add_annotation(annotation, **cell)
