"""What optimising against an entry did: one judge's curve along a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from tia2.figures.style import faint

from ..data.board_runs import BoardRun
from .style import CLEAR, INK, PALETTE, Trace, clean, empty, figure, safe

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Against = Literal["distance", "steps"]
AXES: dict[str, str] = {"distance": "√KL from the base model, √nats", "steps": "optimiser steps"}
COLOURS = {"train": PALETTE[0], "held-out": PALETTE[1]}
LINES = {"train": "training prompts", "held-out": "held-out prompts"}
HEIGHT = 340


def run_curve(run: BoardRun, role: str, against: str) -> Figure:
    """Return a judge's mean over the test images along a run, with intervals over prompts; the peak of gold is marked.

    Args:
        run: The run.
        role: "proxy", "gold", or "watch0" and on.
        against: "distance" (√KL) or "steps".
    """
    report = run.report
    lines = [line for line in report.curves if line.role == role]
    if not lines:
        return empty("The run has no gold judge." if role == "gold" else "The run has no such judge.", HEIGHT)
    x = distances(run) if against == "distance" else [float(step) for step in report.updates]
    if any(map(math.isnan, x)):
        return empty("The run measured no KL divergence: look at the optimiser steps.", HEIGHT)
    traces: list[Trace] = []
    for line in lines:
        colour, name = COLOURS[line.split], LINES[line.split]
        if not any(map(math.isnan, [*line.low, *line.high])):
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": [*x, *reversed(x)],
                    "y": [*line.high, *reversed(line.low)], "fill": "toself", "fillcolor": faint(colour, 0.16),
                    "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": name, "showlegend": False,
                }
            )  # fmt: skip
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": x, "y": line.mean, "name": name, "legendgroup": name,
                "line": {"color": colour, "width": 2.2}, "marker": {"size": 6},
                "hovertext": [
                    f"{safe(line.name)}, {name}<br>epoch {epoch}: {mean:.3f}"
                    for epoch, mean in zip(report.epochs, line.mean, strict=True)
                ],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    traces += _peak(run, role, x)
    return figure(
        traces,
        HEIGHT,
        xaxis={"title": AXES[against]},
        yaxis={"title": safe(lines[0].name, 40), "tickformat": ".3~g"},
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 80},
    )


def run_curve_words(run: BoardRun) -> str:
    """Return what proxy and gold did from the base model to the end, in a sentence or two."""
    report = run.report
    parts = []
    for line in report.curves:
        if line.role in ("proxy", "gold"):
            ends = f"from {line.mean[0]:.3f} to {line.mean[-1]:.3f}"
            parts.append(f"{clean(line.name)} ({line.role}, {LINES[line.split]}) {ends}")
    last = report.kl[-1]
    distance = "" if math.isnan(last) else f", {last:.1f} nats from the base model"
    return f"In {report.updates[-1]} optimiser steps{distance}: {'; '.join(parts)}. Bands: 95 % intervals over prompts."


def distances(run: BoardRun) -> list[float]:
    """Return √KL at every evaluation, in √nats."""
    return [math.nan if math.isnan(kl) else math.sqrt(max(kl, 0.0)) for kl in run.report.kl]


def _peak(run: BoardRun, role: str, x: list[float]) -> list[Trace]:
    """Return marks at the checkpoint that gold on validation images calls the peak."""
    marks: list[Trace] = []
    for peak in run.report.peaks if role == "gold" else ():
        position = run.report.epochs.index(peak.peak_epoch)
        (line,) = [line for line in run.report.curves if line.role == role and line.split == peak.split]
        marks.append(
            {
                "type": "scatter", "mode": "markers", "x": [x[position]], "y": [line.mean[position]],
                "name": "peak", "showlegend": not marks, "legendgroup": "peak",
                "marker": {"symbol": "diamond", "size": 13, "color": CLEAR, "line": {"color": INK, "width": 2}},
                "hovertext": [f"peak on {LINES[peak.split]}: epoch {peak.peak_epoch}, {peak.peak_kl:.1f} nats"],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    return marks
