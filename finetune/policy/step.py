"""One denoising step for a batch in which every sample may be at a step of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .schedule import NoiseSchedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Coefficients:
    """What a batch of steps multiplies with, float32, each of shape (batch, 1, 1, 1).

    The mean of a step is linear in the sample and in the network's output: μ = of_sample · x + of_output · output.
    """

    of_sample: Tensor
    of_output: Tensor
    sigma: Tensor


def coefficients(schedule: NoiseSchedule, steps: Tensor, device: torch.device | str | None = None) -> Coefficients:
    """Return the coefficients of steps, computed in float64 and rounded once.

    From ε: x₀ = (x − √(1−ᾱ) ε)/√ᾱ. From v: x₀ = √ᾱ x − √(1−ᾱ) v and ε = √ᾱ v + √(1−ᾱ) x. Then
    μ = √ᾱ′ x₀ + d ε with d = √(1 − ᾱ′ − σ²).

    Args:
        schedule: The schedule.
        steps: The position of each sample in the schedule, 0 for its first step, shape (batch,).
        device: The device of the result; the steps' own by default.
    """
    at = steps.to("cpu")
    alpha, alpha_next, sigma = schedule.alpha[at], schedule.alpha_next[at], schedule.sigma[at]
    direction = (1 - alpha_next - sigma**2).clamp(min=0).sqrt()
    if schedule.prediction == "epsilon":
        of_sample = (alpha_next / alpha).sqrt()
        of_output = direction - (alpha_next * (1 - alpha) / alpha).sqrt()
    else:
        of_sample = (alpha_next * alpha).sqrt() + direction * (1 - alpha).sqrt()
        of_output = direction * alpha.sqrt() - (alpha_next * (1 - alpha)).sqrt()
    where = steps.device if device is None else device
    return Coefficients(*(part.float().view(-1, 1, 1, 1).to(where) for part in (of_sample, of_output, sigma)))


def mean(sample: Tensor, output: Tensor, step: Coefficients) -> Tensor:
    """Return μ, where the step ends on average, in float32.

    Args:
        sample: x_t, shape (batch, channels, height, width).
        output: The network's prediction for it, same shape, of any number format.
        step: The batch's coefficients.
    """
    return step.of_sample * sample.float() + step.of_output * output.float()


def log_probability(following: Tensor, means: Tensor, sigma: Tensor) -> Tensor:
    """Return the log-density of the samples that followed, in nats: the sum over all their dimensions.

    log p = Σ [−(x′ − μ)²/(2σ²) − log σ − log √(2π)]. The sum is taken in float64: 16,384 dimensions of a 512-pixel
    image add up to some 23,000 nats, of which float32 keeps a few thousandths, and ratios between policies are smaller.

    Args:
        following: x_t′, float32, shape (batch, channels, height, width).
        means: μ, same shape.
        sigma: σ, shape (batch, 1, 1, 1).

    Returns:
        Shape (batch,), float64.

    Example:
        >>> log_probability(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 1)).round(decimals=4)
        tensor([-1.8379], dtype=torch.float64)
    """
    deviations = ((following - means) / sigma).double().square().flatten(1).sum(1)
    dimensions = following[0].numel()
    log_sigma = sigma.double().log().flatten()
    constant = 0.5 * float(torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64)))
    return -0.5 * deviations - dimensions * (log_sigma + constant)


def step_kl(means: Tensor, base_means: Tensor, sigma: Tensor) -> Tensor:
    """Return the KL divergence of one step's Gaussian from the base model's, in nats: ‖μ − μ_base‖²/(2σ²).

    Both have the same variance, so this is exact. Summed over the steps of trajectories that the policy itself sampled,
    it is the KL divergence of paths, an upper bound of the images'.

    Args:
        means: μ of the policy, float32, shape (batch, channels, height, width).
        base_means: μ of the base model for the same samples.
        sigma: σ, shape (batch, 1, 1, 1).

    Returns:
        Shape (batch,), float64, at least 0.
    """
    return 0.5 * ((means - base_means) / sigma).double().square().flatten(1).sum(1)
