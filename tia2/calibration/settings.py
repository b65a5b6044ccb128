"""The settings that a calibration can take, and those that cross-validation and the oracle choose among."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.ensembles import mean_ensemble, uncertainty_regularised
from tia2.calibration.member_tables import Members, Scaling

Floats = NDArray[np.float64]
Ensemble = Literal["mean", "ur"]

FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0, 0.125, 8.0)
"""Multiples of the members' temperatures to choose among, nearest to the documented one first."""
SCALES = (3.0, 1.0, 5.0, 0.1, 10.0)
"""Min-max scales to choose among: the released ones, the default first."""
PENALTIES = (0.1, 0.05, 0.5, 1.0)
"""Weights of the variance to choose among: the released ones, the default first."""


@dataclass(frozen=True)
class Setting:
    """One setting of a calibration.

    Attributes:
        level: What the members' temperatures are multiplied by, or the min-max scale.
        penalty: The weight of the variance; None but for the uncertainty-regularised ensemble.
    """

    level: float
    penalty: float | None


def settings(scaling: Scaling, ensemble: Ensemble | None) -> list[Setting]:
    """Return all settings to choose among, the default one first."""
    levels = FACTORS if scaling == "temperature" else SCALES
    return [Setting(*pair) for pair in product(levels, PENALTIES if ensemble == "ur" else (None,))]


def values(
    members: Members,
    scaling: Scaling,
    ensemble: Ensemble | None,
    temperatures: Sequence[float] | None,
    candidates: Sequence[Setting],
    keep: NDArray[np.bool_] | None = None,
) -> Iterator[Floats]:
    """Yield the values under each setting, one an item.

    Args:
        members: The rewards.
        scaling: "temperature" or "minmax".
        ensemble: How several members become one; None for a single one.
        temperatures: One a member, for scaling by temperature.
        candidates: The settings; those that share a level are best given in a row.
        keep: Which texts to take for X; all if None.

    Yields:
        Shape (items,); NaN where an item isn't scored by all members.
    """
    level, shares = None, np.empty(0)
    for candidate in candidates:
        if candidate.level != level:
            level = candidate.level
            levels = [level] * len(members) if temperatures is None else [level * value for value in temperatures]
            shares = members.textnorm(scaling, levels, keep)
        yield _combine(shares, members.scored, ensemble, candidate.penalty)


def _combine(shares: Floats, scored: NDArray[np.bool_], ensemble: Ensemble | None, penalty: float | None) -> Floats:
    if ensemble is None:
        alone: Floats = shares[0]
        return alone
    combined = np.full(shares.shape[1], np.nan)
    known = shares[:, scored]
    combined[scored] = mean_ensemble(known) if penalty is None else uncertainty_regularised(known, penalty)
    return combined
