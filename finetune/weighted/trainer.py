"""Updates on weighted samples of the base model."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import FinetuneError
from tia2.progress import Progress

from ..policy.model import DiffusionModel
from ..policy.noise import LOSS, generator
from ..policy.schedule import NoiseSchedule, signal_shares
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.memory import memory_advice
from ..training.optimiser import Optimiser
from ..training.processes import Processes
from ..training.prompts import PromptSplit
from ..training.trainer import Trainer
from .loss import weighted_losses
from .samples import BaseSamples, collect
from .weights import sample_weights

if TYPE_CHECKING:
    from pathlib import Path


class WeightedTrainer(Trainer):
    """Supervised fine-tuning in which a reward says how much each sample counts.

    A checkpoint keeps nothing beside the optimiser's state: samples are files, and randomness follows from the seed.

    Args:
        model: The model.
        settings: The run's settings.
        prompts: The prompts.
        judges: Whose proxy weighs the samples.
        optimiser: The optimiser of the model's weights.
        processes: The processes that share the work.
        folder: The run's folder, where the base model's samples are kept.
    """

    def __init__(
        self,
        model: DiffusionModel,
        settings: RunSettings,
        prompts: PromptSplit,
        judges: Judges,
        optimiser: Optimiser,
        processes: Processes | None = None,
        *,
        folder: Path,
    ) -> None:
        super().__init__(model, settings, prompts, judges, optimiser, processes)
        if settings.weighted is None:
            raise FinetuneError("The run's settings have no section weighted.")
        self.weighted = settings.weighted
        self.folder = folder
        schedule = NoiseSchedule.of(model.pipeline.scheduler.config, settings.sampler.steps, settings.sampler.eta)
        self._prediction = schedule.prediction
        self._alphas = signal_shares(model.pipeline.scheduler.config)
        self._samples: BaseSamples | None = None

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.weighted.epochs

    def epoch(self, number: int, report: Progress) -> dict[str, float]:
        """Make a number of updates."""
        began = perf_counter()
        samples, weights = self._prepared(report)
        counted = np.flatnonzero(weights > 0) if self.weighted.kind != "nft" else np.arange(len(weights))
        losses, norms = [], []
        for update in range(self.weighted.updates_per_epoch):
            random = generator(self.settings.seed, LOSS, number, update)
            rows = counted[torch.randint(len(counted), (self.weighted.batch,), generator=random).numpy()]
            work = partial(self._accumulate, samples, weights, rows, random)
            losses.append(self.processes.accumulate(self.optimiser.parameters, work))
            norms.append(self.optimiser.step())
            report("training", update + 1, self.weighted.updates_per_epoch)
        losses_of_processes = self.processes.gather(lambda: losses)
        return {
            "loss": float(np.mean(np.sum(losses_of_processes, axis=0))),
            "grad_norm": float(np.mean(norms)),
            "reward_mean": float(samples.rewards.mean()),
            "effective_samples": float(weights.sum() ** 2 / np.square(weights).sum()),
            "images": len(samples.prompts) if number == 1 else 0,
            "seconds": perf_counter() - began,
        }

    def _prepared(self, report: Progress) -> tuple[BaseSamples, np.ndarray[Any, np.dtype[np.float64]]]:
        if self._samples is None:
            self._samples = collect(
                self.model,
                self.judges,
                self.prompts.train,
                self.weighted.samples_per_prompt,
                self.settings.sampler,
                self.settings.seed,
                self.folder / "base_samples",
                report,
                self.processes,
                self.settings.reward.overlap,
            )
        return self._samples, sample_weights(self.weighted, self._samples.prompts, self._samples.rewards)

    def _accumulate(
        self,
        samples: BaseSamples,
        weights: np.ndarray[Any, np.dtype[np.float64]],
        rows: np.ndarray[Any, np.dtype[np.intp]],
        random: torch.Generator,
    ) -> float:
        latents = samples.latents[torch.from_numpy(rows)]
        noise = torch.randn(latents.shape, generator=random)
        timesteps = torch.randint(len(self._alphas), (len(rows),), generator=random)
        share = list(self.processes.share(range(len(rows))))
        total = 0.0
        with memory_advice("training", "weighted.micro_batch", self.weighted.micro_batch):
            for start in range(0, len(share), self.weighted.micro_batch):
                part = share[start : start + self.weighted.micro_batch]
                losses = weighted_losses(
                    self.model,
                    self.weighted,
                    latents[part],
                    [samples.prompts[row] for row in rows[part]],
                    torch.from_numpy(weights[rows[part]]).float(),
                    noise[part],
                    timesteps[part],
                    self._alphas,
                    self._prediction,
                )
                loss = losses.sum() / len(rows)
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        return total
