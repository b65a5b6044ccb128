"""Which entries to make of score tables, as options of a command say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tia2.errors import ResultError

if TYPE_CHECKING:
    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable


@dataclass(frozen=True)
class Recipe:
    """The entries that are asked for.

    Attributes:
        raw: Whether to evaluate each table's own rewards.
        textnorm: Whether to evaluate each table's TextNorm values.
        ensembles: Which ensembles of all tables to evaluate.
        settings: How their numbers are chosen; "fixed" if None.
        scaling: Of TextNorm; "temperature" if None.
        temperatures: One, or one a table; the documented ones if None.
        scale: Of min-max scaling.
        penalty: Of the ensemble "ur".
        seed: Of the bootstrap and of the folds.
    """

    raw: bool
    textnorm: bool
    ensembles: Sequence[str]
    settings: Sequence[str] | None
    scaling: str | None
    temperatures: Sequence[float] | None
    scale: float | None
    penalty: float | None
    seed: int

    def results(self, tables: Sequence[ScoreTable]) -> list[Result]:
        """Evaluate everything that is asked for.

        Raises:
            ResultError: Options don't fit together, or the tables don't.
        """
        self._check(len(tables))
        from tia2.evaluation import evaluate

        found = [evaluate(table, seed=self.seed) for table in tables] if self.raw else []
        for setting in self.settings or ("fixed",):
            if self.textnorm:
                found += [
                    evaluate(table, calibration=self._calibration(setting, None, number), seed=self.seed)
                    for number, table in enumerate(tables)
                ]
            found += [
                evaluate(list(tables), calibration=self._calibration(setting, ensemble, None), seed=self.seed)
                for ensemble in self.ensembles
            ]
        return found

    def _calibration(self, setting: str, ensemble: str | None, number: int | None) -> Any:
        from tia2.calibration import TextNorm

        temperature: Any = self.temperatures or None
        if temperature is not None and number is not None:
            temperature = temperature[number if len(temperature) > 1 else 0]
        options: dict[str, Any] = {
            "setting": setting,
            "ensemble": ensemble,
            "scaling": self.scaling or "temperature",
            "temperature": temperature,
            "scale": self.scale,
            "penalty": self.penalty if ensemble == "ur" else None,
            "seed": self.seed,
        }
        return TextNorm(**options)

    def _check(self, tables: int) -> None:
        options = {
            "--setting": self.settings,
            "--scaling": self.scaling,
            "--temperature": self.temperatures,
            "--scale": self.scale,
        }
        given = [name for name, value in options.items() if value]
        if given and not self.textnorm and not self.ensembles:
            raise ResultError(f"{given[0]} belongs to TextNorm: add --calibration textnorm, or --ensemble mean or ur.")
        if self.penalty is not None and "ur" not in self.ensembles:
            raise ResultError("--penalty belongs to the ensemble ur: add --ensemble ur.")
        if self.temperatures and len(self.temperatures) not in (1, tables):
            raise ResultError(
                f"Expected --temperature once, or once for each of the {tables} tables, got {len(self.temperatures)}."
            )
