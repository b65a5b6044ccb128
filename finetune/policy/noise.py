"""Noise that depends on the seed, the epoch and the sample alone, so that any number of processes draws the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

TRAINING, EVALUATION, PROMPTS, ORDER, LOSS, SAMPLES = range(6)
"""What noise is for; each purpose has a stream of its own, so that adding an evaluation changes no training sample."""


def generator(seed: int, purpose: int, *position: int) -> torch.Generator:
    """Return a generator on the CPU for one place in a run, independent of every other place's.

    Args:
        seed: Seed of the run.
        purpose: One of the purposes of this module.
        *position: The place, for example the epoch and the number of the sample within it.
    """
    state = np.random.SeedSequence((seed, purpose, *position)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def trajectory_noise(
    seed: int, purpose: int, epoch: int, samples: Iterable[int], shape: tuple[int, ...], steps: int
) -> Tensor:
    """Return the standard normal noise of whole trajectories.

    Drawn on the CPU, so that every device and any split into batches or processes sees the same numbers.

    Args:
        seed: Seed of the run.
        purpose: One of the purposes of this module.
        epoch: The epoch.
        samples: The samples' numbers within the epoch, over all processes.
        shape: Channels, height and width of a latent.
        steps: The number of denoising steps.

    Returns:
        Float32, shape (samples, steps + 1, *shape): first the starting latent, then one draw per step.
    """
    drawn = [torch.randn((steps + 1, *shape), generator=generator(seed, purpose, epoch, sample)) for sample in samples]
    return torch.stack(drawn) if drawn else torch.empty((0, steps + 1, *shape))
