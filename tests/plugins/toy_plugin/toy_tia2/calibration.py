"""A calibration in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tia2.calibration import Calibration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tia2.calibration import MemberRewards


class Toy(Calibration):
    """The prompt's lead over the mean of its contrastive prompts.

    Attributes:
        weight: Share of the mean that is taken off.
    """

    registry_name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    definition: ClassVar[str] = (
        "The reward of the prompt less the mean reward of the prompt and its contrastive prompts."
    )

    weight: float = 1.0

    def values(self, rewards: MemberRewards) -> NDArray[np.float64]:
        """Return one lead per image."""
        mask = True if rewards.mask is None else rewards.mask
        means = rewards.rewards[0].mean(axis=1, where=mask, dtype="float64")
        return rewards.prompt_rewards[0] - self.weight * means
