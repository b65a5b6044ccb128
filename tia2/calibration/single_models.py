"""Calibrations of one reward model: its raw rewards, and TextNorm by temperature or by min-max scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from tia2.calibration._textnorm import textnorm, textnorm_minmax
from tia2.calibration.base import TEXTNORM, Calibration
from tia2.calibration.checks import check_positive
from tia2.calibration.member_rewards import MemberRewards
from tia2.errors import ResultError

Floats = NDArray[np.float64]

FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0, 0.125, 8.0)
"""Multiples of the temperature to choose among, nearest to the documented one first."""
SCALES = (3.0, 1.0, 5.0, 0.1, 10.0)
"""Min-max scales to choose among: the released ones, the default first."""


def _positive(name: str) -> AfterValidator:
    def check(value: float | None) -> float | None:
        return value if value is None else float(check_positive(name, value))

    return AfterValidator(check)


class Raw(Calibration):
    """The prompt's own reward, as the reward model gives it.

    Example:
        >>> Raw().entry_name("mine"), Raw().chips, Raw().slug
        ('mine', ('raw',), '')
    """

    registry_name: ClassVar[str] = "raw"
    title: ClassVar[str] = "raw"
    definition: ClassVar[str] = "The reward of the prompt itself, as the reward model gives it."
    colour: ClassVar[int] = 0

    def values(self, rewards: MemberRewards) -> Floats:
        """Return the prompts' own rewards, shape (images,)."""
        prompt_rewards: Floats = rewards.prompt_rewards[0]
        if not np.isfinite(prompt_rewards).all():
            raise ResultError(f"Some rewards of {rewards.names[0]} are NaN or infinite.")
        return prompt_rewards

    @property
    def contrastive(self) -> bool:
        """Contrastive prompts don't enter."""
        return False

    @property
    def slug(self) -> str:
        """Nothing: the entry has the id of its model."""
        return ""

    def entry_name(self, model: str) -> str:
        """Return the model's name."""
        return model

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: there are none."""
        return {}

    def _name_of(self, names: Sequence[str], marks: Sequence[str]) -> str:  # noqa: ARG002
        return names[0]


class TextNorm(Calibration):
    """TextNorm: the prompt's share in the softmax of reward / τ over the prompt and its contrastive prompts.

    Attributes:
        temperature: τ, above 0, in the unit of the rewards; None for the one that the model's card documents.
        factor: Multiplies τ, given or documented.

    Raises:
        ResultError: A number is out of range.

    Example:
        >>> tia2.evaluate("runs/mini-strong", calibration=TextNorm()).entry.name  # doctest: +SKIP
        'mini-strong + TextNorm'
        >>> TextNorm(temperature=0.05).apply_online([[[0.30, 0.25, 0.20]]]).round(3).tolist()
        [0.665]

    Source: arXiv:2404.01863, section 4.1.
    """

    registry_name: ClassVar[str] = "textnorm"
    title: ClassVar[str] = TEXTNORM
    definition: ClassVar[str] = (
        "The prompt's share in the softmax of reward / τ over the prompt and its contrastive prompts."
    )
    colour: ClassVar[int] = 1

    temperature: Annotated[float | None, _positive("temperature")] = None
    factor: Annotated[float, _positive("factor")] = 1.0

    def values(self, rewards: MemberRewards) -> Floats:
        """Return TextNorm, shape (images,), between 0 and 1."""
        return textnorm(rewards.rewards[0], self.factor * self._temperature(rewards), mask=rewards.mask)

    def candidates(self) -> tuple[TextNorm, ...]:
        """Return multiples of the temperature from 1/8 to 8."""
        if self.factor != 1:
            raise ResultError("The factor of the temperature is to be chosen: leave it out.")
        return tuple(TextNorm(temperature=self.temperature, factor=factor) for factor in FACTORS)

    def scaled(self, factor: float) -> TextNorm:
        """Return it with another factor of the temperature."""
        return TextNorm(temperature=self.temperature, factor=self.factor * factor)

    def documented(self) -> TextNorm:
        """Return it with the documented temperature."""
        return TextNorm()

    def levels(self, rewards: MemberRewards) -> tuple[float, ...]:
        """Return the temperature."""
        return (self.factor * self._temperature(rewards),)

    @property
    def numbers(self) -> dict[str, str]:
        """τ, and the factor."""
        given = {"τ": self.temperature, "τ ×": None if self.factor == 1 else self.factor}
        return {symbol: f"{number:g}" for symbol, number in given.items() if number is not None}

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:
        """Return the temperature before it is multiplied, and the factor."""
        return {
            "scaling": "temperature",
            "ensemble": None,
            "setting": "fixed",
            "temperatures": [self._temperature(rewards)],
            **self.chosen_settings(),
        }

    def chosen_settings(self) -> dict[str, Any]:
        """Return the factor."""
        return {"factor": self.factor}

    def _temperature(self, rewards: MemberRewards) -> float:
        temperature = rewards.temperatures[0] if self.temperature is None else self.temperature
        if temperature is None:
            raise ResultError(
                f"The card of {rewards.names[0]} documents no default temperature: give one, or choose MinMax "
                "(scaling='minmax' on the command line), which needs none."
            )
        return float(temperature)


class MinMax(Calibration):
    """TextNorm after each image's rewards over X are scaled to lie between 0 and c, as in the authors' code.

    Attributes:
        scale: c, above 0; 3 if None.

    Raises:
        ResultError: The scale isn't above 0.

    Example:
        >>> MinMax(scale=3).apply_online([[[0.30, 0.25, 0.20]]]).round(3).tolist()
        [0.786]

    Source: the protocol behind github.com/kykim0/TextNorm, `alignment_scores`.
    """

    registry_name: ClassVar[str] = "minmax"
    title: ClassVar[str] = "min-max"
    definition: ClassVar[str] = (
        "TextNorm after each image's rewards over the prompt and its contrastive prompts are scaled to lie between 0 "
        "and c, so that the unit of the reward doesn't matter."
    )
    colour: ClassVar[int] = 1

    scale: Annotated[float | None, _positive("scale")] = None

    def values(self, rewards: MemberRewards) -> Floats:
        """Return TextNorm of the scaled rewards, shape (images,), between 0 and 1."""
        return textnorm_minmax(rewards.rewards[0], self._scale, mask=rewards.mask)

    def candidates(self) -> tuple[MinMax, ...]:
        """Return the released scales."""
        if self.scale is not None:
            raise ResultError("Whatever chooses settings chooses the scale: give one only with a fixed setting.")
        return tuple(MinMax(scale=scale) for scale in SCALES)

    def scaled(self, factor: float) -> MinMax:
        """Return it with another scale."""
        return MinMax(scale=factor * self._scale)

    def documented(self) -> MinMax:
        """Return it with the default scale."""
        return MinMax()

    def levels(self, rewards: MemberRewards) -> tuple[float, ...]:  # noqa: ARG002
        """Return the scale."""
        return (self._scale,)

    @property
    def level_symbol(self) -> str:
        """Symbol of the scale."""
        return "c"

    @property
    def base_title(self) -> str:
        """TextNorm, of which it is a form."""
        return TEXTNORM

    @property
    def family(self) -> str:
        """TextNorm, of which it is a form."""
        return TEXTNORM

    @property
    def chips(self) -> tuple[str, ...]:
        """TextNorm, min-max."""
        return (TEXTNORM, self.title)

    @property
    def words(self) -> tuple[str, ...]:
        """min-max, which sets it apart from TextNorm by temperature."""
        return (self.title,)

    @property
    def numbers(self) -> dict[str, str]:
        """The scale."""
        return {} if self.scale is None else {"c": f"{self.scale:g}"}

    def settings(self, rewards: MemberRewards) -> dict[str, Any]:  # noqa: ARG002
        """Return the scale."""
        return {"scaling": "minmax", "ensemble": None, "setting": "fixed", **self.chosen_settings()}

    def chosen_settings(self) -> dict[str, Any]:
        """Return the scale."""
        return {"scale": self._scale}

    @property
    def _scale(self) -> float:
        return SCALES[0] if self.scale is None else self.scale
