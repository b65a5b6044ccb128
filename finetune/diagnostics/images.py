"""Cheap statistics of images that catch a collapse which no reward reports."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..bon.records import Number, Part

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


class StatisticCurve(Part):
    """A cheap image statistic along a run."""

    name: str
    mean: list[Number]
    """Mean over images at each evaluation."""
    low: Number
    """Lower alarm level, from the base model's images."""
    high: Number
    alarms: list[int]
    """Evaluations outside."""


def statistic_curves(
    images: Sequence[Sequence[Image.Image]], epochs: Sequence[int] | None = None, level: float = 4.0
) -> list[StatisticCurve]:
    """Return every statistic along a run, with alarm levels from the base model's images.

    An alarm means that the mean over images lies further from the base model's than `level` standard errors of it: with
    4, images of an unchanged model raise one in 16,000 means.

    Args:
        images: The images of each evaluation, the first those of the base model, the same prompts and seeds in each.
        epochs: Numbers that alarms name the evaluations by; 0, 1, … by default.
        level: Standard errors.
    """
    numbers = range(len(images)) if epochs is None else epochs
    curves = []
    for name, statistic in STATISTICS.items():
        values = np.array([[statistic(image) for image in row] for row in images])
        base, means = values[0], values.mean(axis=1)
        # Both means, the base model's and the checkpoint's, vary with the seeds: hence the root of 2.
        error = level * np.sqrt(2 / len(base)) * base.std(ddof=1) if len(base) > 1 else np.inf
        low, high = float(base.mean() - error), float(base.mean() + error)
        outside = np.flatnonzero((means < low) | (means > high)).tolist()
        curves.append(
            StatisticCurve(
                name=name,
                mean=means.tolist(),
                low=low,
                high=high,
                alarms=[numbers[position] for position in outside],
            )
        )
    return curves


def _pixels(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), np.float64) / 255
