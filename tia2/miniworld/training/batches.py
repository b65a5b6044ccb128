"""Training batches: freshly rendered scenes with their specifications."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tia2.miniworld.grammar import Specification
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import random_specification, sample_scene


def render_batch(
    specs: Sequence[Specification], rng: np.random.Generator, *, wobble: float = 0.0, noise: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Return one rendering of each specification: (n, 64, 64, 3) uint8; wobble and noise up to the given amounts."""
    return np.stack(
        [
            render(sample_scene(spec, rng), rng, wobble=wobble * rng.random(), noise=noise * rng.random() ** 2)
            for spec in specs
        ]
    )


def random_specifications(count: int, rng: np.random.Generator, max_count: int = 8) -> list[Specification]:
    """Return random specifications over the whole grammar."""
    return [random_specification(rng, max_count) for _ in range(count)]


def to_model_range(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return images as (n, 3, 64, 64) float32 between -1 and 1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_pixels(images: Tensor) -> npt.NDArray[np.uint8]:
    """Return model outputs between -1 and 1 as (n, 64, 64, 3) uint8."""
    scaled = images.detach().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())
