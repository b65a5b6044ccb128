"""One epoch of DDPO: sample, score, and update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from tia2.errors import FinetuneError

from ..policy.model import DiffusionModel
from ..policy.noise import LOSS, PROMPTS, TRAINING, generator, trajectory_noise
from ..policy.rollout import Trajectories, rollout
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.optimiser import Optimiser
from ..training.prompts import PromptSplit
from .advantages import Advantages
from .loss import PairLosses, Pairs, pair_losses, step_weights, trained_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Report = Callable[[str, int, int], None]


@dataclass
class _Totals:
    """Sums over the pairs of an epoch."""

    pairs: int = 0
    loss: float = 0.0
    clipped: int = 0
    squared: float = 0.0
    largest: float = 0.0
    kl: float = 0.0

    def add(self, losses: PairLosses) -> None:
        """Take in a batch."""
        self.pairs += len(losses.log_ratio)
        self.loss += float(losses.loss.detach())
        self.clipped += int(losses.clipped.sum())
        self.squared += float(losses.log_ratio.square().sum())
        self.largest = max(self.largest, float(losses.log_ratio.abs().max()))
        self.kl += float(losses.kl.sum())


class DdpoTrainer:
    """DDPO on a diffusion model.

    Every random choice comes from the run's seed, the epoch and the sample's number, so that an epoch depends on
    nothing but the state that it began with.

    Args:
        model: The policy.
        settings: The run's settings.
        prompts: The prompts.
        judges: The proxy and those that watch.
        optimiser: The optimiser of the policy's weights.
    """

    def __init__(
        self, model: DiffusionModel, settings: RunSettings, prompts: PromptSplit, judges: Judges, optimiser: Optimiser
    ) -> None:
        if settings.ddpo is None:
            raise FinetuneError("The run's settings have no section ddpo.")
        self.model = model
        self.settings = settings
        self.ddpo = settings.ddpo
        self.prompts = prompts
        self.judges = judges
        self.optimiser = optimiser
        self.schedule = NoiseSchedule.of(model.pipeline.scheduler.config, settings.sampler.steps, settings.sampler.eta)
        self.advantages = Advantages(self.ddpo.advantages)
        self._weights = step_weights(self.schedule, self.ddpo.steps)
        self._clip = self.ddpo.clip_for(int(np.prod(model.latent_shape)))

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.ddpo.epochs

    def epoch(self, number: int, report: Report) -> dict[str, float]:
        """Sample, score and update once.

        Args:
            number: The epoch, from 1.
            report: Called with what is done, how much of it, and how much there is.

        Returns:
            What the journal keeps of it.

        Raises:
            FinetuneError: A reward or a gradient isn't finite; the weights are as the last update left them.
        """
        began = perf_counter()
        trajectories = self._sample(number, report)
        sampled = perf_counter()
        rewards = self._rewards(trajectories)
        scored = perf_counter()
        values = self.advantages.of(trajectories.prompts, rewards)
        if self.ddpo.shuffle_advantages:
            values = values[torch.randperm(len(values), generator=self._generator(number, 1)).numpy()]
        totals, norms = self._update(number, trajectories, torch.from_numpy(values).float(), report)
        ended = perf_counter()
        return {
            "reward_mean": float(rewards.mean()),
            "reward_std": float(rewards.std()),
            "loss": totals.loss / totals.pairs,
            "clip_fraction": totals.clipped / totals.pairs,
            "approx_kl": 0.5 * totals.squared / totals.pairs,
            "largest_log_ratio": totals.largest,
            **({"kl": totals.kl / totals.pairs} if self.ddpo.kl_weight else {}),
            "grad_norm": float(np.mean(norms)),
            "images": len(trajectories),
            "seconds": ended - began,
            "seconds_sampling": sampled - began,
            "seconds_rewards": scored - sampled,
            "seconds_updates": ended - scored,
        }

    def epoch_prompts(self, number: int) -> list[str]:
        """Return the prompts of an epoch's samples: each training prompt equally often, the rest drawn at random."""
        train, images = self.prompts.train, self.ddpo.images_per_epoch
        whole, rest = divmod(images, len(train))
        extra = torch.randperm(len(train), generator=generator(self.settings.seed, PROMPTS, number))[:rest].tolist()
        counts = [whole + (position in extra) for position in range(len(train))]
        return [prompt for prompt, count in zip(train, counts, strict=True) for _ in range(count)]

    def _sample(self, number: int, report: Report) -> Trajectories:
        prompts = self.epoch_prompts(number)
        noise = trajectory_noise(
            self.settings.seed, TRAINING, number, range(len(prompts)), self.model.latent_shape, len(self.schedule)
        )
        sampler = self.settings.sampler
        return rollout(
            self.model,
            self.schedule,
            prompts,
            noise,
            sampler.guidance,
            sampler.batch,
            lambda done, total: report("sampling", done, total),
        )

    def _rewards(self, trajectories: Trajectories) -> NDArray[np.float64]:
        images: list[Image.Image] = []
        for start in range(0, len(trajectories), self.settings.sampler.batch):
            latents = trajectories.finals[start : start + self.settings.sampler.batch]
            images += [Image.fromarray(pixels) for pixels in self.model.decode(latents)]
        return self.judges.proxy(images, trajectories.prompts)

    def _update(
        self, number: int, trajectories: Trajectories, advantages: Tensor, report: Report
    ) -> tuple[_Totals, list[float]]:
        totals, norms = _Totals(), []
        done, all_updates = 0, self.ddpo.inner_epochs * self.ddpo.updates_per_epoch
        for inner in range(self.ddpo.inner_epochs):
            random = self._generator(number, 2 + inner)
            order = torch.randperm(len(trajectories), generator=random)
            for samples in order.chunk(self.ddpo.updates_per_epoch):
                pairs = trained_pairs(samples, len(self.schedule), self.ddpo.steps, random)
                self.accumulate(trajectories, pairs, advantages, totals)
                norms.append(self.optimiser.step())
                done += 1
                report("training", done, all_updates)
        return totals, norms

    def accumulate(
        self, trajectories: Trajectories, pairs: Pairs, advantages: Tensor, totals: _Totals | None = None
    ) -> None:
        """Add the gradient of an update's mean loss to the weights' gradients, batch by batch.

        Steps are folded into batches with samples: a pair is a row of a batch like any other, and the gradient is the
        same as that of a loop over steps.

        Args:
            trajectories: The sampled trajectories.
            pairs: All pairs of the update.
            advantages: Advantages of all samples, shape (samples,).
            totals: Sums to add to.
        """
        for start in range(0, len(pairs), self.ddpo.batch):
            losses = pair_losses(
                self.model,
                self.schedule,
                trajectories,
                pairs.part(slice(start, start + self.ddpo.batch)),
                advantages,
                guidance=self.settings.sampler.guidance,
                clip=self._clip,
                weights=self._weights,
                kl_weight=self.ddpo.kl_weight,
            )
            (losses.loss / len(pairs)).backward()  # type: ignore[no-untyped-call]
            if totals is not None:
                totals.add(losses)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the optimiser's state."""
        return {"advantages": self.advantages.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        self.advantages.restore(state["advantages"])

    def _generator(self, number: int, purpose: int) -> torch.Generator:
        return generator(self.settings.seed, LOSS, number, purpose)
