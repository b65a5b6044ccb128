"""What TextNorm does to every model: an arrow from the raw reward's figure to the calibrated one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..data.board import Board, BoardEntry
from .rows import title_of, where
from .style import PALETTE, Trace, clean, cut, empty, figure, safe

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TOP = 25
ROW = 34
WITHIN, POOLED, FAINT = PALETTE[0], PALETTE[1], "rgba(61, 127, 176, 0.5)"


@dataclass(frozen=True)
class Pair:
    """One model's raw entry and its calibrated ones, as positions on the board."""

    model: str
    raw: int
    fixed: int | None
    cv: int | None


def arrows(board: Board, scope: str, metric: str) -> Figure:
    """Return for every model an arrow from raw to TextNorm, within prompts, and pooled where the metric is AUROC.

    The arrow ends at the documented setting; a lighter one below it ends at the setting chosen by cross-validation.

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
    title = title_of(metric)
    traces = [
        _arrows(board, scope, metric, "mean", pairs, "fixed", "within prompts", WITHIN, -0.2),
        _arrows(board, scope, metric, "mean", pairs, "cv", "within prompts, setting by cv", FAINT, 0.0),
    ]
    if metric == "auroc":
        traces.append(_arrows(board, scope, metric, "pooled", pairs, "fixed", "pooled over prompts", POOLED, 0.24))
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
    for what, name in (
        ("mean", "within prompts"),
        *((("pooled", "pooled over prompts"),) if metric == "auroc" else ()),
    ):
        found = board.estimate(scope, metric, what)
        gains = {pair.model: float(found[pair.fixed] - found[pair.raw]) for pair in pairs if pair.fixed is not None}
        known = {model: gain for model, gain in gains.items() if gain == gain}
        if known:
            most = max(known, key=lambda model: abs(known[model]))
            raised = sum(gain > 0 for gain in known.values())
            sentences.append(
                f"TextNorm at the documented setting raises {title_of(metric)} {name} for {raised} of "
                f"{len(known)} models; it moves {cut(clean(most), 60)} most, by {known[most]:+.3f}."
            )
    return " ".join(sentences) or "The figures are not known."


def _pairs(board: Board, scope: str, metric: str) -> list[Pair]:
    """Return the models that have both, best raw reward first."""
    board.check(scope, metric)
    found: dict[str, dict[str, int]] = {}
    for place, entry in enumerate(board.entries):
        role = _role(entry)
        if role and entry.listing is not None and entry.complete:
            found.setdefault(entry.listing.id, {}).setdefault(role, place)
    means = board.estimate(scope, metric)
    pairs = [
        Pair(_model(board.entries[roles["raw"]]), roles["raw"], roles.get("fixed"), roles.get("cv"))
        for roles in found.values()
        if "raw" in roles and len(roles) > 1 and np.isfinite(means[roles["raw"]])
    ]
    return sorted(pairs, key=lambda pair: -means[pair.raw])


def _role(entry: BoardEntry) -> str:
    """Return raw, fixed or cv; empty for anything else."""
    spec = entry.calibration
    if spec is None or spec.ensemble is not None:
        return ""
    if spec.kind == "raw":
        return "raw"
    return spec.setting if spec.setting in ("fixed", "cv") else ""


def _model(entry: BoardEntry) -> str:
    return entry.name if entry.listing is None else entry.listing.card.name


def _arrows(
    board: Board, scope: str, metric: str, what: str, pairs: list[Pair], role: str, name: str, colour: str, shift: float
) -> Trace:
    found = board.estimate(scope, metric, what)
    x: list[float | None] = []
    y: list[float | None] = []
    hover: list[str] = []
    for number, pair in enumerate(pairs):
        end = pair.fixed if role == "fixed" else pair.cv
        if end is None or not np.isfinite(found[[pair.raw, end]]).all():
            continue
        start, stop = float(found[pair.raw]), float(found[end])
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
