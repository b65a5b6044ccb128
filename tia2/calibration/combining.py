"""Calibrations of several reward models: the mean of their values, or their mean less their disagreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from tia2.calibration.base import TEXTNORM, Calibration, in_brackets
from tia2.calibration.checks import check_penalty
from tia2.calibration.ensembles import mean_ensemble, uncertainty_regularised
from tia2.calibration.member_rewards import MemberRewards
from tia2.calibration.registry import AnyCalibration
from tia2.calibration.single_models import TextNorm
from tia2.errors import ResultError

Floats = NDArray[np.float64]

PENALTIES = (0.1, 0.05, 0.5, 1.0)
"""Weights of the variance to choose among: the released ones, the default first."""
LONGEST = 44
"""Names of ensembles that would be longer give the number of their members instead."""


class _Ensemble(Calibration):
    """What ensembles share: every member is calibrated on its own, then the members' values become one.

    Attributes:
        of: Calibration of every member's rewards: one for all, or a list with one per member.
    """

    colour: ClassVar[int] = 2

    of: AnyCalibration | tuple[AnyCalibration, ...] = Field(default_factory=TextNorm)

    @field_validator("of", mode="before")
    @classmethod
    def _members(cls, given: Any) -> Any:
        return tuple(given) if isinstance(given, list) else given

    @field_validator("of")
    @classmethod
    def _single(cls, of: Calibration | tuple[Calibration, ...]) -> Calibration | tuple[Calibration, ...]:
        for calibration in of if isinstance(of, tuple) else (of,):
            if calibration.combines:
                raise ResultError(
                    f"An ensemble's members are single reward models, got {calibration.title} of several."
                )
            # Their values would depend on labels, and the ensemble would hide it.
            if calibration.registry_name in ("cv", "oracle"):
                raise ResultError(
                    f"An ensemble's members take fixed settings: put {calibration.registry_name} around the ensemble."
                )
        if of == ():
            raise ResultError("An ensemble needs a calibration for its members, got none.")
        return of

    @property
    def combines(self) -> bool:
        """It does."""
        return True

    @property
    def contrastive(self) -> bool:
        """Whether any member's calibration is."""
        return any(calibration.contrastive for calibration in self._listed)

    @property
    def base_title(self) -> str:
        """That of the members' calibrations."""
        return self._listed[0].base_title if self._alike else " & ".join(each.mark for each in self._listed)

    @property
    def family(self) -> str:
        """All ensembles share one legend."""
        return "ensemble"

    @property
    def words(self) -> tuple[str, ...]:
        """Those of the members' calibrations."""
        return self._listed[0].words if self._alike else ()

    @property
    def numbers(self) -> dict[str, str]:
        """Those of the members, joined where members have their own."""
        if not self._alike:
            return {}
        if len(set(self._listed)) == 1:
            return self._listed[0].numbers
        symbols = dict.fromkeys(symbol for each in self._listed for symbol in each.numbers)
        return {
            symbol: " and ".join(each.numbers.get(symbol, "default") for each in self._listed) for symbol in symbols
        }

    @property
    def chips(self) -> tuple[str, ...]:
        """Those of the members' calibrations, and ensemble."""
        return (*dict.fromkeys(chip for each in self._listed for chip in each.chips), "ensemble")

    @property
    def slug_words(self) -> tuple[str, ...]:
        """Its own and those of the members' calibrations."""
        if self._alike:
            return (self.registry_name, *self._listed[0].slug_words)
        return (self.registry_name, *(each.slug or each.registry_name for each in self._listed))

    def candidates(self) -> tuple[_Ensemble, ...]:
        """Return the members' settings to choose among; members of different kinds move together."""
        return tuple(self.model_copy(update={"of": of}) for of in self._candidates_of())

    def scaled(self, factor: float) -> Calibration | None:
        """Return it with every member's temperature multiplied; None if a member has none."""
        scaled = tuple(each.scaled(factor) for each in self._listed)
        if any(each is None for each in scaled):
            return None
        return self.model_copy(update={"of": scaled if isinstance(self.of, tuple) else scaled[0]})

    def documented(self) -> Calibration:
        """Return it with documented temperatures, and numbers of its own as they are."""
        members = tuple(each.documented() for each in self._listed)
        return self.model_copy(update={"of": members if len(set(members)) > 1 else members[0]})

    def levels(self, rewards: MemberRewards) -> tuple[float, ...]:
        """Return those of the members."""
        members = enumerate(self._per_member(rewards))
        return tuple(level for number, each in members for level in each.levels(rewards.member(number)))

    @property
    def level_symbol(self) -> str:
        """Symbol of the first member's."""
        return self._listed[0].level_symbol

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:
        """Return the members' settings, and which ensemble it is."""
        members = [each.settings(rewards.member(number)) for number, each in enumerate(self._per_member(rewards))]
        if not self._alike or (len(set(self._listed)) > 1 and "temperatures" not in members[0]):
            return {"setting": "fixed", "members": members, "ensemble": self.registry_name}
        temperatures = [value for each in members for value in each.get("temperatures", ())]
        return {
            **members[0],
            "ensemble": self.registry_name,
            **({"temperatures": temperatures} if temperatures else {}),
        }

    def chosen_settings(self) -> dict[str, Any]:
        """Return those of the members' calibration."""
        return self._listed[0].chosen_settings()

    def member_values(self, rewards: MemberRewards) -> Floats:
        """Return every member's values, shape (members, images).

        Args:
            rewards: Rewards of the members.
        """
        return np.stack([each.values(rewards.member(number)) for number, each in enumerate(self._per_member(rewards))])

    @property
    def _listed(self) -> tuple[Calibration, ...]:
        return self.of if isinstance(self.of, tuple) else (self.of,)

    @property
    def _alike(self) -> bool:
        return len({type(each) for each in self._listed}) == 1

    def _per_member(self, rewards: MemberRewards) -> tuple[Calibration, ...]:
        if not isinstance(self.of, tuple):
            return (self.of,) * len(rewards)
        if len(self.of) != len(rewards):
            raise ResultError(f"Expected one calibration, or one per member ({len(rewards)}), got {len(self.of)}.")
        return self.of

    def _candidates_of(self) -> list[Calibration | tuple[Calibration, ...]]:
        if not isinstance(self.of, tuple):
            return list(self.of.candidates())
        columns = [each.candidates() or (each,) for each in self.of]
        number = max(len(column) for column in columns)
        if number == 1:
            return []
        if any(len(column) not in (1, number) for column in columns):
            raise ResultError("The members' calibrations have different numbers of settings to choose among.")
        return list(zip(*(column if len(column) > 1 else column * number for column in columns), strict=True))

    def _mark(self, marks: Sequence[str]) -> str:
        # Ensembles are made of TextNorm values unless their name says otherwise.
        base = () if self.base_title == TEXTNORM else (self.base_title,)
        return f"{self.title}{in_brackets((*base, *marks))}"

    def _name_of(self, names: Sequence[str], marks: Sequence[str]) -> str:
        listed = " & ".join(names)
        members = listed if len(listed) <= LONGEST else f"{len(names)} rewards"
        return f"{self.title} of {members} + {self.base_title}{in_brackets(marks)}"


class Mean(_Ensemble):
    """Mean of several reward models' calibrated values.

    Attributes:
        of: Calibration of every member's rewards: one for all, or a list with one per member.

    Raises:
        ResultError: A member's calibration is of several models, or needs labels.

    Example:
        >>> Mean(of=TextNorm(temperature=0.5)).name_of(["a", "b"])
        'mean of a & b + TextNorm (τ = 0.5)'

    Source: arXiv:2404.01863, section 4.
    """

    registry_name: ClassVar[str] = "mean"
    title: ClassVar[str] = "mean"
    definition: ClassVar[str] = "The mean of several reward models' calibrated values."

    def values(self, rewards: MemberRewards) -> Floats:
        """Return the mean of the members' values, shape (images,)."""
        return mean_ensemble(self.member_values(rewards))


class UncertaintyRegularised(_Ensemble):
    """Mean of several reward models' calibrated values less λ times their variance: disagreement costs.

    Attributes:
        of: Calibration of every member's rewards: one for all, or a list with one per member.
        penalty: λ, at least 0; 0.1 if None.

    Raises:
        ResultError: λ is below 0, or a member's calibration is of several models, or needs labels.

    Example:
        >>> UncertaintyRegularised(penalty=0.5).name_of(["a", "b"])
        'UR of a & b + TextNorm (λ = 0.5)'

    Source: arXiv:2404.01863, section 4; Coste et al. 2024, arXiv:2310.02743.
    """

    registry_name: ClassVar[str] = "ur"
    title: ClassVar[str] = "UR"
    definition: ClassVar[str] = (
        "The mean of several reward models' calibrated values less λ times their variance, so that images on which "
        "they disagree get less."
    )

    penalty: float | None = None

    @field_validator("penalty")
    @classmethod
    def _checked(cls, penalty: float | None) -> float | None:
        return penalty if penalty is None else check_penalty(penalty)

    def values(self, rewards: MemberRewards) -> Floats:
        """Return mean − λ · variance of the members' values, shape (images,)."""
        return uncertainty_regularised(self.member_values(rewards), self._penalty)

    def candidates(self) -> tuple[UncertaintyRegularised, ...]:
        """Return the members' settings with each of the released penalties."""
        if self.penalty is not None:
            raise ResultError("Whatever chooses settings chooses the penalty: give one only with a fixed setting.")
        members = self._candidates_of() or [self.of]
        return tuple(UncertaintyRegularised(of=of, penalty=penalty) for of, penalty in product(members, PENALTIES))

    def candidate_values(self, rewards: MemberRewards) -> Iterator[Floats]:
        """Yield the values under each of the `candidates`, shape (images,)."""
        previous: Any = None
        shares = np.empty(0)
        for candidate in self.candidates():
            # Penalties vary fastest, so the members' values are computed once for all of them.
            if candidate.of != previous:
                previous, shares = candidate.of, candidate.member_values(rewards)
            yield uncertainty_regularised(shares, candidate._penalty)

    def documented(self) -> Calibration:
        """Return it with documented temperatures, and its penalty as it is, given or not."""
        return super().documented().model_copy(update={"penalty": self._penalty})

    @property
    def numbers(self) -> dict[str, str]:
        """Those of the members, and λ."""
        return {**super().numbers, **({} if self.penalty is None else {"λ": f"{self.penalty:g}"})}

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:
        """Return the members' settings, and λ."""
        return {**super().settings(rewards), "penalty": self._penalty}

    def chosen_settings(self) -> dict[str, Any]:
        """Return those of the members' calibration, and λ."""
        return {**super().chosen_settings(), "penalty": self._penalty}

    @property
    def _penalty(self) -> float:
        return PENALTIES[0] if self.penalty is None else self.penalty
