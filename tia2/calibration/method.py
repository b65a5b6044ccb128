"""TextNorm and its ensembles as calibrations of score tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from tia2.calibration.checks import check_penalty, check_positive
from tia2.calibration.choosing import Candidates
from tia2.calibration.member_tables import Members, Scaling
from tia2.calibration.settings import PENALTIES, SCALES, Ensemble, Setting, settings, values
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.panel import Panel
from tia2.evaluation.values import Values

if TYPE_CHECKING:
    from tia2.scoring import ScoreTable

Choice = Literal["fixed", "cv", "oracle"]
FOLDS = 5
LONGEST = 44
"""Names of ensembles that would be longer give the number of their members instead."""


@dataclass(frozen=True)
class TextNorm:
    """TextNorm of one reward model, or an ensemble of several, to be given to `tia2.evaluate`.

    A result uses one fixed setting, or one that cross-validation over prompts chose without the prompt it is used on.
    The oracle chooses for each prompt on the prompt's own test labels, as the released figures did: what comes out is
    an upper bound, and is marked as such wherever it appears.

    Attributes:
        scaling: "temperature" divides rewards by τ (the paper); "minmax" scales each image's rewards over X to 0 to c
            (the authors' code).
        ensemble: "mean", or "ur" for mean − λ · variance; None for a single reward model.
        setting: "fixed"; "cv" chooses by k-fold cross-validation over prompts; "oracle" on the test labels.
        temperature: τ of each member, or of all, instead of the one that each model's card documents. "cv" and "oracle"
            choose among multiples of it, from 1/8 to 8.
        scale: c; 3 if None. For "fixed" only.
        penalty: λ; 0.1 if None. For "fixed" only.
        folds: Into how many parts "cv" deals the prompts.
        seed: Of that deal.

    Raises:
        UnknownNameError: A scaling, ensemble or setting of another name.
        ResultError: A number is out of range, or has no meaning with the rest.

    Example:
        >>> tia2.evaluate("runs/mini-strong", calibration=TextNorm()).entry.name  # doctest: +SKIP
        'mini-strong + TextNorm'
        >>> TextNorm(setting="oracle").upper_bound
        True
    """

    scaling: Scaling = "temperature"
    ensemble: Ensemble | None = None
    setting: Choice = "fixed"
    temperature: float | Sequence[float] | None = None
    scale: float | None = None
    penalty: float | None = None
    folds: int = FOLDS
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, given, known in (("scaling", self.scaling, Scaling), ("setting", self.setting, Choice)):
            if given not in get_args(known):
                raise unknown_name(kind, given, get_args(known))
        if self.ensemble is not None and self.ensemble not in get_args(Ensemble):
            raise unknown_name("ensemble", self.ensemble, get_args(Ensemble))
        if isinstance(self.folds, bool) or not isinstance(self.folds, int) or self.folds < 2:
            raise ResultError(f"Expected a whole number of at least 2 folds, got {self.folds!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ResultError(f"The seed must be a whole number of at least 0, got {self.seed!r}.")
        self._check_numbers()

    @property
    def upper_bound(self) -> bool:
        """Whether the setting is chosen on the labels that the values are judged by."""
        return self.setting == "oracle"

    def apply(self, tables: Sequence[ScoreTable]) -> Values:
        """Return one value an item.

        Args:
            tables: The score table of one reward model, or those of an ensemble's members, on one benchmark.

        Returns:
            Values between 0 and 1 (for "ur" from −λ / 4), with a name and the settings.

        Raises:
            ResultError: The tables don't belong together, there are several without an ensemble or too few with one, a
                reward can't be calibrated, or there are too few prompts to choose on.
        """
        self._check_number(tables)
        members = Members.of(tables)
        temperatures = self._temperatures(members) if self.scaling == "temperature" else None
        if self.setting == "fixed":
            chosen = self._fixed()
            found = next(values(members, self.scaling, self.ensemble, temperatures, [chosen]))
            described = self._in_words(chosen)
        else:
            candidates = settings(self.scaling, self.ensemble)
            panel = Panel.of(members.items, members.scored)
            judged = Candidates.of(panel, values(members, self.scaling, self.ensemble, temperatures, candidates))
            if self.setting == "cv":
                of_prompt, of_fold = judged.cross_validated(self.folds, self.seed)
                described = {
                    "folds": self.folds,
                    "seed": self.seed,
                    "chosen": [self._in_words(candidates[number]) for number in of_fold],
                }
            else:
                of_prompt = judged.oracle()
                counts = Counter(of_prompt[panel.used].tolist())
                described = {
                    "chosen": [
                        {**self._in_words(candidates[number]), "prompts": counts[number]} for number in sorted(counts)
                    ]
                }
            found = judged.pick(of_prompt)
        return Values.of(
            tables,
            found,
            name=self.name_of(members.names),
            calibration="textnorm",
            settings={
                "scaling": self.scaling,
                "ensemble": self.ensemble,
                "setting": self.setting,
                **({} if temperatures is None else {"temperatures": temperatures}),
                **described,
            },
            upper_bound=self.upper_bound,
        )

    def name_of(self, names: Sequence[str]) -> str:
        """Return what tables and figures call the entry of these reward models; numbers that were given are part of it.

        Example:
            >>> TextNorm(temperature=0.5).name_of(["pickscore"])
            'pickscore + TextNorm (τ = 0.5)'
        """
        given = {"τ": self.temperature, "c": self.scale, "λ": self.penalty}
        how = [
            *(["min-max"] if self.scaling == "minmax" else []),
            *(f"{symbol} = {_in_digits(value)}" for symbol, value in given.items() if value is not None),
            *({"fixed": [], "cv": ["cv"], "oracle": ["oracle, upper bound"]}[self.setting]),
        ]
        mark = f" ({', '.join(how)})" if how else ""
        if self.ensemble is None:
            return f"{names[0]} + TextNorm{mark}"
        listed = " & ".join(names)
        of = listed if len(listed) <= LONGEST else f"{len(names)} rewards"
        return f"{'mean' if self.ensemble == 'mean' else 'UR'} of {of} + TextNorm{mark}"

    def _check_numbers(self) -> None:
        if self.temperature is not None:
            if self.scaling == "minmax":
                raise ResultError("scaling='minmax' has no temperature: it takes a scale.")
            given = check_positive("temperature", self.temperature)
            if given.ndim > 1 or not given.size:
                raise ResultError(f"The temperature must be one number, or one a member, got {self.temperature!r}.")
        for name, value in (("scale", self.scale), ("penalty", self.penalty)):
            if value is not None and self.setting != "fixed":
                raise ResultError(f"setting={self.setting!r} chooses the {name}: give one only with setting='fixed'.")
        if self.scale is not None:
            if self.scaling != "minmax":
                raise ResultError("scaling='temperature' has no scale: it takes a temperature.")
            check_positive("scale", self.scale)
        if self.penalty is not None:
            if self.ensemble != "ur":
                raise ResultError("Only the ensemble 'ur' takes a penalty.")
            check_penalty(self.penalty)

    def _check_number(self, tables: Sequence[ScoreTable]) -> None:
        if self.ensemble is None and len(tables) > 1:
            raise ResultError(f"{len(tables)} score tables make one entry as an ensemble only: 'mean' or 'ur'.")
        if self.ensemble is not None and len(tables) == 1:
            raise ResultError(f"An ensemble needs at least two score tables, got {tables[0].name} alone.")

    def _temperatures(self, members: Members) -> list[float]:
        if self.temperature is None:
            return members.default_temperatures
        given: list[float] = check_positive("temperature", self.temperature).ravel().tolist()
        if len(given) not in (1, len(members)):
            raise ResultError(f"Expected one temperature, or one a member ({len(members)}), got {len(given)}.")
        return given * len(members) if len(given) == 1 else given

    def _fixed(self) -> Setting:
        level = 1.0 if self.scaling == "temperature" else self.scale or SCALES[0]
        penalty = None if self.ensemble != "ur" else PENALTIES[0] if self.penalty is None else self.penalty
        return Setting(level, penalty)

    def _in_words(self, setting: Setting) -> dict[str, Any]:
        level = {"factor" if self.scaling == "temperature" else "scale": setting.level}
        return level if setting.penalty is None else {**level, "penalty": setting.penalty}


def _in_digits(given: float | Sequence[float]) -> str:
    return " and ".join(f"{value:g}" for value in np.atleast_1d(np.asarray(given, np.float64)))
