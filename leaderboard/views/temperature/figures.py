"""A calibration with another temperature, recomputed from a model's rewards while one waits.

What depends on the benchmark alone is grouped once, and the curve over all temperatures is kept in the index. The
figures are those of `tia2.evaluate`: same functions, same prompts, same resamples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.base import Calibration
from tia2.errors import ResultError
from tia2.evaluation.bootstrap import UNKNOWN, Interval
from tia2.evaluation.panel import Panel
from tia2.evaluation.summary import OVERALL

from ...data.board import Board
from ...data.index import SEED, calibration_key
from ..scored_rewards import member_rewards
from .models import AdjustableModel, adjustable_model, members

Floats = NDArray[np.float64]
Rewards = Sequence[NDArray[np.float32]]

LOWEST, HIGHEST, STEP = -4.0, 4.0, 0.25
"""Ends and step of the slider, which stands at the factor's logarithm to base 2."""
FACTORS = tuple(2.0 ** (half / 2) for half in range(int(2 * LOWEST), int(2 * HIGHEST) + 1))
"""Factors of the curve: every half step of the logarithm, since the curve is smooth between them."""
PANELS, RECOMPUTED = 6, 1024
"""Panels and settings that a board remembers: a panel takes megabytes, a setting a hundred bytes."""


@dataclass(frozen=True)
class Recomputed:
    """The figures that one setting gives.

    Attributes:
        factor: Multiple of the documented temperatures.
        levels: The temperatures, or what stands for them, such as min-max scales, one per member.
        mean: Mean over the prompts whose labels differ.
        low: Lower end of its 95 % interval.
        high: Upper end.
        pooled: The metric over all items of a subset at once.
    """

    factor: float
    levels: tuple[float, ...]
    mean: float
    low: float
    high: float
    pooled: float


@dataclass(frozen=True)
class TemperatureCurve:
    """The curve over `FACTORS`, and the raw reward's level.

    Attributes:
        means: Means over the prompts whose labels differ, shape (factors,).
        lows: Lower ends of their 95 % intervals, shape (factors,).
        highs: Upper ends, shape (factors,).
        raw: Mean of the raw reward; for an ensemble, of the member that is best raw.
        raw_name: That member's name.
    """

    means: Floats
    lows: Floats
    highs: Floats
    raw: float
    raw_name: str


def recompute(board: Board, model_id: str, scope: str, metric: str, factor: float) -> Recomputed:
    """Return what a model's calibration gives with its documented temperature times a factor.

    Args:
        board: The board.
        model_id: Key of `adjustable_models`.
        scope: A subset, or `overall`.
        metric: Name of a metric.
        factor: Multiple of the temperature, or of what stands for one, above 0.

    Raises:
        UnknownNameError: No such model, subset or metric.
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
        ResultError: The factor isn't above 0.
    """
    model = adjustable_model(board, model_id)
    key = (*_key(board, model, scope, metric), scope, float(factor))
    return board.remember("recomputed", key, lambda: _recompute(board, model, scope, metric, float(factor)), RECOMPUTED)


def sweep(board: Board, model_id: str, scope: str, metric: str) -> TemperatureCurve:
    """Return the curve over `FACTORS`; its figures are kept in the index, since they take a second or two.

    Args:
        board: The board.
        model_id: Key of `adjustable_models`.
        scope: A subset, or `overall`.
        metric: Name of a metric.

    Raises:
        UnknownNameError: No such model, subset or metric.
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    model = adjustable_model(board, model_id)
    key = _key(board, model, scope, metric)

    def make() -> TemperatureCurve:
        # Per prompt, so that one file serves every scope.
        arrays = board.index.arrays(["sweep", key, FACTORS], lambda: _sweep(board, model, metric))
        panel = _panel(board, arrays["scored"])
        means, lows, highs = np.transpose(_intervals(board, panel, arrays["figures"], scope))
        raw = np.nan_to_num([interval.mean for interval in _intervals(board, panel, arrays["raw"], scope)], nan=-np.inf)
        best = int(raw.argmax())
        level = float(raw[best]) if np.isfinite(raw[best]) else float("nan")
        return TemperatureCurve(means, lows, highs, level, members(board, model).names[best])

    return board.remember("sweep", (*key, scope), make)


def _key(board: Board, model: AdjustableModel, scope: str, metric: str) -> tuple[Any, ...]:
    board.check(scope, metric)
    benchmark = board.benchmark.fingerprint, board.benchmark.votes_fingerprint, board.index.resamples
    calibration = json.dumps(calibration_key(model.calibration), sort_keys=True)
    # The levels too: documented temperatures are in the score tables' manifests, not in the calibration.
    return (*benchmark, *model.listing.tables, calibration, *members(board, model).levels, metric)


def _recompute(board: Board, model: AdjustableModel, scope: str, metric: str, factor: float) -> Recomputed:
    rewards, scored = _rewards(board, model)
    panel = _panel(board, scored)
    rows = panel.rows(scope)
    # Only the scope's items are calibrated; the panel never reads the others' zeros.
    values = np.zeros(len(board.items))
    positions = panel.positions[rows][panel.mask[rows]]
    scaled = _scaled(model, factor)
    of_scope = member_rewards(board, model.listing, [member[positions] for member in rewards])
    values[positions] = scaled.values(of_scope)
    interval = _intervals(board, panel, panel.figure(values, metric, rows)[None], scope)[0]
    pooled = panel.pooled(values, metric, scope) if _covered(board, panel, scope) else float("nan")
    return Recomputed(factor, scaled.levels(of_scope), *interval, pooled)


def _sweep(board: Board, model: AdjustableModel, metric: str) -> dict[str, NDArray[Any]]:
    rewards, scored = _rewards(board, model)
    panel = _panel(board, scored)
    of_scored = [member[scored] for member in rewards]
    values = np.zeros(len(scored))

    def figures(numbers: NDArray[Any]) -> Floats:
        values[scored] = numbers
        return panel.figure(values, metric)

    all_rewards = member_rewards(board, model.listing, of_scored)
    curve = [figures(_scaled(model, factor).values(all_rewards)) for factor in FACTORS]
    raw = [figures(member[:, 0]) for member in of_scored]
    return {"figures": np.stack(curve), "raw": np.stack(raw), "scored": scored}


def _rewards(board: Board, model: AdjustableModel) -> tuple[Rewards, NDArray[np.bool_]]:
    """Return every member's rewards, (items, texts), and which items all of them have rewards for."""
    rewards = [board.index.rewards(board.benchmark, digest) for digest in model.listing.tables]
    return rewards, np.asarray(np.all([~np.isnan(member[:, 0]) for member in rewards], axis=0))


def _panel(board: Board, scored: NDArray[np.bool_]) -> Panel:
    """Return the panel of the items that all members scored, which models with the same gaps share."""
    resamples = board.index.resamples
    benchmark = board.benchmark.fingerprint, board.benchmark.votes_fingerprint
    key = *benchmark, resamples, hashlib.sha256(scored.tobytes()).hexdigest()
    return board.remember("panel", key, lambda: Panel.of(board.items, scored, seed=SEED, resamples=resamples), PANELS)


def _scaled(model: AdjustableModel, factor: float) -> Calibration:
    scaled = model.calibration.scaled(factor)
    if scaled is None:
        raise ResultError(f"{model.name} has no temperature to change.")
    return scaled


def _covered(board: Board, panel: Panel, scope: str) -> bool:
    """Whether the scored items cover a scope: of `overall` every subset, since the mean of some isn't that of all."""
    if scope != OVERALL:
        return bool(panel.used_rows(scope).any())
    return set(panel.subsets) == set(board.scopes) - {OVERALL}


def _intervals(board: Board, panel: Panel, figures: Floats, scope: str) -> list[Interval]:
    """Return the means of several sets of figures, shape (sets, prompts), with their intervals."""
    return panel.intervals(figures, scope) if _covered(board, panel, scope) else [UNKNOWN] * len(figures)
