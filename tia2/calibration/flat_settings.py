"""The settings of TextNorm and its ensembles in one flat row, as options of commands and old files give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tia2.calibration.base import Calibration
from tia2.calibration.choosing import FOLDS, CrossValidated, Oracle
from tia2.calibration.combining import Mean, UncertaintyRegularised
from tia2.calibration.single_models import MinMax, TextNorm
from tia2.errors import ResultError, unknown_name

Scaling = Literal["temperature", "minmax"]
Ensemble = Literal["mean", "ur"]
Choice = Literal["fixed", "cv", "oracle"]


@dataclass(frozen=True)
class FlatSettings:
    """TextNorm of one reward model, or an ensemble of several, by options.

    Attributes:
        scaling: "temperature", or "minmax".
        ensemble: "mean", or "ur" for mean − λ · variance; None for a single reward model.
        setting: "fixed", "cv" or "oracle".
        temperature: One for all members, or one per member; None for the documented ones.
        scale: c of min-max scaling.
        penalty: λ of the ensemble "ur".
        folds: Number of folds of "cv".
        seed: Seed of the folds.
    """

    scaling: str = "temperature"
    ensemble: str | None = None
    setting: str = "fixed"
    temperature: float | Sequence[float] | None = None
    scale: float | None = None
    penalty: float | None = None
    folds: int = FOLDS
    seed: int = 0

    def calibration(self) -> Calibration:
        """Return the calibration that the options stand for.

        Raises:
            UnknownNameError: A scaling, ensemble or setting of another name.
            ResultError: A number is out of range, or has no meaning with the rest.
        """
        return chosen(self._with_fixed_setting(), self.setting, self.folds, self.seed)

    def _with_fixed_setting(self) -> Calibration:
        if self.scaling not in get_args(Scaling):
            raise unknown_name("scaling", self.scaling, get_args(Scaling))
        if self.ensemble is not None and self.ensemble not in get_args(Ensemble):
            raise unknown_name("ensemble", self.ensemble, get_args(Ensemble))
        if self.penalty is not None and self.ensemble != "ur":
            raise ResultError("Only the ensemble 'ur' takes a penalty.")
        members = self._members()
        if self.ensemble is None:
            if isinstance(members, tuple):
                raise ResultError(f"One reward model takes one temperature, got {len(members)}.")
            return members
        return Mean(of=members) if self.ensemble == "mean" else UncertaintyRegularised(of=members, penalty=self.penalty)

    def _members(self) -> Calibration | tuple[Calibration, ...]:
        if self.scaling == "minmax":
            if self.temperature is not None:
                raise ResultError("scaling='minmax' has no temperature: it takes a scale.")
            return MinMax(scale=self.scale)
        if self.scale is not None:
            raise ResultError("scaling='temperature' has no scale: it takes a temperature.")
        if isinstance(self.temperature, Sequence):
            listed = tuple(TextNorm(temperature=value) for value in self.temperature)
            return listed if len(listed) > 1 else listed[0]
        return TextNorm(temperature=self.temperature)


def chosen(calibration: Calibration, setting: str, folds: int = FOLDS, seed: int = 0) -> Calibration:
    """Return a calibration whose setting is fixed, or chosen in a way that is known by name.

    Args:
        calibration: The calibration, with fixed settings.
        setting: "fixed", "cv" or "oracle".
        folds: Number of folds of "cv".
        seed: Seed of the folds.

    Raises:
        UnknownNameError: A setting of another name.
        ResultError: The calibration has nothing to choose.
    """
    if setting not in get_args(Choice):
        raise unknown_name("setting", setting, get_args(Choice))
    if setting == "cv":
        return CrossValidated(of=calibration, folds=folds, seed=seed)
    return Oracle(of=calibration) if setting == "oracle" else calibration
