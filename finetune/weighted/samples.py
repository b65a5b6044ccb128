"""The samples of the base model that the weighted methods train on, kept prompt by prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tia2.errors import FinetuneError
from tia2.progress import Progress

from ..policy.model import DiffusionModel
from ..policy.noise import TRAINING, trajectory_noise
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges
from ..settings.model import SamplerSettings
from ..training.memory import memory_advice
from ..training.processes import Processes
from ..training.sampling import sample_and_score
from ..training.tensor_files import load_tensors, save_tensors

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
    report: Progress,
    processes: Processes | None = None,
    overlap: bool = True,
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
        processes: The processes that share the work.
        overlap: Whether each batch is scored while the next one is sampled.

    Raises:
        FinetuneError: A reward isn't finite, or a kept file is damaged.
    """
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, sampler.steps, sampler.eta)
    processes = processes or Processes()
    latents, rewards, total = [], [], count * len(prompts)

    def sampled(prompt: str, before: int, numbers: Sequence[int]) -> dict[str, Tensor]:
        noise = trajectory_noise(seed, TRAINING, 0, numbers, model.latent_shape, len(schedule))
        with memory_advice("sampling", "sampler.batch", sampler.batch), model.base():
            samples = sample_and_score(
                model,
                schedule,
                [prompt] * len(numbers),
                noise,
                sampler,
                lambda *batch: {Judges.PROXY: judges.proxy(*batch)},
                partial(_report_more, report, before, total, processes.count),
                numbers,
                overlap,
            )
        return {
            "latents": samples.trajectories.finals,
            "rewards": torch.from_numpy(samples.values[Judges.PROXY]),
        }

    for number, prompt in enumerate(prompts):
        path = folder / f"{number:04d}-{hashlib.sha256(prompt.encode()).hexdigest()[:8]}.pt"
        if not processes.on_main(path.is_file):
            share = processes.share(range(number * count, (number + 1) * count))
            parts = processes.gather(partial(sampled, prompt, number * count, share))
            joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
            processes.on_main(partial(save_tensors, path, joined))
        kept = processes.together(partial(load_tensors, path, "Delete it to sample it again."))
        if kept.keys() != {"latents", "rewards"} or len(kept["latents"]) != count or len(kept["rewards"]) != count:
            raise FinetuneError(f"{path} holds no {count} samples of the base model. Delete it to sample them again.")
        latents.append(kept["latents"])
        rewards.append(kept["rewards"])
    every = tuple(prompt for prompt in prompts for _ in range(count))
    return BaseSamples(torch.cat(latents), every, torch.cat(rewards).numpy())


def _report_more(report: Progress, before: int, total: int, processes: int, done: int, of_share: int) -> None:
    del of_share
    report("sampling the base model", min(before + done * processes, total), total)
