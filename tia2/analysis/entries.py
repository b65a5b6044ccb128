"""Several reward models on the same items: checked to belong together, with one value per item each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.base import Calibration
from tia2.errors import ResultError
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.panel import Panel
from tia2.scoring.same_items import check_same_items, scored_by_all

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Entries:
    """Score tables of one benchmark, of any kind of reward: also those that can't be calibrated.

    Attributes:
        tables: Score tables, one per reward model.
        names: Names in the analysis; no two are alike.
    """

    tables: tuple[ScoreTable, ...]
    names: list[str]

    @classmethod
    def of(cls, tables: Sequence[ScoreTable], fewest: int = 1) -> Entries:
        """Check that the tables belong together.

        Args:
            tables: Score tables.
            fewest: Number of tables that the analysis needs.

        Raises:
            ResultError: There are too few; they are of different benchmarks or images; or one is listed twice.
        """
        check_same_items(tables, fewest)
        names: list[str] = []
        for number, table in enumerate(tables):
            alike = sum(other.name == table.name for other in tables[: number + 1])
            names.append(table.name if alike == 1 else f"{table.name} ({alike})")
        return cls(tuple(tables), names)

    def __len__(self) -> int:
        return len(self.tables)

    @property
    def items(self) -> pd.DataFrame:
        """The benchmark's items, in the tables' order."""
        return self.tables[0].items

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which items every model has rewards for, shape (items,)."""
        return scored_by_all(self.tables)

    @cached_property
    def raw(self) -> Floats:
        """The rewards of each item's own prompt, shape (models, items)."""
        return np.stack([np.asarray(table.raw, np.float64) for table in self.tables])

    def calibrated(self, calibration: Calibration) -> tuple[Floats, dict[str, str]]:
        """Return what a calibration of single models makes of each.

        Args:
            calibration: Calibration of single reward models.

        Returns:
            Values of shape (models, items), NaN for a model that can't be calibrated; and why it can't, by its name.

        Raises:
            ResultError: The calibration is an ensemble, or asks for something that no model can have.
        """
        if calibration.combines:
            raise ResultError("Every model is calibrated on its own here: give a calibration without an ensemble.")
        values, reasons = np.full((len(self), len(self.items)), np.nan), {}
        for number, (table, name) in enumerate(zip(self.tables, self.names, strict=True)):
            try:
                values[number] = calibration.apply([table]).values
            except ResultError as error:  # noqa: PERF203 - a handful of models
                reasons[name] = str(error)
        return values, reasons


def panel_of(
    items: pd.DataFrame, scored: NDArray[np.bool_] | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> Panel:
    """Group the items of a table for an analysis.

    Args:
        items: Columns of a benchmark.
        scored: Items that have rewards, shape (items,); None for all.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Raises:
        ResultError: A subset has fewer than two prompts whose labels differ.
    """
    panel = Panel.of(items, scored, seed=seed, resamples=resamples)
    for subset in panel.subsets:
        if panel.used_rows(subset).sum() < 2:
            raise ResultError(f"{subset} has fewer than two prompts whose labels differ; an analysis needs two.")
    return panel
