"""Cheap statistics of images that catch a collapse which no reward reports."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

Floats = NDArray[np.float64]
_DARK = 0.25
_EDGE = 0.1


def saturation(image: Image.Image) -> float:
    """Return the mean saturation of the pixels, 0 (grey) to 1: (max − min)/max over the channels."""
    pixels = _pixels(image)
    high, low = pixels.max(axis=2), pixels.min(axis=2)
    return float(np.divide(high - low, high, out=np.zeros_like(high), where=high > 0).mean())


def edge_density(image: Image.Image) -> float:
    """Return the share of pixels at which the brightness changes by more than a tenth to the right or below, 0 to 1."""
    grey = _pixels(image).mean(axis=2)
    right, below = np.abs(np.diff(grey, axis=1))[:-1], np.abs(np.diff(grey, axis=0))[:, :-1]
    return float((np.maximum(right, below) > _EDGE).mean())


def colour_entropy(image: Image.Image) -> float:
    """Return the entropy of the colours in bits, of a histogram with 8 × 8 × 8 bins: 0 for one colour, at most 9."""
    bins = (_pixels(image) * 255).astype(np.int64) // 32
    counts = np.bincount((bins[..., 0] * 64 + bins[..., 1] * 8 + bins[..., 2]).ravel(), minlength=512)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def dark_share(image: Image.Image) -> float:
    """Return the share of pixels darker than a quarter of white, 0 to 1."""
    return float((_pixels(image).mean(axis=2) < _DARK).mean())


def file_size(image: Image.Image) -> float:
    """Return the size as JPEG of quality 90, in bytes per pixel: how much there is to see."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=90)
    return buffer.tell() / (image.width * image.height)


STATISTICS: Mapping[str, Callable[[Image.Image], float]] = MappingProxyType(
    {
        "saturation": saturation,
        "edge density": edge_density,
        "colour entropy": colour_entropy,
        "dark share": dark_share,
        "file size": file_size,
    }
)
"""The statistics by the name that tables use."""


@dataclass(frozen=True)
class StatisticCurve:
    """A statistic along a run.

    Attributes:
        name: Name of the statistic.
        mean: Its mean over images at each evaluation, shape (evaluations,).
        low: Lower alarm level, from the base model's images.
        high: Upper one.
        alarms: Positions of the evaluations outside.
    """

    name: str
    mean: Floats
    low: float
    high: float
    alarms: tuple[int, ...]


def statistic_curves(images: Sequence[Sequence[Image.Image]], level: float = 4.0) -> list[StatisticCurve]:
    """Return every statistic along a run, with alarm levels from the base model's images.

    An alarm means that the mean over images lies further from the base model's than `level` standard errors of it: with
    4, images of an unchanged model raise one in 16,000 means.

    Args:
        images: The images of each evaluation, the first those of the base model, the same prompts and seeds in each.
        level: Standard errors.
    """
    curves = []
    for name, statistic in STATISTICS.items():
        values = np.array([[statistic(image) for image in row] for row in images])
        base = values[0]
        error = (
            level * float(np.hypot(1, 1)) * float(base.std(ddof=1)) / np.sqrt(len(base)) if len(base) > 1 else np.inf
        )
        low, high = float(base.mean() - error), float(base.mean() + error)
        means = values.mean(axis=1)
        outside = tuple(np.flatnonzero((means < low) | (means > high)).tolist())
        curves.append(StatisticCurve(name, means, low, high, outside))
    return curves


def _pixels(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), np.float64) / 255
