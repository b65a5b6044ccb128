"""`tia2.calibrate`: from score tables to values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tia2.calibration.registry import calibration_of
from tia2.errors import ResultError
from tia2.evaluation.evaluate import load_table
from tia2.evaluation.values import Values, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.calibration.base import Calibration
    from tia2.scoring import ScoreTable

    Table = ScoreTable | str | os.PathLike[str]


def calibrate(
    tables: Table | Sequence[Table],
    calibration: Calibration | Mapping[str, Any] | str | Callable[[ScoreTable], NDArray[Any]] = "raw",
) -> Values:
    """Make one value per item of the score tables of one reward model, or of an ensemble's members.

    No model, no image and no GPU is needed. The values can be kept (`Values.save`) and evaluated (`tia2.evaluate`).

    Args:
        tables: Score table, or the folder of one; a list of them for an ensemble.
        calibration: Calibration such as `TextNorm()`, its name or short text such as "textnorm:temperature=0.5", its
            written form, or a function from a score table to one value per item.

    Returns:
        The values, with name and settings; NaN for items that a table has no reward for.

    Raises:
        UnknownNameError: No calibration of this name is installed.
        ResultError: The tables don't belong together, or the calibration doesn't fit them.
        ScoreTableError: A table is damaged or not complete.

    Example:
        >>> values = tia2.calibrate("runs/mine", "textnorm")  # doctest: +SKIP
        >>> tia2.evaluate(values).entry.name  # doctest: +SKIP
        'mine + TextNorm'
    """
    from tia2.scoring import ScoreTable

    listed = list(tables) if isinstance(tables, list | tuple) else [tables]
    if not listed:
        raise ResultError("Expected at least one score table, got none.")
    loaded = [table if isinstance(table, ScoreTable) else load_table(table) for table in listed]
    if isinstance(calibration, str | Mapping):
        calibration = calibration_of(calibration)
    return values_of(loaded, calibration)
