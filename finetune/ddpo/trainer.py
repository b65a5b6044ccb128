"""One epoch of DDPO: sample, score, and update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import FinetuneError
from tia2.progress import Progress

from ..policy.model import DiffusionModel
from ..policy.noise import LOSS, PROMPTS, TRAINING, generator, trajectory_noise
from ..policy.rollout import Trajectories
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.memory import memory_advice
from ..training.optimiser import Optimiser
from ..training.processes import Processes
from ..training.prompts import PromptSplit
from ..training.sampling import ScoredSamples, sample_and_score
from ..training.trainer import Trainer
from .advantages import Advantages
from .loss import PairLosses, Pairs, pair_losses, step_weights, trained_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor


@dataclass
class _Totals:
    """Sums over the pairs of an epoch."""

    pairs: int = 0
    loss: float = 0.0
    clipped: int = 0
    squared: float = 0.0
    largest: float = 0.0
    kl: float = 0.0

    @classmethod
    def of(cls, parts: Sequence[_Totals]) -> _Totals:
        """Add up the sums of several processes."""
        total = parts[0]
        for part in parts[1:]:
            total.pairs += part.pairs
            total.loss += part.loss
            total.clipped += part.clipped
            total.squared += part.squared
            total.largest = max(total.largest, part.largest)
            total.kl += part.kl
        return total

    def add(self, losses: PairLosses) -> None:
        """Take in a batch."""
        self.pairs += len(losses.log_ratio)
        self.loss += float(losses.loss.detach())
        self.clipped += int(losses.clipped.sum())
        self.squared += float(losses.log_ratio.square().sum())
        self.largest = max(self.largest, float(losses.log_ratio.abs().max()))
        self.kl += float(losses.kl.sum())


class DdpoTrainer(Trainer):
    """DDPO on a diffusion model."""

    def __init__(
        self,
        model: DiffusionModel,
        settings: RunSettings,
        prompts: PromptSplit,
        judges: Judges,
        optimiser: Optimiser,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(model, settings, prompts, judges, optimiser, processes)
        if settings.ddpo is None:
            raise FinetuneError("The run's settings have no section ddpo.")
        self.ddpo = settings.ddpo
        self.schedule = NoiseSchedule.of(model.pipeline.scheduler.config, settings.sampler.steps, settings.sampler.eta)
        self.advantages = Advantages(self.ddpo.advantages)
        self._weights = step_weights(self.schedule, self.ddpo.steps)
        self._clip = self.ddpo.clip_for(int(np.prod(model.latent_shape)))

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.ddpo.epochs

    def epoch(self, number: int, report: Progress) -> dict[str, float]:
        """Sample, score and update once."""
        began = perf_counter()
        prompts = self.epoch_prompts(number)
        samples = self._share(number)
        sampled = self.processes.together(lambda: self._sample(number, samples, report))
        rewards, waited = np.empty(len(prompts)), 0.0
        for rows, values, seconds in self.processes.gather(
            lambda: (samples, sampled.values[Judges.PROXY], sampled.waited)
        ):
            rewards[rows] = values
            waited = max(waited, seconds)
        scored = perf_counter()
        advantages = self.advantages.of(prompts, rewards)
        if self.ddpo.shuffle_advantages:
            advantages = advantages[torch.randperm(len(prompts), generator=self._generator(number, 1)).numpy()]
        totals, norms = self._update(
            number, samples, sampled.trajectories, torch.from_numpy(advantages).float(), report
        )
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
            "images": len(prompts),
            "seconds": ended - began,
            "seconds_sampling": scored - began - waited,
            "seconds_rewards": waited,
            "seconds_updates": ended - scored,
        }

    def epoch_prompts(self, number: int) -> list[str]:
        """Return the prompts of an epoch's samples: each training prompt equally often, the rest drawn at random."""
        train, images = self.prompts.train, self.ddpo.images_per_epoch
        whole, rest = divmod(images, len(train))
        extra = torch.randperm(len(train), generator=generator(self.settings.seed, PROMPTS, number))[:rest].tolist()
        counts = [whole + (position in extra) for position in range(len(train))]
        return [prompt for prompt, count in zip(train, counts, strict=True) for _ in range(count)]

    def _share(self, number: int) -> list[int]:
        """Return the numbers of the samples of an epoch that this process samples and trains on.

        The order of training is known before sampling, so each process samples as many as the others of those that one
        update trains on: no trajectory is sent anywhere, and no process waits for another's larger share.
        """
        updates = torch.randperm(self.ddpo.images_per_epoch, generator=self._generator(number, 2)).chunk(
            self.ddpo.updates_per_epoch
        )
        return sorted(sample for samples in updates for sample in self.processes.share(samples.tolist()))

    def _sample(self, number: int, samples: Sequence[int], report: Progress) -> ScoredSamples:
        prompts = self.epoch_prompts(number)
        noise = trajectory_noise(
            self.settings.seed, TRAINING, number, samples, self.model.latent_shape, len(self.schedule)
        )
        sampler, processes = self.settings.sampler, self.processes.count
        with memory_advice("sampling", "sampler.batch", sampler.batch):
            return sample_and_score(
                self.model,
                self.schedule,
                [prompts[sample] for sample in samples],
                noise,
                sampler,
                self._proxy,
                lambda done, total: report("sampling", done * processes, total * processes),
                samples,
                self.settings.reward.overlap,
            )

    def _proxy(
        self, images: Sequence[Image], prompts: Sequence[str], numbers: Sequence[int]
    ) -> dict[str, NDArray[np.float64]]:
        return {Judges.PROXY: self.judges.proxy(images, prompts, numbers)}

    def _update(
        self, number: int, samples: list[int], trajectories: Trajectories, advantages: Tensor, report: Progress
    ) -> tuple[_Totals, list[float]]:
        totals, norms = _Totals(), []
        done, all_updates = 0, self.ddpo.inner_epochs * self.ddpo.updates_per_epoch
        numbers = torch.tensor(samples, dtype=torch.long)
        rows = torch.full((self.ddpo.images_per_epoch,), -1)
        rows[numbers] = torch.arange(len(numbers))
        for inner in range(self.ddpo.inner_epochs):
            random = self._generator(number, 2 + inner)
            order = torch.randperm(self.ddpo.images_per_epoch, generator=random)
            for chosen in order.chunk(self.ddpo.updates_per_epoch):
                pairs = trained_pairs(chosen, len(self.schedule), self.ddpo.steps, random)
                local = rows[pairs.samples]
                part = Pairs(local[local >= 0], pairs.steps[local >= 0])
                work = partial(self._accumulate, trajectories, part, advantages[numbers], totals, len(pairs))
                self.processes.accumulate(self.optimiser.parameters, work)
                norms.append(self.optimiser.step())
                done += 1
                report("training", done, all_updates)
        return _Totals.of(self.processes.gather(lambda: totals)), norms

    def _accumulate(
        self, trajectories: Trajectories, pairs: Pairs, advantages: Tensor, totals: _Totals, of: int
    ) -> None:
        with memory_advice("training", "ddpo.batch", self.ddpo.batch):
            self.accumulate(trajectories, pairs, advantages, totals, of)

    def accumulate(
        self,
        trajectories: Trajectories,
        pairs: Pairs,
        advantages: Tensor,
        totals: _Totals | None = None,
        of: int | None = None,
    ) -> None:
        """Add the gradient of an update's mean loss to the weights' gradients, batch by batch.

        Steps are folded into batches with samples: a pair is a row of a batch like any other, and the gradient is the
        same as that of a loop over steps.

        Args:
            trajectories: The sampled trajectories.
            pairs: Pairs of the update, all of them or this process's.
            advantages: Advantages of all samples, shape (samples,).
            totals: Sums to add to.
            of: Pairs of the update over all processes; as many as are given by default.
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
            (losses.loss / (of or len(pairs))).backward()  # type: ignore[no-untyped-call]
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
