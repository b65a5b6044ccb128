"""One training loop for every recipe: cosine schedule, moving average, and a state file that makes it resumable.

Every step draws its data and noise from generators seeded by (seed, step), so that a resumed run sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tia2.files import replacing
from tia2.progress import Progress, silent

logger = logging.getLogger(__name__)

_SAVE_EVERY_SECONDS = 60
_REPORT_EVERY_SECONDS = 15


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: linear warm-up to `peak`, then a cosine down to a hundredth of it."""

    steps: int
    peak: float
    warmup: int = 100

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.peak * (0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1))) / 2)


@dataclass(frozen=True)
class Training:
    """One training: its length, seed, device, and the file that makes it resumable.

    Attributes:
        state: File that keeps the progress; an existing one is resumed.
        steps: Optimisation steps of the whole schedule.
        seed: Seed of weights, data and noise.
        device: Device to train on.
        progress: Called about four times a minute with "steps", the steps done, and the steps in all.
    """

    state: Path
    steps: int
    seed: int
    device: str = "cpu"
    progress: Progress = silent


@dataclass(frozen=True)
class StepRandom:
    """A step's number and randomness: a NumPy generator for data, a torch generator (on the CPU) for noise."""

    step: int
    numpy: np.random.Generator
    torch: torch.Generator

    @classmethod
    def of(cls, seed: int, step: int) -> StepRandom:
        """Return the generators of one step of one seed."""
        sequence = np.random.SeedSequence([seed, step])
        noise = torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
        return cls(step, np.random.default_rng(sequence), noise)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal noise of a shape, on the CPU so that every device gets the same."""
        return torch.randn(*shape, generator=self.torch)


def fit(
    model: nn.Module,
    loss: Callable[[StepRandom], Tensor],
    schedule: Schedule,
    training: Training,
    *,
    average: float | None = None,
    until: int | None = None,
) -> nn.Module:
    """Train a model's parameters that require gradients, and return the moving average of them where asked for.

    Args:
        model: The model to train; changed in place.
        loss: Returns the loss of one step from that step's randomness.
        schedule: Steps and learning rates.
        training: Seed, state file and progress.
        average: Decay of an exponential moving average of the parameters; None for the parameters themselves.
        until: Stop early, at this step of the full schedule.

    Returns:
        The trained model: `model` itself, holding the average where `average` is given.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.peak, weight_decay=0.01, betas=(0.9, 0.98))
    shadow = [parameter.detach().clone() for parameter in parameters] if average else []
    first = 0
    if training.state.is_file():
        saved = torch.load(training.state, map_location="cpu", weights_only=True)
        with torch.no_grad():
            for parameter, value in zip(parameters, saved["parameters"], strict=True):
                parameter.copy_(value)
            for copy, value in zip(shadow, saved["shadow"], strict=True):
                copy.copy_(value)
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]

    def save(step: int) -> None:
        values = [parameter.detach() for parameter in parameters]
        with replacing(training.state) as unfinished:
            torch.save(
                {"parameters": values, "shadow": shadow, "optimiser": optimiser.state_dict(), "step": step}, unfinished
            )

    model.train()
    saved_at = reported_at = time.monotonic()
    recent: list[float] = []
    last = min(until or schedule.steps, schedule.steps)
    for step in range(first, last):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        value = loss(StepRandom.of(training.seed, step))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if average:
            # A young average forgets faster, or it would still hold the random start.
            decay = min(average, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(shadow, list[Tensor](parameters), 1 - decay)
        recent.append(float(value.detach()))
        now = time.monotonic()
        if now - saved_at > _SAVE_EVERY_SECONDS or step + 1 == last:
            save(step + 1)
            saved_at = now
        if now - reported_at > _REPORT_EVERY_SECONDS or step + 1 == last:
            mean = sum(recent) / len(recent)
            logger.info("step %d of %d, loss %.5f", step + 1, schedule.steps, mean)
            training.progress("steps", step + 1, schedule.steps)
            recent, reported_at = [], now
    if average:
        with torch.no_grad():
            for parameter, copy in zip(parameters, shadow, strict=True):
                parameter.copy_(copy)
    return model.eval()
