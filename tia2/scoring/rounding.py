"""Rewards that a reward model tells apart in float64 and that float32, in which they are kept, doesn't."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 1e-3
"""Share of the rewards from which on ties are said: a few are chance, as float32 has 16 million numbers below 1."""


class RoundingTies:
    """Counts the rewards of one text that differ in float64 and are equal in float32.

    Example:
        >>> ties = RoundingTies()
        >>> ties.add(["a cat"], 1e9 + np.arange(4.0)[:, None])
        >>> ties.count
        4
    """

    def __init__(self) -> None:
        self._rewards: dict[str, list[NDArray[np.float64]]] = {}
        self.seen = 0

    def add(self, texts: Sequence[str], rewards: NDArray[np.float32] | NDArray[np.float64]) -> None:
        """Note rewards as a model returned them.

        Args:
            texts: The texts.
            rewards: Rewards of several images with these texts, shape (images, texts).
        """
        self.seen += rewards.size
        if rewards.dtype == np.float32 or np.array_equal(rewards.astype(np.float32), rewards):
            return
        for text, column in zip(texts, rewards.astype(np.float64).T, strict=True):
            self._rewards.setdefault(text, []).append(column)

    @property
    def count(self) -> int:
        """Number of rewards that share their float32 number with another one of their text."""
        return sum(_tied(np.concatenate(columns)) for columns in self._rewards.values())

    def warn(self, name: str) -> None:
        """Warn once, where more rewards tie than chance explains.

        Args:
            name: Name of the reward model.
        """
        count = self.count
        if count > SHARE * self.seen:
            warnings.warn(
                f"{count:,} of {self.seen:,} rewards of {name!r} differ from another image's and are equal to it in "
                "float32, in which rewards are kept, so they tie: let the reward leave out the constant that they "
                "share, or scale it.",
                stacklevel=3,
            )


def _tied(rewards: NDArray[np.float64]) -> int:
    distinct = np.unique(rewards)
    rounded, groups = np.unique(distinct.astype(np.float32), return_inverse=True)
    crowded = np.bincount(groups, minlength=len(rounded)) > 1
    position = np.searchsorted(rounded, rewards.astype(np.float32))
    return int(crowded[position].sum())
