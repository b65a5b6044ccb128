"""What a calibration works on: the rewards of one or several reward models for the same images, over the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import ResultError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tia2.rewards.card import RewardCard
    from tia2.scoring import ScoreTable


@dataclass(frozen=True)
class MemberRewards:
    """Rewards of X, the prompt and its contrastive prompts, per reward model and image.

    Attributes:
        names: Names of the reward models.
        rewards: One array per reward model, shape (images, |X|), the prompt's own reward in column 0; padded.
        mask: True where there is a text, shape (images, |X|); None for everywhere.
        temperatures: Default temperature that each model's card documents; None where it documents none.

    Example:
        >>> MemberRewards.of([[[0.30, 0.25, 0.20]]]).prompt_rewards
        array([[0.3]])
    """

    names: tuple[str, ...]
    rewards: tuple[NDArray[Any], ...]
    mask: NDArray[np.bool_] | None
    temperatures: tuple[float | None, ...]

    @classmethod
    def of(
        cls, rewards: Sequence[ArrayLike], mask: ArrayLike | None = None, cards: Sequence[RewardCard] = ()
    ) -> MemberRewards:
        """Take rewards as reward models gave them.

        Args:
            rewards: One array of shape (images, |X|) per reward model.
            mask: True where there is a text, of the same shape; None for everywhere.
            cards: Cards of the reward models; without, no temperature is documented.

        Raises:
            ResultError: There is no array, the shapes differ, or there are not as many cards as arrays.
        """
        arrays = tuple(np.asarray(array) for array in rewards)
        if not arrays:
            raise ResultError("Expected the rewards of at least one reward model, got none.")
        if any(array.ndim != 2 or array.shape != arrays[0].shape for array in arrays):
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ResultError(f"Expected one array of shape (images, |X|) per reward model, all alike; got {shapes}.")
        if cards and len(cards) != len(arrays):
            raise ResultError(f"Expected one card per reward model ({len(arrays)}), got {len(cards)}.")
        names = tuple(card.name for card in cards) or tuple(f"reward {number}" for number in range(1, len(arrays) + 1))
        temperatures = tuple(card.default_temperature for card in cards) or (None,) * len(arrays)
        return cls(names, arrays, None if mask is None else np.asarray(mask), temperatures)

    @classmethod
    def of_tables(cls, tables: Sequence[ScoreTable], scored: NDArray[np.bool_]) -> MemberRewards:
        """Take the rewards of score tables that were checked to belong together.

        Args:
            tables: One score table per reward model.
            scored: True for the items to take, shape (items,).
        """
        rows: Any = slice(None) if scored.all() else scored
        return cls(
            tuple(table.name for table in tables),
            tuple(table.rewards[rows] for table in tables),
            tables[0].mask[rows],
            tuple(table.manifest.reward.card.default_temperature for table in tables),
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def prompt_rewards(self) -> NDArray[np.float64]:
        """Rewards of the prompts themselves, shape (models, images)."""
        return np.stack([array[:, 0].astype(np.float64) for array in self.rewards])

    def member(self, number: int) -> MemberRewards:
        """Return the rewards of one reward model alone.

        Args:
            number: Its position.
        """
        return MemberRewards(
            (self.names[number],), self.rewards[number : number + 1], self.mask, (self.temperatures[number],)
        )

    def over(self, texts: NDArray[np.bool_]) -> MemberRewards:
        """Return the same rewards over fewer texts.

        Args:
            texts: Texts to keep, shape (images, |X|), the prompt among them.
        """
        mask = texts if self.mask is None else self.mask & texts
        return MemberRewards(self.names, self.rewards, mask, self.temperatures)
