"""The samples of the base model that the weighted methods train on, kept prompt by prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from tia2.errors import FinetuneError
from tia2.files import replacing

from ..policy.model import DiffusionModel
from ..policy.noise import TRAINING, trajectory_noise
from ..policy.rollout import rollout
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges
from ..settings.model import SamplerSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class BaseSamples:
    """Samples of the base model.

    Attributes:
        latents: The images' latents, float32, shape (samples, channels, height, width).
        prompts: The prompt of each.
        rewards: The proxy reward of each, shape (samples,).
    """

    latents: Tensor
    prompts: tuple[str, ...]
    rewards: NDArray[np.float64]


def collect(
    model: DiffusionModel,
    judges: Judges,
    prompts: Sequence[str],
    count: int,
    sampler: SamplerSettings,
    seed: int,
    folder: Path,
    report: Callable[[str, int, int], None],
) -> BaseSamples:
    """Sample and score images of the base model; what an earlier attempt has kept is taken as it is.

    Args:
        model: The model; its base is sampled.
        judges: Whose proxy scores.
        prompts: The training prompts.
        count: Samples per prompt.
        sampler: Settings of the sampler.
        seed: Seed of the run.
        folder: The folder to keep them in, one file per prompt.
        report: Called with what is done, how much of it, and how much there is.

    Raises:
        FinetuneError: A reward isn't finite, or a kept file is damaged.
    """
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, sampler.steps, sampler.eta)
    latents, rewards, total = [], [], count * len(prompts)
    for number, prompt in enumerate(prompts):
        path = folder / f"{number:04d}-{hashlib.sha256(prompt.encode()).hexdigest()[:8]}.pt"
        if not path.is_file():
            noise = trajectory_noise(
                seed, TRAINING, 0, range(number * count, (number + 1) * count), model.latent_shape, len(schedule)
            )
            with model.base():
                sampled = rollout(
                    model,
                    schedule,
                    [prompt] * count,
                    noise,
                    sampler.guidance,
                    sampler.batch,
                    partial(_report_more, report, number * count, total),
                ).finals
            _keep(path, model, judges, prompt, sampled, sampler.batch)
        kept_latents, kept_rewards = _read(path)
        latents.append(kept_latents)
        rewards.append(kept_rewards)
    every = tuple(prompt for prompt in prompts for _ in range(count))
    return BaseSamples(torch.cat(latents), every, torch.cat(rewards).numpy())


def _report_more(report: Callable[[str, int, int], None], before: int, total: int, done: int, of_prompt: int) -> None:
    del of_prompt
    report("sampling the base model", before + done, total)


def _keep(path: Path, model: DiffusionModel, judges: Judges, prompt: str, latents: Tensor, batch: int) -> None:
    images: list[Image.Image] = []
    for start in range(0, len(latents), batch):
        images += [Image.fromarray(pixels) for pixels in model.decode(latents[start : start + batch])]
    rewards = judges.proxy(images, [prompt] * len(images))
    with replacing(path, FinetuneError) as unfinished:
        torch.save({"latents": latents, "rewards": torch.from_numpy(rewards)}, unfinished)


def _read(path: Path) -> tuple[Tensor, Tensor]:
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        return kept["latents"], kept["rewards"]
    except Exception as error:  # torch's reader raises anything on a torn file
        raise FinetuneError(
            f"{path} is damaged ({' '.join(str(error).split())[:120]}). Delete it to sample it again."
        ) from None
