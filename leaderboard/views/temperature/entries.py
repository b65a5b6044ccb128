"""Where the board's own entries of a model stand on the curve over its temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tia2.calibration.base import Calibration

from ...data.board import Board
from ..scored_rewards import member_rewards
from .models import AdjustableModel, form, members

FACTORS = 512
"""Factors of entries that a board remembers."""


@dataclass(frozen=True)
class EntryOnCurve:
    """An entry of the board on the plane of the curve.

    Attributes:
        setting: Choice of its temperature: fixed, cv or oracle.
        name: Name of the entry.
        factor: Factor at which it stands; the geometric mean, weighted by prompts, of several chosen factors.
        mean: Its figure on the board.
    """

    setting: str
    name: str
    factor: float
    mean: float


def entries_on_curve(board: Board, model: AdjustableModel, scope: str, metric: str) -> list[EntryOnCurve]:
    """Return the board's own entries of a model: the fixed setting, the cross-validated one, and the oracle.

    Args:
        board: The board.
        model: The model.
        scope: A subset, or `overall`.
        metric: Name of a metric.

    Raises:
        UnknownNameError: No such subset or metric.
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    base = members(board, model).levels
    means = board.estimate(scope, metric)
    entries = []
    for calibration in model.listing.calibrations:
        name = model.listing.entry_id(calibration)
        if name not in board.positions or form(calibration) != form(model.calibration):
            continue
        if calibration.setting == "fixed" and calibration.documented() != model.calibration.documented():
            continue  # Another number than the temperature differs, such as an ensemble's penalty: another curve.
        entry = board.entry(name)

        def factor_of(key: str = entry.key, calibration: Calibration = calibration) -> float | None:
            return _factor(board, model, calibration, board.index.result(key).entry.settings)

        factor = board.remember("factor", (entry.key, base), factor_of, FACTORS)
        if factor is not None:
            entries.append(EntryOnCurve(calibration.setting, entry.name, factor, float(means[board.positions[name]])))
    return entries


def _factor(
    board: Board, model: AdjustableModel, calibration: Calibration, settings: Mapping[str, Any]
) -> float | None:
    """Return the one factor that an entry's settings stand for; None if members have different ones."""
    base = np.array(members(board, model).levels)
    chosen = [({}, calibration)] if calibration.setting == "fixed" else _chosen(calibration, settings)
    if not chosen:
        return None
    rewards = member_rewards(board, model.listing)
    ratios = np.array([candidate.levels(rewards) for _, candidate in chosen]) / base
    if (np.ptp(ratios, axis=1) > 1e-9 * ratios[:, 0]).any():
        return None
    # The geometric mean, as factors are drawn on a logarithmic axis.
    weights = [choice.get("prompts", 1) for choice, _ in chosen]
    return float(np.exp(np.average(np.log(ratios[:, 0]), weights=weights)))


def _chosen(calibration: Calibration, settings: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Calibration]]:
    """Return what was chosen, per fold or with the number of prompts, and the candidate that it stands for.

    Empty where one of them is no candidate of today's.
    """
    candidates = calibration.fixed.candidates()
    chosen = []
    for choice in settings.get("chosen", []):
        numbers = {name: value for name, value in choice.items() if name != "prompts"}
        candidate = next((each for each in candidates if each.chosen_settings() == numbers), None)
        if candidate is None:
            return []
        chosen.append((choice, candidate))
    return chosen
