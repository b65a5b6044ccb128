"""From the rewards of a prompt's samples to how much each of them counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..settings.weighted import WeightedSettings
from ..training.prompts import rows_by_prompt

Floats = NDArray[np.float64]


def sample_weights(settings: WeightedSettings, prompts: Sequence[str], rewards: Floats) -> Floats:
    """Return the weight of each sample; of "nft", the probability that it is a good one.

    Args:
        settings: The method.
        prompts: The prompt of each sample.
        rewards: Their rewards, shape (samples,).

    Returns:
        Shape (samples,): mean 1 over the samples that count for "sft", "rwr" and "minmax"; 0 to 1 for "nft".
    """
    if settings.kind == "rwr" and settings.over == "all":
        return softmax_weights(rewards, settings.inverse_temperature)
    weights = np.zeros(len(rewards))
    for rows in rows_by_prompt(prompts).values():
        group = rewards[rows]
        if settings.kind == "sft":
            weights[rows] = top_weights(group, settings.top)
        elif settings.kind == "rwr":
            weights[rows] = softmax_weights(group, settings.inverse_temperature)
        elif settings.kind == "minmax":
            weights[rows] = minmax_weights(group)
        else:
            weights[rows] = good_probability(group)
    if settings.kind == "minmax" and weights.any():
        weights = weights / weights.mean()
    return weights


def top_weights(rewards: Floats, share: float) -> Floats:
    """Return equal weights of the best share of a prompt's samples, at least one, and 0 for the others; mean 1.

    Samples that tie at the cut share what is left of it.

    Args:
        rewards: Shape (samples,).
        share: Above 0, at most 1.

    Example:
        >>> top_weights(np.array([1.0, 3.0, 2.0, 2.0]), 0.5).tolist()
        [0.0, 2.0, 1.0, 1.0]
    """
    kept = max(1, round(share * len(rewards)))
    cut = np.sort(rewards)[-kept]
    above, tied = rewards > cut, rewards == cut
    weights = above + tied * (kept - above.sum()) / tied.sum()
    scaled: Floats = weights * len(rewards) / kept
    return scaled


def softmax_weights(rewards: Floats, inverse_temperature: float) -> Floats:
    """Return weights ∝ exp(inverse temperature × reward), mean 1.

    Args:
        rewards: Shape (samples,).
        inverse_temperature: 1 / temperature, in one over the reward's unit.

    Source: reward-weighted regression, Peters & Schaal 2007, https://doi.org/10.1145/1273496.1273590
    """
    exponents = np.exp(inverse_temperature * (rewards - rewards.max()))
    weights: Floats = exponents * len(rewards) / exponents.sum()
    return weights


def minmax_weights(rewards: Floats) -> Floats:
    """Return rewards scaled to 0 to 1 within the prompt; 1 for all where they are equal.

    Args:
        rewards: Shape (samples,).
    """
    low, high = rewards.min(), rewards.max()
    if high == low:
        return np.ones(len(rewards))
    scaled: Floats = (rewards - low) / (high - low)
    return scaled


def good_probability(rewards: Floats) -> Floats:
    """Return the chance that each of a prompt's samples is a good one: 1/2 + clip(z / 2, −1/2, 1/2), z standardised.

    Args:
        rewards: Shape (samples,).
    """
    standardised = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    probability: Floats = 0.5 + np.clip(standardised / 2, -0.5, 0.5)
    return probability
