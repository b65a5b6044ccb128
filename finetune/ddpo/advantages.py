"""From rewards to advantages: how much better a sample is than others of its prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..settings.ddpo import AdvantageSettings
from ..training.prompts import rows_by_prompt

Floats = NDArray[np.float64]
_SMALLEST_SPREAD = 1e-6


class PromptTracker:
    """The latest rewards of each prompt, kept over epochs, so that few samples per epoch suffice to compare with.

    Args:
        buffer: Rewards kept per prompt.
        min_count: Rewards of a prompt from which on its own statistics are used.
    """

    def __init__(self, buffer: int, min_count: int) -> None:
        self.buffer = buffer
        self.min_count = min_count
        self._rewards: dict[str, list[float]] = {}

    def standardise(self, prompts: Sequence[str], rewards: Floats) -> Floats:
        """Take in an epoch's rewards, and return each less its prompt's mean, over its prompt's standard deviation.

        While a prompt has fewer than `min_count` rewards, the mean and standard deviation of the whole batch stand in.

        Args:
            prompts: The prompt of each sample, over all processes.
            rewards: Shape (samples,).

        Returns:
            Shape (samples,).
        """
        standardised = np.empty(len(rewards))
        for prompt, rows in rows_by_prompt(prompts).items():
            kept = self._rewards.setdefault(prompt, [])
            kept.extend(rewards[rows].tolist())
            del kept[: -self.buffer]
            compared = np.asarray(kept) if len(kept) >= self.min_count else rewards
            standardised[rows] = (rewards[rows] - compared.mean()) / (compared.std() + _SMALLEST_SPREAD)
        return standardised

    def state(self) -> dict[str, list[float]]:
        """Return what a checkpoint keeps."""
        return {prompt: list(kept) for prompt, kept in self._rewards.items()}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        """Take up what `state` returned."""
        self._rewards = {prompt: list(kept) for prompt, kept in state.items()}


def group_standardised(prompts: Sequence[str], rewards: Floats) -> Floats:
    """Return each reward less the mean of its prompt's samples in this batch, over their standard deviation.

    Args:
        prompts: The prompt of each sample.
        rewards: Shape (samples,).

    Returns:
        Shape (samples,); 0 for a prompt with one sample or with equal rewards.

    Example:
        >>> group_standardised(["a", "a", "b"], np.array([1.0, 3.0, 9.0])).round(3).tolist()
        [-1.0, 1.0, 0.0]
    """
    standardised = np.zeros(len(rewards))
    for rows in rows_by_prompt(prompts).values():
        group = rewards[rows]
        standardised[rows] = (group - group.mean()) / (group.std() + _SMALLEST_SPREAD)
    return standardised


class Advantages:
    """Turns each epoch's rewards into advantages, as the settings say.

    Args:
        settings: The settings.
    """

    def __init__(self, settings: AdvantageSettings) -> None:
        self.settings = settings
        self.tracker = PromptTracker(settings.buffer, settings.min_count)

    def of(self, prompts: Sequence[str], rewards: Floats) -> Floats:
        """Return the advantages of an epoch's samples over all processes, clipped, shape (samples,)."""
        if self.settings.kind == "group":
            standardised = group_standardised(prompts, rewards)
        else:
            standardised = self.tracker.standardise(prompts, rewards)
        clipped: Floats = np.clip(standardised, -self.settings.clip, self.settings.clip)
        return clipped

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return self.tracker.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        self.tracker.restore(state)
