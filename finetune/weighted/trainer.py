"""Updates on weighted samples of the base model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import FinetuneError

from ..policy.model import DiffusionModel
from ..policy.noise import LOSS, generator
from ..policy.schedule import NoiseSchedule, signal_shares
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.optimiser import Optimiser
from ..training.prompts import PromptSplit
from .loss import weighted_losses
from .samples import BaseSamples, collect
from .weights import sample_weights

if TYPE_CHECKING:
    from pathlib import Path

Report = Callable[[str, int, int], None]


class WeightedTrainer:
    """Supervised fine-tuning in which a reward says how much each sample counts.

    Args:
        model: The model.
        settings: The run's settings.
        prompts: The prompts.
        judges: Whose proxy weighs the samples.
        optimiser: The optimiser of the model's weights.
        folder: The run's folder, where the base model's samples are kept.
    """

    def __init__(
        self,
        model: DiffusionModel,
        settings: RunSettings,
        prompts: PromptSplit,
        judges: Judges,
        optimiser: Optimiser,
        folder: Path,
    ) -> None:
        if settings.weighted is None:
            raise FinetuneError("The run's settings have no section weighted.")
        self.model = model
        self.settings = settings
        self.weighted = settings.weighted
        self.prompts = prompts
        self.judges = judges
        self.optimiser = optimiser
        self.folder = folder
        schedule = NoiseSchedule.of(model.pipeline.scheduler.config, settings.sampler.steps, settings.sampler.eta)
        self._prediction = schedule.prediction
        self._alphas = signal_shares(model.pipeline.scheduler.config)
        self._samples: BaseSamples | None = None

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.weighted.epochs

    def epoch(self, number: int, report: Report) -> dict[str, float]:
        """Make a number of updates.

        Args:
            number: The epoch, from 1.
            report: Called with what is done, how much of it, and how much there is.

        Returns:
            What the journal keeps of it.

        Raises:
            FinetuneError: A reward or a gradient isn't finite.
        """
        began = perf_counter()
        samples, weights = self._prepared(report)
        counted = np.flatnonzero(weights > 0) if self.weighted.kind != "nft" else np.arange(len(weights))
        losses, norms = [], []
        for update in range(self.weighted.updates_per_epoch):
            random = generator(self.settings.seed, LOSS, number, update)
            rows = counted[torch.randint(len(counted), (self.weighted.batch,), generator=random).numpy()]
            losses.append(self._accumulate(samples, weights, rows, random))
            norms.append(self.optimiser.step())
            report("training", update + 1, self.weighted.updates_per_epoch)
        return {
            "loss": float(np.mean(losses)),
            "grad_norm": float(np.mean(norms)),
            "reward_mean": float(samples.rewards.mean()),
            "effective_samples": float(weights.sum() ** 2 / np.square(weights).sum()),
            "images": len(samples.prompts) if number == 1 else 0,
            "seconds": perf_counter() - began,
        }

    def _prepared(self, report: Report) -> tuple[BaseSamples, np.ndarray[Any, np.dtype[np.float64]]]:
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
        total = 0.0
        for start in range(0, len(rows), self.weighted.micro_batch):
            part = slice(start, start + self.weighted.micro_batch)
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

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: nothing, since samples are files and randomness follows from the seed."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
