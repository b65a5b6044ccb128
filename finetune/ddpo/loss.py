"""DDPO's loss on pairs of sample and step, folded into batches of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..policy.model import DiffusionModel
from ..policy.rollout import Trajectories
from ..policy.schedule import NoiseSchedule
from ..policy.step import coefficients, log_probability, mean, step_kl
from ..settings.ddpo import StepSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """Pairs of sample and step to train on.

    Attributes:
        samples: The sample of each pair, its row in the trajectories, shape (pairs,).
        steps: Its step's position in the schedule, shape (pairs,).
    """

    samples: Tensor
    steps: Tensor

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, rows: slice) -> Pairs:
        """Return some of them."""
        return Pairs(self.samples[rows], self.steps[rows])


@dataclass(frozen=True)
class PairLosses:
    """What a batch of pairs contributes.

    Attributes:
        loss: Sum over the pairs, to be divided by the number of pairs of the whole update.
        log_ratio: Log-ratio of the policy to the one that sampled, nats, shape (pairs,).
        clipped: Whether the clip acts, shape (pairs,).
        kl: KL divergence of the step to the base model's, nats, shape (pairs,); empty where it isn't asked for.
    """

    loss: Tensor
    log_ratio: Tensor
    clipped: Tensor
    kl: Tensor


def trained_pairs(samples: Tensor, steps: int, settings: StepSettings, generator: torch.Generator) -> Pairs:
    """Choose the steps that are trained of each sample, and return the pairs in a random order.

    Args:
        samples: Rows of the trajectories, shape (samples,).
        steps: The number of steps of the schedule.
        settings: Choice of the trained steps.
        generator: Source of the random choices and of the order.
    """
    count = settings.count or steps
    if settings.subset in ("all", "first"):
        chosen = torch.arange(count).expand(len(samples), count)
    elif settings.subset == "random":
        chosen = torch.rand((len(samples), steps), generator=generator).argsort(1)[:, :count]
    else:
        edges = torch.arange(count + 1) * steps // count
        spans = edges[1:] - edges[:-1]
        chosen = edges[:-1] + (torch.rand((len(samples), count), generator=generator) * spans).long()
    pairs = Pairs(samples.repeat_interleave(count), chosen.reshape(-1))
    order = torch.randperm(len(pairs), generator=generator)
    return Pairs(pairs.samples[order], pairs.steps[order])


def step_weights(schedule: NoiseSchedule, settings: StepSettings) -> Tensor:
    """Return how much each step of the schedule counts in the loss, mean 1 over the steps that may be trained.

    Returns:
        Float32, shape (steps,).
    """
    weights = torch.ones(len(schedule), dtype=torch.float64)
    if settings.weights == "flat":
        weights = 1 / schedule.sensitivity
    trained = settings.count if settings.subset == "first" else len(schedule)
    return (weights / weights[:trained].mean()).float()


def clipped_loss(advantages: Tensor, mean_log_ratio: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """Return PPO's clipped loss of each pair, and whether the clip acts.

    loss = max(−A r, −A clip(r, 1 − c, 1 + c)) with r = exp(mean log-ratio). The mean over dimensions, not their sum,
    keeps r near 1: a sum over thousands of dimensions overflows at once.

    Args:
        advantages: A, shape (pairs,).
        mean_log_ratio: Log-ratio over the number of dimensions, shape (pairs,).
        clip: c.

    Example:
        >>> loss, clipped = clipped_loss(torch.tensor([1.0, -1.0]), torch.tensor([0.5, 0.5]), clip=0.1)
        >>> loss.round(decimals=3).tolist(), clipped.tolist()
        ([-1.1, 1.649], [True, False])
    """
    ratio = mean_log_ratio.exp()
    free = -advantages * ratio
    bounded = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return torch.maximum(free, bounded), bounded > free


def pair_losses(
    model: DiffusionModel,
    schedule: NoiseSchedule,
    trajectories: Trajectories,
    pairs: Pairs,
    advantages: Tensor,
    *,
    guidance: float,
    clip: float,
    weights: Tensor,
    kl_weight: float = 0.0,
) -> PairLosses:
    """Return the loss of a batch of pairs, with gradients, and what is to be known of it.

    Args:
        model: The policy.
        schedule: The schedule of the trajectories.
        trajectories: The sampled trajectories.
        pairs: The pairs of this batch.
        advantages: Advantages of all samples, float32, shape (samples,).
        guidance: The guidance that they were sampled with.
        clip: Clip of the ratio, as a mean over a latent's dimensions.
        weights: Weight of each step, as `step_weights` returns them, shape (steps,).
        kl_weight: Weight of the KL divergence to the base model.
    """
    device = model.device
    sample = trajectories.latents[pairs.samples, pairs.steps].to(device)
    following = trajectories.latents[pairs.samples, pairs.steps + 1].to(device)
    before = trajectories.log_probabilities[pairs.samples, pairs.steps].to(device)
    embeddings = model.embed([trajectories.prompts[row] for row in pairs.samples.tolist()])
    times = schedule.timesteps[pairs.steps].to(device)
    at = coefficients(schedule, pairs.steps, device)
    means = mean(sample, model.predict(sample, times, embeddings, guidance), at)
    log_ratio = log_probability(following, means, at.sigma) - before
    dimensions = sample[0].numel()
    losses, clipped = clipped_loss(advantages[pairs.samples].to(device), (log_ratio / dimensions).float(), clip)
    loss = (losses * weights[pairs.steps].to(device)).sum()
    kl = torch.empty(0, dtype=torch.float64)
    if kl_weight:
        with torch.no_grad(), model.base():
            base_means = mean(sample, model.predict(sample, times, embeddings, guidance), at)
        kl = step_kl(means, base_means, at.sigma)
        loss = loss + kl_weight * (kl / dimensions).float().sum()
    return PairLosses(loss, log_ratio.detach().cpu(), clipped.detach().cpu(), kl.detach().cpu())
