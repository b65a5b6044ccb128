"""Which entries to make of score tables, as options of a command say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tia2.errors import UsageError

if TYPE_CHECKING:
    from tia2.calibration import Calibration
    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable

TEXTNORM = "textnorm"
"""The calibration that --scaling, --temperature and --scale belong to."""


@dataclass(frozen=True)
class Recipe:
    """The entries that are asked for.

    Attributes:
        calibrations: Calibrations by name or short text; one of single reward models is applied to each table, one that
            combines several to all of them.
        ensembles: Ensembles of all tables' TextNorm values: "mean", "ur".
        settings: Ways to choose their numbers; "fixed" if None.
        scaling: Scaling of TextNorm; "temperature" if None.
        temperatures: One for all tables, or one per table; the documented ones if None.
        scale: c of min-max scaling.
        penalty: λ of the ensemble "ur".
        seed: Seed of the bootstrap and of the folds.
        prompts: "metric" or "label": which prompts rank correlations leave out, as `tia2.evaluate` takes it.
    """

    calibrations: Sequence[str]
    ensembles: Sequence[str]
    settings: Sequence[str] | None
    scaling: str | None
    temperatures: Sequence[float] | None
    scale: float | None
    penalty: float | None
    seed: int
    prompts: Literal["metric", "label", "defined"] = "metric"

    def results(self, tables: Sequence[ScoreTable], most: int | None = None) -> list[Result]:
        """Evaluate everything that is asked for.

        Args:
            tables: Score tables.
            most: Largest number of entries that there is room for; any number if None.

        Raises:
            UsageError: There are more.
            UnknownNameError: No such calibration, ensemble, setting or scaling.
            UsageError: Options don't fit together, or the tables don't.
        """
        from tia2.evaluation import evaluate

        self._check(len(tables))
        entries = list(self._entries(tables))
        if most is not None and len(entries) > most:
            raise UsageError("Expected a folder for the results of several entries, got a file.")
        return [
            evaluate(list(members), calibration=calibration, seed=self.seed, prompts=self.prompts)
            for calibration, members in entries
        ]

    def check_unused(self) -> None:
        """Raise where anything but raw rewards is asked for and there is no score table to make it of.

        Raises:
            UsageError: Saved results are what they are.
        """
        if self.ensembles or self.settings or set(self.calibrations) != {"raw"}:
            raise UsageError("Saved results hold their calibration already: give score tables to calibrate.")
        self._check(0)

    def _entries(self, tables: Sequence[ScoreTable]) -> Iterator[tuple[Calibration, Sequence[ScoreTable]]]:
        from tia2.calibration import Raw, calibration_of
        from tia2.calibration.flat_settings import chosen

        fixed = [TEXTNORM if name == TEXTNORM else calibration_of(name) for name in self.calibrations]
        if Raw() in fixed:
            yield from ((Raw(), [table]) for table in tables)
        for setting in self.settings or ("fixed",):
            for calibration in fixed:
                if calibration == TEXTNORM:
                    yield from ((self._textnorm(setting, number), [table]) for number, table in enumerate(tables))
                elif not isinstance(calibration, str | Raw):
                    applied = chosen(calibration, setting, seed=self.seed)
                    groups = [tables] if calibration.combines else [[table] for table in tables]
                    yield from ((applied, group) for group in groups)
            yield from ((self._ensemble(setting, ensemble), tables) for ensemble in self.ensembles)

    def _textnorm(self, setting: str, number: int) -> Calibration:
        """Return TextNorm of one table, given its number, as the options say."""
        from tia2.calibration.flat_settings import FlatSettings

        given = self.temperatures or []
        temperature = given[number if len(given) > 1 else 0] if given else None
        return FlatSettings(
            self.scaling or "temperature", None, setting, temperature, self.scale, seed=self.seed
        ).calibration()

    def _ensemble(self, setting: str, ensemble: str) -> Calibration:
        from tia2.calibration.flat_settings import FlatSettings

        penalty = self.penalty if ensemble == "ur" else None
        temperature = list(self.temperatures) if self.temperatures else None
        return FlatSettings(
            self.scaling or "temperature", ensemble, setting, temperature, self.scale, penalty, seed=self.seed
        ).calibration()

    def _check(self, tables: int) -> None:
        options = {"--scaling": self.scaling, "--temperature": self.temperatures, "--scale": self.scale}
        given = [name for name, value in options.items() if value]
        if self.settings and set(self.calibrations) <= {"raw"}:
            given.insert(0, "--setting")
        if given and TEXTNORM not in self.calibrations and not self.ensembles:
            raise UsageError(f"{given[0]} belongs to TextNorm: add --calibration textnorm, or --ensemble mean or ur.")
        if self.penalty is not None and "ur" not in self.ensembles:
            raise UsageError("--penalty belongs to the ensemble ur: add --ensemble ur.")
        if self.temperatures and len(self.temperatures) not in (1, tables):
            raise UsageError(
                f"Expected --temperature once, or once for each of the {tables} tables, got {len(self.temperatures)}."
            )
