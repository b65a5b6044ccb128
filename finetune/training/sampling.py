"""Images of the policy with their trajectories and their rewards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..policy.model import DiffusionModel
from ..policy.rollout import Trajectories, rollout
from ..policy.schedule import NoiseSchedule
from ..settings.model import SamplerSettings

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Floats = NDArray[np.float64]
Score = Callable[[Sequence["Image.Image"], Sequence[str], Sequence[int]], Mapping[str, Floats]]
"""Takes images, the prompt of each and the number of each, and returns values by role, each of shape (images,)."""


@dataclass(frozen=True)
class ScoredSamples:
    """What was sampled.

    Attributes:
        trajectories: The path of each image, from noise to its latent.
        images: The images.
        values: Their values by role, each of shape (samples,).
        waited: Seconds in which nothing was sampled, for want of rewards.
    """

    trajectories: Trajectories
    images: list[Image.Image]
    values: dict[str, Floats]
    waited: float


class BatchScoring:
    """Scores batches in the order in which they come: each at once, or on a thread while the next one is sampled.

    Both give the same values and the same errors: there is one thread, which does one batch after the other.

    Args:
        score: The function that scores a batch.
        overlap: Whether to score on a thread.
        device: The device that the thread's work runs on, where it doesn't say.
    """

    def __init__(self, score: Score, overlap: bool, device: torch.device | None = None) -> None:
        self.waited = 0.0
        self._score = score
        self._device = device
        self._thread = ThreadPoolExecutor(1, "rewards", self._begin) if overlap else None
        self._pending: list[Future[Mapping[str, Floats]]] = []
        self._values: list[Mapping[str, Floats]] = []

    def __enter__(self) -> BatchScoring:
        """Return the object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the batch that is being scored, and drop those behind it."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def add(self, images: Sequence[Image.Image], prompts: Sequence[str], numbers: Sequence[int]) -> None:
        """Score a batch, now or soon.

        Args:
            images: The images.
            prompts: The prompt of each.
            numbers: Number of each in an error's text.

        Raises:
            FinetuneError: It failed, or one before it has by now.
        """
        if self._thread is None:
            began = perf_counter()
            self._values.append(self._score(images, prompts, numbers))
            self.waited += perf_counter() - began
            return
        while self._pending and self._pending[0].done():
            self._values.append(self._pending.pop(0).result())
        self._pending.append(self._thread.submit(self._without_gradients, images, prompts, numbers))

    def values(self) -> list[Mapping[str, Floats]]:
        """Wait for all batches and return their values.

        Raises:
            FinetuneError: One failed.
        """
        began = perf_counter()
        while self._pending:
            self._values.append(self._pending.pop(0).result())
        self.waited += perf_counter() - began
        return self._values

    def _begin(self) -> None:
        # Which GPU is meant by "cuda" is each thread's own business.
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.set_device(self._device)

    def _without_gradients(
        self, images: Sequence[Image.Image], prompts: Sequence[str], numbers: Sequence[int]
    ) -> Mapping[str, Floats]:
        # As around all sampling, which this thread knows nothing of.
        with torch.no_grad():
            return self._score(images, prompts, numbers)


def sample_and_score(
    model: DiffusionModel,
    schedule: NoiseSchedule,
    prompts: Sequence[str],
    noise: Tensor,
    sampler: SamplerSettings,
    score: Score,
    report: Callable[[int, int], None],
    numbers: Sequence[int] | None = None,
    overlap: bool = True,
) -> ScoredSamples:
    """Sample one image per prompt and score it, batch by batch.

    Args:
        model: The policy.
        schedule: The steps.
        prompts: The prompt of each sample.
        noise: Noise of `trajectory_noise`, shape (samples, steps + 1, channels, height, width).
        sampler: Guidance and images at a time.
        score: The function that scores a batch.
        report: Called after every batch with the samples done and those in all.
        numbers: Number of each sample in an error's text; counted from 0 by default.
        overlap: Whether each batch is scored while the next one is sampled; this changes no value.
    """
    numbered = range(len(prompts)) if numbers is None else numbers
    images: list[Image.Image] = []
    with BatchScoring(score, overlap, model.device) as scoring:

        def taken(rows: slice, latents: Tensor) -> None:
            batch = model.images(latents, sampler.batch)
            images.extend(batch)
            scoring.add(batch, prompts[rows], numbered[rows])

        trajectories = rollout(model, schedule, prompts, noise, sampler.guidance, sampler.batch, report, taken)
        parts = scoring.values() or [score([], [], [])]
    values = {role: np.concatenate([part[role] for part in parts]) for role in parts[0]}
    return ScoredSamples(trajectories, images, values, scoring.waited)
