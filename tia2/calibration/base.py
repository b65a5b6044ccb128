"""What a calibration is: settings, what they make of rewards, and how an entry made with them is called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from tia2.calibration.checks import check_contrast
from tia2.calibration.member_rewards import MemberRewards
from tia2.errors import ResultError
from tia2.evaluation.values import Values
from tia2.files import explain
from tia2.scoring.same_items import check_same_items, scored_by_all

if TYPE_CHECKING:
    from tia2.rewards.card import RewardCard
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
FIELD = "calibration"
"""Key under which a written calibration names its class in the registry."""
TEXTNORM = "TextNorm"


class Calibration(BaseModel):
    """What is made of the rewards of one or several reward models: one value per image.

    A subclass declares its settings as fields, says what it is in four class variables, and computes `values` from
    arrays. Everything else follows: values of score tables, values during fine-tuning, the names of entries, and how a
    leaderboard's store or a submission writes it down.

    Attributes:
        registry_name: Name in the registry, under which files and command lines know it.
        title: Name in tables and legends.
        definition: One sentence that says what it is.
        colour: Position in the palette of figures.
        version: Raised when the same settings would give other values.

    Example:
        >>> from typing import ClassVar
        >>> class Squared(Calibration):
        ...     registry_name: ClassVar[str] = "squared"
        ...     title: ClassVar[str] = "Squared"
        ...     definition: ClassVar[str] = "The square of the prompt's reward."
        ...     def values(self, rewards):
        ...         return rewards.prompt_rewards[0] ** 2
        >>> Squared().entry_name("mine"), Squared().slug, Squared().model_dump()
        ('mine + Squared', 'squared', {'calibration': 'squared'})
        >>> Squared().apply_online([[[3.0, 1.0]]]).tolist()
        [9.0]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    registry_name: ClassVar[str]
    title: ClassVar[str]
    definition: ClassVar[str]
    colour: ClassVar[int] = 4
    version: ClassVar[int] = 1

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise ResultError(_reason(type(self), error)) from None

    @model_serializer(mode="wrap")
    def _written(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {FIELD: self.registry_name, **fields(self)}

    @property
    def versions(self) -> dict[str, int]:
        """Version of its class and of those that it is composed of, by registry name, for keys of what is kept."""
        values = [getattr(self, name) for name in type(self).model_fields]
        listed = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
        versions = {self.registry_name: self.version}
        for each in listed:
            versions |= each.versions if isinstance(each, Calibration) else {}
        return versions

    # What it computes

    def values(self, rewards: MemberRewards) -> Floats:
        """Return one value per image.

        Args:
            rewards: Rewards of one reward model, or of as many as are combined.

        Returns:
            Shape (images,); all finite.

        Raises:
            ResultError: A temperature is neither given nor documented, or the rewards don't fit.
        """
        raise NotImplementedError

    @property
    def combines(self) -> bool:
        """Whether it makes one entry of several reward models."""
        return False

    @property
    def contrastive(self) -> bool:
        """Whether it compares the prompt with contrastive prompts, so that a reward must depend on the text."""
        return True

    @property
    def upper_bound(self) -> bool:
        """Whether its settings are chosen on the labels that the values are judged by."""
        return False

    def apply(self, tables: Sequence[ScoreTable]) -> Values:
        """Return one value per item of score tables.

        Args:
            tables: Score table of one reward model, or those of an ensemble's members, on one benchmark.

        Returns:
            Values with a name and the settings; NaN for items that a member has no reward for.

        Raises:
            ResultError: The tables don't belong together, there are too many or too few, a reward can't be calibrated
                like this, or there are too few prompts to choose settings on.
        """
        self.check_tables(tables)
        scored = scored_by_all(tables)
        rewards = MemberRewards.of_tables(tables, scored)
        return self._named_values(tables, scored, self.values(rewards), self.settings(rewards))

    def apply_online(
        self, rewards: Sequence[ArrayLike], mask: ArrayLike | None = None, cards: Sequence[RewardCard] = ()
    ) -> Floats:
        """Return one value per image from rewards at hand, as fine-tuning needs it.

        The values are those that `apply` makes of the same rewards.

        Args:
            rewards: One array of shape (images, |X|) per reward model, the prompt's own reward in column 0.
            mask: True where there is a text, of the same shape, for prompts with unequal numbers of contrastive
                prompts; None for everywhere.
            cards: Cards of the reward models, whose documented temperatures apply where none is set.

        Returns:
            Shape (images,).

        Raises:
            ResultError: The number of reward models or a shape doesn't fit, a reward isn't finite, or settings need
                labels to be chosen.
        """
        members = MemberRewards.of(rewards, mask, cards)
        self.check_number(members.names)
        return self.values(members)

    def candidates(self) -> tuple[Calibration, ...]:
        """Return the settings that cross-validation and the oracle choose among, the default one first; none if empty.

        Raises:
            ResultError: A number that is to be chosen was given.
        """
        return ()

    def candidate_values(self, rewards: MemberRewards) -> Iterator[Floats]:
        """Yield the values under each of the `candidates`, shape (images,).

        Args:
            rewards: Rewards of the reward models, as `values` takes them.
        """
        for candidate in self.candidates():
            yield candidate.values(rewards)

    # What a slider of its temperature needs

    def scaled(self, factor: float) -> Calibration | None:  # noqa: ARG002
        """Return it with its temperature, or what stands for one, multiplied; None if it has none.

        Args:
            factor: The multiple, above 0.
        """
        return None

    def documented(self) -> Calibration:
        """Return it with the temperature that cards document, or the default of what stands for one."""
        return self

    def levels(self, rewards: MemberRewards) -> tuple[float, ...]:  # noqa: ARG002
        """Return the temperature, or what stands for one, per reward model; empty if it has none.

        Args:
            rewards: The reward models; their rewards don't matter.
        """
        return ()

    @property
    def level_symbol(self) -> str:
        """Symbol of the temperature, or of what stands for one."""
        return "τ"

    @property
    def setting(self) -> str:
        """How its numbers are chosen: "fixed", "cv" or "oracle"."""
        return "fixed"

    @property
    def fixed(self) -> Calibration:
        """It with fixed settings: itself, or what cross-validation and the oracle choose for."""
        return self

    # What its entries are called

    @property
    def base_title(self) -> str:
        """What is made of every member's rewards, in a word."""
        return self.title

    @property
    def family(self) -> str:
        """Legend under which figures show it."""
        return self.title

    @property
    def legend_colour(self) -> int:
        """Position of its family's colour in the palette of figures."""
        return self.colour

    @property
    def words(self) -> tuple[str, ...]:
        """What sets it apart from others of its base title."""
        return ()

    @property
    def numbers(self) -> dict[str, str]:
        """Numbers that were given, by symbol; they are part of an entry's name."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields}
        return {name: _digits(value) for name, value in values.items() if value != fields[name].get_default()}

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands in brackets behind an entry's name."""
        return (*self.words, *(f"{symbol} = {number}" for symbol, number in self.numbers.items()))

    @property
    def mark(self) -> str:
        """What is made of a model's rewards, as it follows the model's name.

        Example:
            >>> from tia2.calibration import MinMax
            >>> MinMax(scale=5).mark
            'TextNorm (min-max, c = 5)'
        """
        return self._mark(self.marks)

    def entry_name(self, model: str) -> str:
        """Return what tables and figures call the entry of a model, or of an ensemble that has a name of its own.

        Args:
            model: The model's name.
        """
        return f"{model}{', ' if self.combines else ' + '}{self.mark}"

    def name_of(self, names: Sequence[str]) -> str:
        """Return what tables and figures call the entry of these reward models; numbers that were given are part of it.

        Args:
            names: Names of the reward models.

        Example:
            >>> from tia2.calibration import TextNorm
            >>> TextNorm(temperature=0.5).name_of(["pickscore"])
            'pickscore + TextNorm (τ = 0.5)'
        """
        return self._name_of(names, self.marks)

    @property
    def chips(self) -> tuple[str, ...]:
        """What a table says of the entry, in a word or two each."""
        return (self.title,)

    @property
    def slug(self) -> str:
        """Part of an entry's id, empty for raw rewards; different settings have different ones, to six digits."""
        letters = {"τ": "t", "c": "c", "λ": "p", "τ ×": "f"}
        numbers = [f"{letters.get(symbol, symbol)}{number}" for symbol, number in self.slug_numbers.items()]
        return "-".join(re.sub(r"[^a-z0-9._]+", "-", part.lower()) for part in (*self.slug_words, *numbers))

    @property
    def slug_words(self) -> tuple[str, ...]:
        """Words of the slug, before its numbers."""
        return (self.registry_name.replace("_", "-"),)

    @property
    def slug_numbers(self) -> dict[str, str]:
        """Numbers of the slug, by symbol."""
        return {symbol: number.replace(" and ", "_") for symbol, number in self.numbers.items()}

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:  # noqa: ARG002
        """Return what a result keeps about how its values came about, as plain JSON.

        Args:
            rewards: The rewards that the values are made of.
        """
        fields = {name: value for name, value in self.model_dump(mode="json").items() if name != FIELD}
        return {"ensemble": None, "setting": "fixed", **fields}

    def chosen_settings(self) -> dict[str, Any]:
        """Return those of the settings that cross-validation and the oracle choose."""
        return {}

    def _mark(self, marks: Sequence[str]) -> str:
        return f"{self.base_title}{in_brackets(marks)}"

    def _name_of(self, names: Sequence[str], marks: Sequence[str]) -> str:
        return f"{names[0]} + {self._mark(marks)}"

    # What it accepts

    def check_number(self, names: Sequence[str]) -> None:
        """Refuse a number of reward models that the calibration can't make one entry of.

        Args:
            names: Names of the reward models.

        Raises:
            ResultError: There are several and it takes one, or one and it combines several.
        """
        if len(names) > 1 and not self.combines:
            raise ResultError(
                f"{len(names)} score tables make one entry as an ensemble only: pass "
                "calibration=tia2.calibration.Mean(), or UncertaintyRegularised()."
            )
        if len(names) == 1 and self.combines:
            raise ResultError(f"An ensemble needs at least two score tables, got {names[0]} alone.")

    def check_tables(self, tables: Sequence[ScoreTable]) -> None:
        """Refuse score tables that the calibration can't make one entry of.

        Args:
            tables: Score tables.

        Raises:
            ResultError: As `apply` says.
        """
        self.check_number([table.name for table in tables])
        check_same_items(tables)
        if self.contrastive:
            check_contrast(tables)

    def _named_values(
        self, tables: Sequence[ScoreTable], scored: NDArray[np.bool_], values: Floats, settings: Mapping[str, Any]
    ) -> Values:
        if values.shape != (int(scored.sum()),):
            raise ResultError(f"{self.title} gave values of shape {values.shape}, expected ({int(scored.sum())},).")
        spread = np.full(len(scored), np.nan)
        spread[scored] = values
        return Values.of(
            tables,
            spread,
            name=self.name_of([table.name for table in tables]),
            calibration=self.registry_name,
            settings=settings,
            upper_bound=self.upper_bound,
        )


def in_brackets(marks: Sequence[str]) -> str:
    """Return what stands in brackets behind a name, with a space before; nothing for nothing.

    Example:
        >>> in_brackets(["min-max", "cv"]), in_brackets([])
        (' (min-max, cv)', '')
    """
    return f" ({', '.join(marks)})" if marks else ""


def _digits(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _reason(calibration: type[Calibration], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":  # a sentence of our own
        return str(first["ctx"]["error"])
    if first["type"] == "extra_forbidden":
        fields = ", ".join(calibration.model_fields) or "none"
        return f"{calibration.__name__} has no setting {first['loc'][-1]!r}. Its settings: {fields}."
    return f"{calibration.__name__} doesn't take these settings: {explain(error, 'settings')}."
