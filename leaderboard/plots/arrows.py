"""What TextNorm does to every model: an arrow from the raw reward's figure to the calibrated one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tia2.calibration.base import TEXTNORM

from ..data.board import Board, BoardEntry, Floats
from .rows import title_of, where
from .style import PALETTE, Trace, clean, cut, empty, figure, safe

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TOP = 25
ROW = 34
WITHIN, POOLED, CHOSEN = PALETTE[0], PALETTE[1], PALETTE[2]


@dataclass(frozen=True)
class Pair:
    """A model's raw entry and its calibrated ones, as positions on the board."""

    model: str
    raw: int
    fixed: int | None
    cv: int | None


def arrows(board: Board, scope: str, metric: str) -> Figure:
    """Return for every model an arrow from raw to TextNorm, within prompts, and pooled where the metric is AUROC.

    The arrow ends at the documented setting; another one below it ends at the setting chosen by cross-validation.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    pairs = _pairs(board, scope, metric)[:TOP]
    if not pairs:
        return empty("No model on this board has both raw and TextNorm entries.")
    title, within = title_of(metric), board.estimate(scope, metric)
    traces = [
        _arrows(within, pairs, "fixed", "within prompts", WITHIN, -0.2),
        _arrows(within, pairs, "cv", "within prompts, setting by cv", CHOSEN, 0.0),
    ]
    if metric == board.usual_metric:
        pooled = board.estimate(scope, metric, "pooled")
        traces.append(_arrows(pooled, pairs, "fixed", "pooled over prompts", POOLED, 0.24))
    return figure(
        traces,
        ROW * len(pairs) + 130,
        xaxis={"title": f"{title}, {where(scope)}: raw → TextNorm", "tickformat": ".3~g"},
        yaxis={
            "range": [len(pairs) - 0.4, -0.6],
            "tickvals": list(range(len(pairs))),
            "ticktext": [safe(pair.model, 24) for pair in pairs],
        },
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 80},
    )


def arrows_words(board: Board, scope: str, metric: str) -> str:
    """Return what the arrows show, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    pairs = [pair for pair in _pairs(board, scope, metric) if pair.fixed is not None]
    if not pairs:
        return "No model on this board has both raw and TextNorm entries."
    sentences = []
    for estimate, name in (
        ("mean", "within prompts"),
        *((("pooled", "pooled over prompts"),) if metric == board.usual_metric else ()),
    ):
        values = board.estimate(scope, metric, estimate)
        gains = {
            pair.model: float(values[pair.fixed] - values[pair.raw])
            for pair in pairs
            if pair.fixed is not None and np.isfinite(values[[pair.raw, pair.fixed]]).all()
        }
        if gains:
            most = max(gains, key=lambda model: abs(gains[model]))
            raised = sum(gain > 0 for gain in gains.values())
            sentences.append(
                f"TextNorm at the documented setting raises {title_of(metric)} {name} for {raised} of "
                f"{len(gains)} models; it moves {cut(clean(most), 60)} most, by {gains[most]:+.3f}."
            )
    return " ".join(sentences) or "The figures are not known."


def _pairs(board: Board, scope: str, metric: str) -> list[Pair]:
    """Return the models that have both, best raw reward first."""
    board.check(scope, metric)
    positions: dict[str, dict[str, int]] = {}
    for position, entry in enumerate(board.entries):
        role = _role(entry)
        if role and entry.listing is not None and entry.complete:
            positions.setdefault(entry.listing.id, {}).setdefault(role, position)
    means = board.estimate(scope, metric)
    pairs = [
        Pair(_model(board.entries[roles["raw"]]), roles["raw"], roles.get("fixed"), roles.get("cv"))
        for roles in positions.values()
        if "raw" in roles and len(roles) > 1 and np.isfinite(means[roles["raw"]])
    ]
    return sorted(pairs, key=lambda pair: -means[pair.raw])


def _role(entry: BoardEntry) -> str:
    """Return raw, fixed or cv; empty for anything else."""
    calibration = entry.calibration
    if calibration is None or calibration.combines or calibration.upper_bound:
        return ""
    return {"raw": "raw", TEXTNORM: calibration.setting}.get(calibration.family, "")


def _model(entry: BoardEntry) -> str:
    return entry.name if entry.listing is None else entry.listing.card.name


def _arrows(
    values: Floats, pairs: list[Pair], role: Literal["fixed", "cv"], name: str, colour: str, shift: float
) -> Trace:
    """Return arrows from every model's raw figure to its calibrated one, `shift` rows below the model's row."""
    x: list[float | None] = []
    y: list[float | None] = []
    hover: list[str] = []
    for number, pair in enumerate(pairs):
        end = pair.fixed if role == "fixed" else pair.cv
        if end is None or not np.isfinite(values[[pair.raw, end]]).all():
            continue
        start, stop = float(values[pair.raw]), float(values[end])
        words = f"{safe(pair.model)}, {name}<br>{start:.3f} → {stop:.3f} ({stop - start:+.3f})"
        x += [start, stop, None]
        y += [number + shift, number + shift, None]
        hover += [words, words, ""]
    count = len(x) // 3
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y, "line": {"color": colour, "width": 2},
        "marker": {
            "symbol": ["circle", "arrow", "circle"] * count, "size": [6, 12, 0] * count, "angleref": "previous",
            "color": colour, "opacity": 1, "line": {"width": 0},
        },
        "hovertext": hover, "hoverinfo": "text", "showlegend": bool(x),
    }  # fmt: skip
