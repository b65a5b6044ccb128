"""Figures as pages to explore, by Plotly. A page holds everything it needs and asks no server."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from tia2.figures.spec import FigureSpec
from tia2.figures.style import FONT, FONT_SIZE, PAPER, plotly_axis, plotly_layout
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
        cell = {"row": number // columns + 1, "col": number % columns + 1}
        for trace in panel.traces(colours, PAPER):
            name = trace.get("name")
            if name is not None and trace.get("showlegend") is not False:
                # A series has one line of the legend, which shows and hides it in all panels.
                trace |= {"legendgroup": name, "showlegend": name not in in_legend and len(colours) > 1}
                in_legend.add(name)
            canvas.add_trace(trace, **cell)
        x_axis, y_axis = panel.plotly_axes(PAPER)
        if cell["col"] > 1 and figure.shares_y():
            y_axis = y_axis | {"title": None}
        canvas.update_xaxes(plotly_axis(PAPER, x_axis), **cell)
        canvas.update_yaxes(plotly_axis(PAPER, {"automargin": True, **y_axis}), **cell)
        shapes, annotations = panel.decorations(PAPER)
        for shape in shapes:
            canvas.add_shape(shape, **cell)
        for annotation in annotations:
            canvas.add_annotation(annotation, **cell)
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
