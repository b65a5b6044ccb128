"""TextNorm: how much of a reward is owed to the prompt, rather than to the image.

A reward is compared with what the same image gets for contrastive prompts, which differ from the prompt in a detail. An
image that pleases a model whatever the text says then gains nothing, and rewards of different prompts share one scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.calibration.checks import check_positive, check_rewards
from tia2.errors import ResultError

Floats = NDArray[np.float64]


def textnorm(rewards: ArrayLike, temperature: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the prompt's share in the softmax of an image's rewards over X.

    TextNorm = exp(r₀ / τ) / Σⱼ exp(rⱼ / τ), j over X: the prompt itself and its contrastive prompts, each once. Above 0
    (0 where it underflows) to 1; 1 / |X| where the reward tells nothing apart; 1 where X is the prompt alone. Only
    differences of rewards enter, so no reward is too large; a share nearer to 1 than 1e-16 is 1.

    Args:
        rewards: Rewards of the texts in X, the prompt's own in column 0; shape (..., |X|), any unit.
        temperature: τ, above 0, in the unit of the rewards: one number, or one for each row, shape (...). A small τ
            looks only at the best contrastive prompt, a large one at the mean of all.
        mask: True where there is a text, same shape as the rewards; None for everywhere.

    Returns:
        Float64, shape (...).

    Raises:
        ResultError: If a reward isn't finite, τ isn't above 0, or the shapes don't fit.

    Example:
        >>> textnorm([[0.30, 0.25, 0.20], [0.30, 0.35, 0.20]], temperature=0.05).round(3).tolist()
        [0.665, 0.259]

    Source: arXiv:2404.01863, section 4.1.
    """
    values, where = check_rewards(rewards, mask)
    scale = check_positive("temperature", temperature)
    if scale.ndim and scale.shape != values.shape[:-1]:
        raise ResultError(
            f"The temperature must be one number or have the shape {values.shape[:-1]} of the rows, got {scale.shape}."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what is masked may be anything
        advantages = (values - values[..., :1]) / scale[..., None]
    return _share(advantages, where)


def textnorm_minmax(rewards: ArrayLike, scale: float, mask: ArrayLike | None = None) -> Floats:
    """Return the prompt's share in the softmax of an image's rewards over X, scaled to lie between 0 and c.

    sⱼ = c (rⱼ − min r) / (max r − min r), then exp(s₀) / Σⱼ exp(sⱼ), j over X. Between 1 / (1 + (|X| − 1) eᶜ) and
    1 / (1 + (|X| − 1) e⁻ᶜ); 1 / |X| where all rewards are equal; 1 where X is the prompt alone. The unit of the reward
    doesn't matter, and neither does how far apart an image's rewards are: a narrow lead counts as much as a wide one.

    Args:
        rewards: Rewards of the texts in X, the prompt's own in column 0; shape (..., |X|), any unit.
        scale: c, above 0.
        mask: True where there is a text, same shape; None for everywhere.

    Returns:
        Float64, shape (...).

    Raises:
        ResultError: If a reward isn't finite, c isn't above 0, or the shapes don't fit.

    Example:
        >>> textnorm_minmax([[0.30, 0.25, 0.20], [3.5, 3.5, 3.5]], scale=3).round(3).tolist()
        [0.786, 0.333]

    Source: the protocol behind github.com/kykim0/TextNorm, `alignment_scores`.
    """
    values, where = check_rewards(rewards, mask)
    factor = check_positive("scale", scale)
    if factor.ndim:
        raise ResultError(f"The scale must be one number, got shape {factor.shape}.")
    highest = values.max(axis=-1, keepdims=True, initial=-np.inf, where=True if where is None else where)
    lowest = values.min(axis=-1, keepdims=True, initial=np.inf, where=True if where is None else where)
    with np.errstate(over="ignore", invalid="ignore"):
        # Halved, since the difference of two finite numbers may overflow.
        span = highest / 2 - lowest / 2
        lead = values / 2 - values[..., :1] / 2
        advantages = factor * np.divide(lead, span, out=np.zeros_like(values), where=span > 0)
    return _share(advantages, where)


def _share(advantages: Floats, where: NDArray[np.bool_] | None) -> Floats:
    """Return 1 / Σⱼ exp(advantageⱼ): the softmax of the first column, whose advantage is 0."""
    if where is not None:
        advantages = np.where(where, advantages, -np.inf)
    with np.errstate(over="ignore"):
        share: Floats = 1 / np.exp(advantages).sum(axis=-1)
    return share
