"""Images at fixed seeds, always sampled in the same way, with every score and the distance from the base model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tia2.progress import Progress

from ..policy.model import DiffusionModel
from ..policy.noise import EVALUATION, trajectory_noise
from ..policy.rollout import path_kl
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.memory import memory_advice
from ..training.processes import Processes
from ..training.prompts import PromptSplit
from ..training.sampling import sample_and_score
from .parts import HELD_OUT, TEST, TRAIN, VALIDATION

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """One evaluation.

    Attributes:
        frame: One row per image: prompt, split ("train" or "held-out"), part ("validation" seeds may choose a
            checkpoint, "test" seeds never do), number, one column per judge, and the image as PNG.
        step_kl: Mean KL divergence from the base model per step, nats, shape (steps,); empty where none is measured.
    """

    frame: pd.DataFrame
    step_kl: NDArray[np.float64]


class Evaluator:
    """Samples and scores the same images again and again.

    Even numbers of each prompt's images are validation: a rule that chooses a checkpoint may see their gold. Odd ones
    are the test that a report is made of.

    Args:
        model: The policy.
        settings: The run's settings.
        prompts: The prompts.
        judges: Who scores.
        processes: The processes that share the work.
    """

    def __init__(
        self,
        model: DiffusionModel,
        settings: RunSettings,
        prompts: PromptSplit,
        judges: Judges,
        processes: Processes | None = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.judges = judges
        self.processes = processes or Processes()
        count = settings.evaluation.images_per_prompt
        self._rows = [
            (prompt, split, number)
            for split, part in ((TRAIN, prompts.train), (HELD_OUT, prompts.held_out))
            for prompt in part
            for number in range(count)
        ]
        sampler = settings.evaluation_sampler
        self.schedule = NoiseSchedule.of(model.pipeline.scheduler.config, sampler.steps, sampler.eta)

    def evaluate(self, report: Progress) -> Evaluation:
        """Sample, score and measure with the model's present weights.

        Args:
            report: Called with what is done, how much of it, and how much there is.
        """
        import pandas as pd

        prompts = [prompt for prompt, _, _ in self._rows]
        parts = self.processes.gather(lambda: self._share(prompts, report))
        frame = pd.DataFrame(
            {
                "prompt": prompts,
                "split": [split for _, split, _ in self._rows],
                "part": [VALIDATION if number % 2 == 0 else TEST for _, _, number in self._rows],
                "number": [number for _, _, number in self._rows],
                **{role: np.concatenate([values[role] for values, _ in parts]) for role in parts[0][0]},
                "image": [png for _, pngs in parts for png in pngs],
            }
        )
        return Evaluation(frame, self._step_kl(report))

    def _share(self, prompts: list[str], report: Progress) -> tuple[dict[str, NDArray[np.float64]], list[bytes]]:
        """Return the values by role and the images of this process's share of the rows."""
        sampler, processes = self.settings.evaluation_sampler, self.processes.count
        rows = self.processes.share(range(len(prompts)))
        noise = trajectory_noise(
            self.settings.evaluation.seed, EVALUATION, 0, rows, self.model.latent_shape, len(self.schedule)
        )
        field = "sampler.batch" if self.settings.evaluation.sampler is None else "evaluation.sampler.batch"
        with memory_advice("evaluating", field, sampler.batch):
            sampled = sample_and_score(
                self.model,
                self.schedule,
                [prompts[row] for row in rows],
                noise,
                sampler,
                self.judges.all,
                lambda done, total: report("evaluating", done * processes, total * processes),
                rows,
                self.settings.reward.overlap,
            )
        return sampled.values, [_png(image) for image in sampled.images]

    def _step_kl(self, report: Progress) -> NDArray[np.float64]:
        count = min(self.settings.evaluation.kl_images, len(self._rows))
        if not count:
            return np.empty(0)
        # Spread over the prompts, with training's sampler: a deterministic evaluation sampler has no path KL.
        chosen = _spread(len(self._rows), count)
        report("measuring KL", 0, 1)
        divergence = torch.cat(self.processes.gather(lambda: self._path_kl(self.processes.share(chosen))))
        report("measuring KL", 1, 1)
        mean: NDArray[np.float64] = divergence.mean(0).numpy()
        return mean

    def _path_kl(self, rows: Sequence[int]) -> Tensor:
        """Return the path KL of trajectories with the noise of these rows, shape (rows, steps)."""
        prompts = [self._rows[row][0] for row in rows]
        sampler = self.settings.sampler
        schedule = NoiseSchedule.of(self.model.pipeline.scheduler.config, sampler.steps, sampler.eta or 1.0)
        noise = trajectory_noise(
            self.settings.evaluation.seed, EVALUATION, 1, rows, self.model.latent_shape, len(schedule)
        )
        with memory_advice("measuring KL", "sampler.batch", sampler.batch):
            return path_kl(self.model, schedule, prompts, noise, sampler.guidance, sampler.batch)


def _spread(rows: int, count: int) -> list[int]:
    return [int(row) for row in np.linspace(0, rows - 1, count).round()]


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
