"""From an RGB image to the patches that Qwen2-VL's vision tower takes, at about one and the same number of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing, resized

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES = 2
"""The tower takes pairs of frames; a still image is both frames of one pair."""

LONGEST = 200
"""Upstream refuses images that are more than this many times as long as wide."""


@dataclass(frozen=True)
class FixedArea:
    """Resize to multiples of a patch group near a number of pixels, normalise, and cut into patches.

    Both sides are rounded to multiples of `patch` · `merge`; if their product is not the area, they are scaled to it,
    the aspect ratio kept, and rounded up where the image was smaller and down where it was larger.

    Attributes:
        area: Number of pixels aimed at.
        patch: Side of a patch, in pixels.
        merge: Number of patches along each side of the square that becomes one token.
        mean: Value that is subtracted from each channel, of values 0 to 1.
        std: Divisor of each channel after that.
    """

    area: int
    patch: int = 14
    merge: int = 2
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    def __str__(self) -> str:
        return (
            f"RGB, resize to multiples of {self.patch * self.merge} of about {self.area} pixels bicubic (PIL), aspect "
            f"ratio kept, normalise mean {list(self.mean)} std {list(self.std)}"
        )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) after resizing.

        Example:
            >>> FixedArea(256 * 28 * 28).size(333, 201)
            (588, 364)
        """
        step = self.patch * self.merge
        rounded = [max(step, round(side / step) * step) for side in (width, height)]
        if rounded[0] * rounded[1] > self.area:
            shrink = math.sqrt(width * height / self.area)
            rounded = [max(step, math.floor(side / shrink / step) * step) for side in (width, height)]
        elif rounded[0] * rounded[1] < self.area:
            grow = math.sqrt(self.area / (width * height))
            rounded = [math.ceil(side * grow / step) * step for side in (width, height)]
        return rounded[0], rounded[1]

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image: (height, width, 3), bytes."""
        least = -(-max(image.size) // LONGEST)
        if min(image.size) < least:
            wider = max(image.width, least), max(image.height, least)
            image = image.resize(wider, Image.Resampling.BICUBIC)
        size = self.size(*image.size)
        return np.asarray(resized(image, size, Image.Resampling.BICUBIC), dtype=np.uint8)

    def patches(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
        """Normalise and cut resized pixels.

        Returns:
            Patches, (number, 3 · 2 · patch · patch), squares of `merge` by `merge` patches one after the other; and
            their grid (1, rows, columns).
        """
        steps = Preprocessing(None, None, 3, 1 / 255, self.mean, self.std)
        channels = steps.normalise(pixels[None])[0]
        rows, columns = channels.shape[1] // self.patch, channels.shape[2] // self.patch
        squares = channels.reshape(
            3, rows // self.merge, self.merge, self.patch, columns // self.merge, self.merge, self.patch
        ).transpose(1, 4, 2, 5, 0, 3, 6)
        flat = squares.reshape(rows * columns, 3, 1, self.patch * self.patch)
        return np.repeat(flat, FRAMES, axis=2).reshape(rows * columns, -1), (1, rows, columns)
