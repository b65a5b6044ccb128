"""Calibrations whose setting is chosen on labels: by cross-validation, or, as an upper bound, by the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator

from tia2.calibration.base import Calibration
from tia2.calibration.candidates import Candidates
from tia2.calibration.member_rewards import MemberRewards
from tia2.calibration.registry import AnyCalibration
from tia2.calibration.single_models import TextNorm
from tia2.errors import ResultError
from tia2.evaluation.panel import Panel
from tia2.scoring.same_items import scored_by_all

if TYPE_CHECKING:
    from tia2.evaluation.values import Values
    from tia2.rewards.card import RewardCard
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
FOLDS = 5


class _Chosen(Calibration):
    """What cross-validation and the oracle share: names and checks are those of the calibration that they choose for.

    Attributes:
        of: The calibration whose setting is chosen.
    """

    of: AnyCalibration = Field(default_factory=TextNorm)

    @field_validator("of")
    @classmethod
    def _choosable(cls, of: Calibration) -> Calibration:
        if isinstance(of, _Chosen) or not of.candidates():
            raise ResultError(
                f"{of.title} has no setting to choose: {cls.registry_name} takes a calibration that has some."
            )
        return of

    @property
    def combines(self) -> bool:
        """As the calibration that it chooses for."""
        return self.of.combines

    @property
    def contrastive(self) -> bool:
        """As the calibration that it chooses for."""
        return self.of.contrastive

    @property
    def setting(self) -> str:
        """Its own name."""
        return self.registry_name

    @property
    def fixed(self) -> Calibration:
        """The calibration that it chooses for."""
        return self.of

    @property
    def base_title(self) -> str:
        """That of the calibration that it chooses for."""
        return self.of.base_title

    @property
    def family(self) -> str:
        """That of the calibration that it chooses for."""
        return self.of.family

    @property
    def legend_colour(self) -> int:
        """That of the calibration that it chooses for."""
        return self.of.legend_colour

    @property
    def chips(self) -> tuple[str, ...]:
        """Those of the calibration that it chooses for, and how."""
        return (*self.of.chips, self.title)

    @property
    def marks(self) -> tuple[str, ...]:
        """Those of the calibration that it chooses for, and how."""
        return (*self.of.marks, self.title)

    @property
    def slug_words(self) -> tuple[str, ...]:
        """Those of the calibration that it chooses for, and how."""
        return (*self.of.slug_words, self.registry_name)

    @property
    def slug_numbers(self) -> dict[str, str]:
        """Those of the calibration that it chooses for."""
        return self.of.slug_numbers

    def values(self, rewards: MemberRewards) -> NoReturn:  # noqa: ARG002
        """Refuse: rewards alone don't say which setting to take."""
        raise ResultError(
            f"{self.registry_name} chooses settings on labels, which rewards at hand don't have: give the setting, or "
            "freeze the one that cross_validated(...).chosen_for(tables) returns."
        )

    def apply_online(
        self, rewards: Sequence[ArrayLike], mask: ArrayLike | None = None, cards: Sequence[RewardCard] = ()
    ) -> NoReturn:
        """Refuse: there is no online form, since settings are chosen on labels."""
        self.values(MemberRewards.of(rewards, mask, cards))

    def apply(self, tables: Sequence[ScoreTable]) -> Values:
        """Return one value per item of score tables, as `Calibration.apply` does."""
        judged, scored, rewards = self._judged(tables)
        positions, described = self._choose(judged)
        return self._named_values(tables, scored, judged.pick(positions), {**self._fixed(rewards), **described})

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:
        """Return the settings of the calibration that are not chosen."""
        return self._fixed(rewards)

    def _judged(self, tables: Sequence[ScoreTable]) -> tuple[Candidates, NDArray[np.bool_], MemberRewards]:
        self.check_tables(tables)
        scored = scored_by_all(tables)
        rewards = MemberRewards.of_tables(tables, scored)
        panel = Panel.of(tables[0].items.iloc[np.flatnonzero(scored)])
        return Candidates.of(panel, self.of.candidate_values(rewards)), scored, rewards

    def _choose(self, judged: Candidates) -> tuple[NDArray[np.intp], dict[str, Any]]:
        raise NotImplementedError

    def _fixed(self, rewards: MemberRewards) -> dict[str, Any]:
        chosen = self.of.chosen_settings()
        kept = {name: value for name, value in self.of.settings(rewards).items() if name not in chosen}
        return {**kept, "setting": self.registry_name}

    def _name_of(self, names: Sequence[str], marks: Sequence[str]) -> str:
        return self.of._name_of(names, marks)

    def _mark(self, marks: Sequence[str]) -> str:
        return self.of._mark(marks)


class CrossValidated(_Chosen):
    """A calibration whose setting is chosen by k-fold cross-validation over prompts.

    Every prompt gets the setting that was best on the other folds' prompts, so what comes out is a result: no prompt's
    own labels had a say. Best is the highest AUROC, averaged over the prompts of a subset and then over subsets.

    Attributes:
        of: The calibration whose setting is chosen.
        folds: Number of parts that prompts are dealt into, at least 2.
        seed: Seed of that deal.

    Raises:
        ResultError: The calibration has nothing to choose, or a number is out of range.

    Example:
        >>> CrossValidated(of=TextNorm()).entry_name("mine")
        'mine + TextNorm (cv)'
    """

    registry_name: ClassVar[str] = "cv"
    title: ClassVar[str] = "cv"
    definition: ClassVar[str] = (
        "The setting is chosen by cross-validation over prompts: every prompt gets the one that was best on the other "
        "folds' prompts."
    )

    folds: int = FOLDS
    seed: int = 0

    @field_validator("folds", "seed", mode="before")
    @classmethod
    def _whole(cls, given: Any, info: Any) -> Any:
        fewest = 2 if info.field_name == "folds" else 0
        if isinstance(given, bool) or not isinstance(given, int) or given < fewest:
            if info.field_name == "folds":
                raise ResultError(f"Expected a whole number of at least 2 folds, got {given!r}.")
            raise ResultError(f"The seed must be a whole number of at least 0, got {given!r}.")
        return given

    def chosen_for(self, tables: Sequence[ScoreTable]) -> Calibration:
        """Return the calibration with the setting that is best on all prompts, to be used on other prompts.

        The values that it gives for these same tables are no result, since their labels chose it; `apply` gives one.
        Fine-tuning, on prompts of its own, needs the one setting.

        Args:
            tables: Score table of one reward model, or those of an ensemble's members.

        Raises:
            ResultError: As `apply` does.

        Example:
            >>> frozen = cross_validated(TextNorm()).chosen_for([table])  # doctest: +SKIP
            >>> frozen.apply_online([rewards], cards=[reward.card])  # doctest: +SKIP
        """
        judged, _, _ = self._judged(tables)
        return self.of.candidates()[judged.best()]

    @property
    def slug_numbers(self) -> dict[str, str]:
        """Those of the calibration that it chooses for, and folds and seed that are not the usual ones."""
        given = {"folds": self.folds if self.folds != FOLDS else None, "seed": self.seed or None}
        return {**self.of.slug_numbers, **{name: str(number) for name, number in given.items() if number is not None}}

    def _choose(self, judged: Candidates) -> tuple[NDArray[np.intp], dict[str, Any]]:
        of_prompt, of_fold = judged.cross_validated(self.folds, self.seed)
        candidates = self.of.candidates()
        chosen = [candidates[number].chosen_settings() for number in of_fold]
        return of_prompt, {"folds": self.folds, "seed": self.seed, "chosen": chosen}


class Oracle(_Chosen):
    """A calibration whose setting is chosen for each prompt on its own test labels, as the released figures did.

    What comes out is an upper bound and never a result; it is marked as such wherever it appears.

    Attributes:
        of: The calibration whose setting is chosen.

    Raises:
        ResultError: The calibration has nothing to choose.

    Example:
        >>> Oracle(of=TextNorm()).upper_bound
        True
    """

    registry_name: ClassVar[str] = "oracle"
    title: ClassVar[str] = "oracle"
    definition: ClassVar[str] = (
        "The setting is chosen for each prompt on the labels that it is judged by: an upper bound, never a result."
    )

    @property
    def upper_bound(self) -> bool:
        """It is."""
        return True

    @property
    def marks(self) -> tuple[str, ...]:
        """Those of the calibration that it chooses for, and that this is an upper bound."""
        return (*self.of.marks, "oracle, upper bound")

    def _choose(self, judged: Candidates) -> tuple[NDArray[np.intp], dict[str, Any]]:
        of_prompt = judged.oracle()
        candidates = self.of.candidates()
        counts = Counter(of_prompt[judged.panel.used].tolist())
        chosen = [{**candidates[number].chosen_settings(), "prompts": counts[number]} for number in sorted(counts)]
        return of_prompt, {"chosen": chosen}


def cross_validated(of: Calibration, folds: int = FOLDS, seed: int = 0) -> CrossValidated:
    """Return a calibration whose setting is chosen by cross-validation over prompts.

    Args:
        of: The calibration whose setting is chosen: any whose `candidates` are not empty.
        folds: Number of parts that prompts are dealt into, at least 2.
        seed: Seed of that deal.

    Returns:
        The calibration.

    Raises:
        ResultError: It has nothing to choose, or a number is out of range.

    Example:
        >>> cross_validated(TextNorm()).chips
        ('TextNorm', 'cv')
    """
    return CrossValidated(of=of, folds=folds, seed=seed)


def oracle(of: Calibration) -> Oracle:
    """Return a calibration whose setting is chosen on the test labels: an upper bound, never a result.

    Args:
        of: The calibration whose setting is chosen: any whose `candidates` are not empty.

    Returns:
        The calibration.

    Raises:
        ResultError: It has nothing to choose.

    Example:
        >>> oracle(TextNorm()).entry_name("mine")
        'mine + TextNorm (oracle, upper bound)'
    """
    return Oracle(of=of)
