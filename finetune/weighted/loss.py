"""The denoising losses of the weighted methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..policy.model import DiffusionModel
from ..settings.weighted import WeightedSettings

if TYPE_CHECKING:
    from torch import Tensor


def noised(latents: Tensor, noise: Tensor, alpha: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """Return noised latents and what the network should predict of them.

    x_t = √ᾱ x₀ + √(1 − ᾱ) ε; the target is ε, or v = √ᾱ ε − √(1 − ᾱ) x₀.

    Args:
        latents: x₀, shape (batch, channels, height, width).
        noise: ε, same shape.
        alpha: ᾱ of each sample, shape (batch,).
        prediction: "epsilon" or "v_prediction".
    """
    signal, spread = (part.float().view(-1, 1, 1, 1) for part in (alpha.sqrt(), (1 - alpha).sqrt()))
    sample = signal * latents + spread * noise
    return sample, noise if prediction == "epsilon" else signal * noise - spread * latents


def weighted_losses(
    model: DiffusionModel,
    settings: WeightedSettings,
    latents: Tensor,
    prompts: list[str],
    weights: Tensor,
    noise: Tensor,
    timesteps: Tensor,
    alphas: Tensor,
    prediction: str,
) -> Tensor:
    """Return the loss of each sample, with gradients, shape (batch,).

    sft, rwr, minmax: w ‖prediction − target‖². nft: r ‖p⁺ − target‖² + (1 − r) ‖p⁻ − target‖², where p is the network's
    output, p₀ the base model's, p⁺ = (1 − β) p₀ + β p and p⁻ = (1 + β) p₀ − β p: what is good pulls, what is bad
    pushes. All squares are means over dimensions. Beside it, `base_weight` times ‖p − p₀‖².

    Args:
        model: The model.
        settings: The method.
        latents: Images' latents, shape (batch, channels, height, width).
        prompts: Their prompts.
        weights: Their weights, shape (batch,).
        noise: ε, same shape as the latents.
        timesteps: The network's time of each sample, shape (batch,).
        alphas: ᾱ at each of the network's times.
        prediction: The network's target, "epsilon" or "v_prediction".
    """
    device = model.device
    sample, target = noised(latents.to(device), noise.to(device), alphas[timesteps].to(device), prediction)
    embeddings, times = model.embed(prompts), timesteps.to(device)
    output = model.predict(sample, times, embeddings, settings.guidance)
    weights = weights.to(device)
    if settings.kind != "nft" and not settings.base_weight:
        return weights * _mean_square(output - target)
    with torch.no_grad(), model.base():
        base = model.predict(sample, times, embeddings, settings.guidance)
    if settings.kind == "nft":
        beta = settings.beta
        positive = (1 - beta) * base + beta * output
        negative = (1 + beta) * base - beta * output
        losses = weights * _mean_square(positive - target) + (1 - weights) * _mean_square(negative - target)
    else:
        losses = weights * _mean_square(output - target)
    return losses + settings.base_weight * _mean_square(output - base)


def _mean_square(difference: Tensor) -> Tensor:
    return difference.square().flatten(1).mean(1)
