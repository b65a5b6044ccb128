"""The Calibration tab: what TextNorm's temperature does to a model, recomputed while one moves a slider."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from tia2.errors import LeaderboardError, Tia2Error
from tia2.evaluation.metrics.pair_metrics import metric_named

from ...data.board import Board
from ...data.boards import Live
from ...plots import temperature_curve, temperature_curve_words
from ...plots.style import INK
from ...views.formats import difference, factor
from ...views.formats import figure as figure_text
from ...views.pairs import suggested
from ...views.rendering import macro
from ...views.temperature import (
    FACTORS,
    HIGHEST,
    LOWEST,
    STEP,
    AdjustableModel,
    EntryOnCurve,
    Recomputed,
    TemperatureCurve,
    adjustable_model,
    adjustable_models,
    entries_on_curve,
    members,
    recompute,
    sweep,
)
from ..address import pick, pick_number
from ..markup import answer, note, table
from ..parts import Choices, Param, Query, Tab, chosen, figure_place
from ..pickers import metric_picker, restore_metric, restore_scope

NONE = "No model on this board has contrastive prompts and TextNorm entries yet, so there is no temperature to change."
LEGEND = (
    "TextNorm is the prompt's share in the softmax of reward / τ over the prompt and its contrastive prompts. fixed is "
    "the documented τ, cv chooses it by cross-validation over prompts. oracle chooses it for each prompt on that "
    "prompt's own labels: an upper bound, not a result. A point that chose several stands at their geometric mean. A "
    "temperature that you pick here because it looks best was chosen on the labels as well."
)


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    with gr.Row(elem_classes="tia2-controls"):
        model = gr.Dropdown(label="Model", scale=2, min_width=240)
        scope = gr.Radio([], label="Subset", scale=3, min_width=280)
        metric = metric_picker(live.board(), 140)
    power = gr.Slider(
        LOWEST,
        HIGHEST,
        value=0.0,
        step=STEP,
        label="Temperature, in doublings of the documented one",
        min_width=280,
    )
    scale = gr.HTML()
    said = gr.HTML()
    with gr.Column(visible=False) as details:
        plot = figure_place("Temperature")
        words = gr.HTML()

    def render(benchmark: str, name: str | None, part: str | None, by: str | None, exponent: float | None) -> list[Any]:
        board = live.board(benchmark)
        try:
            if not adjustable_models(board):
                raise LeaderboardError(NONE)
            if not (name and part and by):
                raise LeaderboardError("Choose a model.")
            adjusted = adjustable_model(board, name)
            recomputed = recompute(board, name, part, by, 2.0 ** min(max(exponent or 0.0, LOWEST), HIGHEST))
            curve, entries = sweep(board, name, part, by), entries_on_curve(board, adjusted, part, by)
            names = members(board, adjusted).names
        except Tia2Error as error:
            return [answer(str(error)), gr.update(visible=False), gr.skip(), gr.skip(), ""]
        drawn = (
            FACTORS,
            curve.means,
            curve.lows,
            curve.highs,
            _marks(entries, recomputed),
            f"{metric_named(by).title}, {part}",
        )
        figure = temperature_curve(*drawn)
        if not math.isnan(curve.raw):
            figure.add_hline(y=curve.raw, line={"dash": "dot", "width": 1.5, "color": INK}, annotation_text="raw")
        return [
            answer(_answer(adjusted, names, recomputed, by))
            + _numbers(recomputed, curve, entries, metric_named(by).title),
            gr.update(visible=True),
            figure,
            note(temperature_curve_words(*drawn)) + note(LEGEND),
            macro("calibration.html", "scale", _scale(adjusted, members(board, adjusted).levels)),
        ]

    return Tab(
        "calibration",
        [
            Param("model", model, _restore_model, offers=_models, kind="model"),
            Param("cs", scope, lambda board, query: restore_scope(board, query, "cs"), kind="subset"),
            Param("cmetric", metric, lambda board, query: restore_metric(board, query, "cmetric"), kind="metric"),
            Param("lt", power, lambda _, query: gr.update(value=_power(query))),
        ],
        render,
        [said, details, plot, words, scale],
    )


def _scale(model: AdjustableModel, levels: Sequence[float]) -> list[str]:
    """Return what the slider's whole steps stand for: the temperature, or its factor where members have several."""
    powers = range(math.ceil(LOWEST), math.floor(HIGHEST) + 1)
    if len(set(levels)) > 1:
        return [factor(2.0**power) for power in powers]
    return [f"{model.calibration.level_symbol} {levels[0] * 2.0**power:.3g}" for power in powers]


def _answer(model: AdjustableModel, names: tuple[str, ...], recomputed: Recomputed, metric: str) -> str:
    symbol = model.calibration.level_symbol
    if len(set(recomputed.levels)) == 1:
        levels = f"{symbol} = {recomputed.levels[0]:.4g}" + (" for each member" if len(names) > 1 else "")
    else:
        by_member = [f"{level:.4g} for {name}" for name, level in zip(names, recomputed.levels, strict=True)]
        levels = f"{symbol} = {', '.join(by_member)}"
    figures = f"{metric_named(metric).title} {_interval(recomputed)}, pooled {figure_text(recomputed.pooled)}"
    return f"× {recomputed.factor:.4g} → {levels}: {figures}."


def _numbers(recomputed: Recomputed, curve: TemperatureCurve, entries: list[EntryOnCurve], title: str) -> str:
    marks = {"fixed": "documented temperature", "cv": "chosen by cross-validation", "oracle": "oracle, upper bound"}
    rows = [
        (
            "this temperature",
            factor(recomputed.factor),
            figure_text(recomputed.mean),
            difference(recomputed.mean - curve.raw),
        ),
        *(
            (marks[point.setting], factor(point.factor), figure_text(point.mean), difference(point.mean - curve.raw))
            for point in entries
        ),
        (f"raw reward of {curve.raw_name}", "", figure_text(curve.raw), ""),
    ]
    return table("Against the board's own entries", ["", "temperature", title, "− raw"], rows)


def _interval(recomputed: Recomputed) -> str:
    if math.isnan(recomputed.low):
        return figure_text(recomputed.mean)
    return f"{figure_text(recomputed.mean)} (95 % interval {recomputed.low:.3f} to {recomputed.high:.3f})"


def _marks(entries: list[EntryOnCurve], recomputed: Recomputed) -> dict[str, tuple[float, float]]:
    marks = {
        str(point.setting): (point.factor, point.mean) for point in reversed(entries) if not math.isnan(point.mean)
    }
    if not math.isnan(recomputed.mean):
        marks["current"] = (recomputed.factor, recomputed.mean)
    return marks


def _restore_model(board: Board, query: Query) -> Any:
    models = adjustable_models(board)
    best = next((board.entry(name).listing for name in suggested(board)), None)
    usual = best.id if best is not None and best.id in models else next(iter(models), "")
    value = pick(query, "model", models, "" if query.get("model") else usual)
    return chosen(_models(board), value or None)


def _models(board: Board) -> Choices:
    return [(model.name, model.id) for model in adjustable_models(board).values()]


def _power(query: Query) -> float:
    return round(pick_number(query, "lt", LOWEST, HIGHEST, 0.0) / STEP) * STEP
