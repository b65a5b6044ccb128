"""What a calibration gives: one value an item, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.scoring import ScoreTable


@dataclass(frozen=True)
class Calibrated:
    """Values to be evaluated, with what an entry says of them.

    Attributes:
        values: One an item of the tables; NaN for items without a reward.
        name: What tables and figures call the entry.
        calibration: The calibration's name.
        settings: Its settings, as JSON.
        upper_bound: Whether they were chosen on the labels that the values will be judged by.
    """

    values: NDArray[Any]
    name: str
    calibration: str
    settings: Mapping[str, Any]
    upper_bound: bool = False


@runtime_checkable
class Calibration(Protocol):
    """Anything that makes values of the score tables of one or several reward models on one benchmark."""

    def apply(self, tables: Sequence[ScoreTable]) -> Calibrated:
        """Return one value an item.

        Args:
            tables: Score tables of one benchmark, in the order that was asked for.
        """
        ...
