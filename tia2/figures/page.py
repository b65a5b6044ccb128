"""Figures as pages to explore, by Plotly. A page holds everything it needs and asks no server."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from tia2.figures.spec import Curves, Dots, Figure, Heatmap, Panel, Points
from tia2.figures.style import GRID, INK, MUTED, colour

PER_ROW = 4


def save_page(figure: Figure, path: Path) -> None:
    """Write a figure as one HTML file.

    Args:
        figure: What to draw.
        path: The file to write.
    """
    made = plot(figure)
    body = made.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})
    title, note = html.escape(figure.title), html.escape(figure.note)
    style = f"font-family: Arial, sans-serif; color: {INK}; margin: 1.5em"
    path.write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body style="{style}"><h1 style="font-size: 1.2em; font-weight: normal">{title}</h1>\n{body}\n'
        f'<p style="color: {MUTED}; font-size: .85em; max-width: 60em">{note}</p></body></html>\n',
        encoding="utf-8",
    )


def plot(figure: Figure) -> Any:
    """Return a figure as Plotly's own object.

    Args:
        figure: What to draw.

    Returns:
        A `plotly.graph_objects.Figure`.
    """
    from plotly.subplots import make_subplots

    columns = min(len(figure.panels), PER_ROW)
    rows = -(-len(figure.panels) // columns)
    made = make_subplots(
        rows,
        columns,
        subplot_titles=[html.escape(panel.title) for panel in figure.panels],
        shared_yaxes="all" if all(isinstance(panel, Curves) for panel in figure.panels) else False,
        horizontal_spacing=0.05,
        vertical_spacing=0.2 / rows,
    )
    colours = {name: colour(number) for number, name in enumerate(figure.names())}
    shown: set[str] = set()
    tallest = 0
    for number, panel in enumerate(figure.panels):
        where = {"row": number // columns + 1, "col": number % columns + 1}
        for trace in _TRACES[type(panel)](panel, colours):
            name = trace.name
            if name is not None and trace.showlegend is not False:
                trace.update(legendgroup=name, showlegend=name not in shown and len(colours) > 1)
                shown.add(name)
            made.add_trace(trace, **where)
        _axes(made, panel, where)
        tallest = max(tallest, len(panel.dots) if isinstance(panel, Dots) else 0)
    made.update_layout(
        template="plotly_white",
        font={"family": "Arial, sans-serif", "size": 12, "color": INK},
        height=max(420, 120 + 24 * tallest) * rows,
        legend={"orientation": "h", "y": -0.18 / rows},
        margin={"t": 50, "l": 60, "r": 30, "b": 60},
    )
    made.update_annotations(font_size=13)
    return made


def _curve_traces(panel: Panel, colours: dict[str, str]) -> list[Any]:
    from plotly.graph_objects import Scatter

    traces: list[Any] = []
    for curve in panel.curves if isinstance(panel, Curves) else []:
        ink = colours[curve.name]
        if curve.low is not None and curve.high is not None:
            traces.append(
                Scatter(
                    x=[*curve.x, *reversed(list(curve.x))], y=[*curve.high, *reversed(list(curve.low))], fill="toself",
                    fillcolor=_faint(ink), line={"width": 0}, hoverinfo="skip", legendgroup=curve.name,
                    showlegend=False, mode="lines",
                )
            )  # fmt: skip
        ends = (
            list(zip(curve.low, curve.high, strict=True)) if curve.low is not None and curve.high is not None else None
        )
        traces.append(
            Scatter(
                x=list(curve.x), y=list(curve.y), name=curve.name, mode="lines+markers", line={"color": ink},
                customdata=ends,
                hovertemplate="%{x:.4g}: %{y:.3f}"
                + (" (%{customdata[0]:.3f} to %{customdata[1]:.3f})" if ends else ""),
            )
        )  # fmt: skip
    return traces


def _dot_traces(panel: Panel, colours: dict[str, str]) -> list[Any]:
    from plotly.graph_objects import Scatter

    if not isinstance(panel, Dots):
        return []
    places = _places(panel)
    names = list(dict.fromkeys(dot.name for dot in panel.dots))
    traces = []
    for name in names:
        chosen = [dot for dot in panel.dots if dot.name == name]
        shift = (names.index(name) - (len(names) - 1) / 2) * 0.7 / max(len(names), 2)
        traces.append(
            Scatter(
                x=[dot.value for dot in chosen], y=[places[dot.row] + shift for dot in chosen], name=name,
                mode="markers",
                marker={
                    "color": ["white" if dot.hollow else colours[name] for dot in chosen], "size": 9,
                    "line": {"color": colours[name], "width": 2},
                },
                error_x={
                    "type": "data", "symmetric": False, "array": [dot.high - dot.value for dot in chosen],
                    "arrayminus": [dot.value - dot.low for dot in chosen], "color": colours[name], "thickness": 1.8,
                    "width": 0,
                },
                customdata=[(html.escape(dot.row), dot.low, dot.high) for dot in chosen],
                hovertemplate="%{customdata[0]}<br>%{x:.3f} (%{customdata[1]:.3f} to %{customdata[2]:.3f})",
            )
        )  # fmt: skip
    return traces


def _heatmap_traces(panel: Panel, colours: dict[str, str]) -> list[Any]:
    from plotly.graph_objects import Heatmap as Cells

    del colours
    if not isinstance(panel, Heatmap):
        return []
    low, high = panel.limits
    return [
        Cells(
            z=[list(row) for row in panel.values], x=list(panel.columns), y=list(panel.rows), zmin=low, zmax=high,
            colorscale="RdBu", reversescale=True, text=[list(row) for row in panel.texts], texttemplate="%{text}",
            showscale=False, hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>", showlegend=False,
        )
    ]  # fmt: skip


def _point_traces(panel: Panel, colours: dict[str, str]) -> list[Any]:
    from plotly.graph_objects import Scatter

    traces = []
    points = panel.points if isinstance(panel, Points) else []
    for name in dict.fromkeys(point.name for point in points):
        chosen = [point for point in points if point.name == name]
        traces.append(
            Scatter(
                x=[point.x for point in chosen], y=[point.y for point in chosen], name=name, mode="markers",
                marker={"color": colours[name], "size": 7, "opacity": 0.65},
                text=[html.escape(point.text) for point in chosen],
                hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
            )
        )  # fmt: skip
    return traces


_TRACES = {Curves: _curve_traces, Dots: _dot_traces, Heatmap: _heatmap_traces, Points: _point_traces}


def _axes(made: Any, panel: Panel, where: dict[str, int]) -> None:
    line = {"line_dash": "dash", "line_color": MUTED, "line_width": 1, "annotation_font_size": 10, **where}
    if isinstance(panel, Dots):
        places = _places(panel)
        made.update_xaxes(title_text=html.escape(panel.x_title), gridcolor=GRID, **where)
        made.update_yaxes(
            tickvals=list(places.values()),
            ticktext=[html.escape(row) for row in places],
            range=[len(places) - 0.4, -0.6],
            **where,
        )
        for words, level in panel.levels.items():
            made.add_vline(level, annotation_text=html.escape(words), annotation_position="bottom right", **line)
        return
    if isinstance(panel, Heatmap):
        made.update_yaxes(autorange="reversed", **where)
        return
    made.update_xaxes(title_text=html.escape(panel.x_title), gridcolor=GRID, **where)
    made.update_yaxes(title_text=html.escape(panel.y_title), gridcolor=GRID, **where)
    for words, level in panel.levels.items():
        made.add_hline(level, annotation_text=html.escape(words), annotation_position="top right", **line)
    if isinstance(panel, Curves):
        if panel.log:
            made.update_xaxes(type="log", **where)
        if panel.ticks is not None:
            made.update_xaxes(tickvals=list(panel.ticks), ticktext=[f"{tick:g}" for tick in panel.ticks], **where)
    elif panel.diagonal:
        ends = [value for point in panel.points for value in (point.x, point.y)] or [0.0, 1.0]
        low, high = min(ends), max(ends)
        made.add_shape(
            type="line", x0=low, y0=low, x1=high, y1=high, line={"dash": "dash", "color": MUTED, "width": 1}, **where
        )


def _places(panel: Dots) -> dict[str, int]:
    return {row: place for place, row in enumerate(dict.fromkeys(dot.row for dot in panel.dots))}


def _faint(ink: str) -> str:
    red, green, blue = (int(ink[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.13)"
