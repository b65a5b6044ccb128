"""Sampling images with everything that training needs to know of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .model import DiffusionModel
from .schedule import NoiseSchedule
from .step import Coefficients, coefficients, log_probability, mean, step_kl


@dataclass(frozen=True)
class Trajectories:
    """What the policy sampled, on the CPU, float32 but for the probabilities.

    Half precision is no choice here: rounding a stored latent to bfloat16 moves 13 % of the ratios of a policy with
    itself by more than DDPO's clip range, and nearly all of those of the last two steps.

    Attributes:
        latents: x at every step, shape (samples, steps + 1, channels, height, width): first noise, last the image's
            latent.
        log_probabilities: Log-density of each step under the policy that sampled, nats, float64, shape (samples,
            steps).
        prompts: The prompt of each sample.
    """

    latents: Tensor
    log_probabilities: Tensor
    prompts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def finals(self) -> Tensor:
        """The images' latents, shape (samples, channels, height, width)."""
        return self.latents[:, -1]


@torch.no_grad()
def rollout(
    model: DiffusionModel,
    schedule: NoiseSchedule,
    prompts: Sequence[str],
    noise: Tensor,
    guidance: float,
    batch: int,
    report: Callable[[int, int], None] | None = None,
    taken: Callable[[slice, Tensor], None] | None = None,
) -> Trajectories:
    """Sample one trajectory per prompt.

    Args:
        model: The policy.
        schedule: The steps; with noise in each of them.
        prompts: The prompt of each sample.
        noise: Noise of `trajectory_noise`, shape (samples, steps + 1, channels, height, width).
        guidance: Scale of classifier-free guidance; 1 for none.
        batch: Samples at a time.
        report: Called after every batch with the samples done and those in all.
        taken: Called after every batch, before `report`, with its rows and its images' latents, on the model's device.
    """
    latents, probabilities = [noise[:0]], [torch.empty((0, len(schedule)), dtype=torch.float64)]
    for start in range(0, len(prompts), batch):
        rows = slice(start, start + batch)
        path, logs = _sample_batch(model, schedule, list(prompts[rows]), noise[rows].to(model.device), guidance)
        latents.append(path.cpu())
        probabilities.append(logs.cpu())
        if taken is not None:
            taken(rows, path[:, -1])
        if report is not None:
            report(min(start + batch, len(prompts)), len(prompts))
    return Trajectories(torch.cat(latents), torch.cat(probabilities), tuple(prompts))


class _Step(NamedTuple):
    """One step of sampling: x_t and x_{t−1}, the policy's mean of the latter, and what the step's formula needs."""

    times: Tensor
    sample: Tensor
    following: Tensor
    means: Tensor
    at: Coefficients


def _steps(
    model: DiffusionModel, schedule: NoiseSchedule, embeddings: Tensor, noise: Tensor, guidance: float
) -> Iterator[_Step]:
    sample = noise[:, 0]
    for number, timestep in enumerate(schedule.timesteps):
        at = coefficients(schedule, torch.full((len(sample),), number), model.device)
        times = timestep.expand(len(sample)).to(model.device)
        means = mean(sample, model.predict(sample, times, embeddings, guidance), at)
        following = means + at.sigma * noise[:, number + 1]
        yield _Step(times, sample, following, means, at)
        sample = following


def _sample_batch(
    model: DiffusionModel, schedule: NoiseSchedule, prompts: list[str], noise: Tensor, guidance: float
) -> tuple[Tensor, Tensor]:
    path, logs = [noise[:, 0]], []
    for step in _steps(model, schedule, model.embed(prompts), noise, guidance):
        # Of the latent as it is kept, so that the same network later finds exactly the same probability.
        logs.append(
            log_probability(step.following, step.means, step.at.sigma)
            if schedule.eta
            else torch.zeros(len(prompts)).double()
        )
        path.append(step.following)
    return torch.stack(path, dim=1), torch.stack(logs, dim=1)


@torch.no_grad()
def path_kl(
    model: DiffusionModel,
    schedule: NoiseSchedule,
    prompts: Sequence[str],
    noise: Tensor,
    guidance: float,
    batch: int,
) -> Tensor:
    """Return the KL divergence of the policy's steps from the base model's, on trajectories that the policy samples.

    The base model runs beside the policy, on each latent of the trajectory: two calls of the network per step.

    Args:
        model: The policy.
        schedule: The steps; with noise in each of them.
        prompts: The prompt of each trajectory.
        noise: Noise of `trajectory_noise`, shape (samples, steps + 1, channels, height, width).
        guidance: Scale of classifier-free guidance, of both models; 1 for none.
        batch: Samples at a time.

    Returns:
        Nats, float64, shape (samples, steps). The sum over steps bounds the KL divergence of the images from above.
    """
    parts = [torch.empty((0, len(schedule)), dtype=torch.float64)]
    for start in range(0, len(prompts), batch):
        rows = slice(start, start + batch)
        embeddings = model.embed(prompts[rows])
        divergences = []
        for step in _steps(model, schedule, embeddings, noise[rows].to(model.device), guidance):
            with model.base():
                output = model.predict(step.sample, step.times, embeddings, guidance)
            base_means = mean(step.sample, output, step.at)
            divergences.append(step_kl(step.means, base_means, step.at.sigma).cpu())
        parts.append(torch.stack(divergences, dim=1))
    return torch.cat(parts)
