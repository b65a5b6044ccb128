"""SigLIP 2 NaFlex's view of an image: patches at its own aspect ratio, as many as fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.errors import RewardError
from tia2.rewards.loading.pixels import Preprocessing, resized

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_SCALE, SMALLEST_SCALE, PRECISION = 100.0, 1e-6, 1e-5
"""Between which scales the published search for the size of an image goes, and how close it comes."""


@dataclass(frozen=True)
class NaflexPreprocessing:
    """Resize to the most patches that fit, keeping the aspect ratio up to whole patches, then normalise.

    Equal to transformers' PIL image processor of SigLIP 2.

    Attributes:
        patch: Side of a patch in pixels.
        most: The most patches of an image.
        pixels_as: Filter and normalisation of the patches; its own size is not used.
    """

    patch: int
    most: int
    pixels_as: Preprocessing

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NaflexPreprocessing:
        """Read a `preprocessor_config.json`; what it leaves out is as in the published models.

        Raises:
            RewardError: It doesn't resize, or the numbers are not positive.
        """
        patch, most = config.get("patch_size", 16), config.get("max_num_patches", 256)
        positive = all(isinstance(value, int) and value > 0 for value in (patch, most))
        if not positive or not config.get("do_resize", True):
            raise RewardError(
                f"The preprocessing has patch_size {patch!r}, max_num_patches {most!r} and do_resize "
                f"{config.get('do_resize', True)!r}; expected two positive numbers and resizing."
            )
        return cls(patch, most, Preprocessing.from_config(siglip_defaults(config, resample=2)))

    def __str__(self) -> str:
        """Return one line for the reward's card."""
        name = Image.Resampling(self.pixels_as.resample).name.lower()
        mean, std = list(self.pixels_as.mean), list(self.pixels_as.std)
        return (
            f"RGB, resize to at most {self.most} patches of {self.patch}x{self.patch} keeping the aspect ratio {name} "
            f"(PIL), normalise mean {mean} std {std}"
        )

    def check_patch(self, side: int, where: str) -> None:
        """Raise a RewardError unless patches have the model's size.

        Args:
            side: Side of the model's patches, in pixels.
            where: Name of the model in the error.
        """
        if self.patch != side:
            raise RewardError(f"{where}: preprocessing gives patches of {self.patch} pixels; the model takes {side}.")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that an image is resized to.

        The largest scale is searched, by halving, at which both sides rounded up to whole patches fit.

        Example:
            >>> NaflexPreprocessing.from_config({}).size(480, 640)
            (224, 288)
        """
        low, high = SMALLEST_SCALE, LARGEST_SCALE
        while high - low >= PRECISION:
            middle = (low + high) / 2
            rows, columns = self._patches(height, middle), self._patches(width, middle)
            if rows * columns <= self.most:
                low = middle
            else:
                high = middle
        return self._patches(height, low) * self.patch, self._patches(width, low) * self.patch

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image to an array (height, width, 3) of bytes, whole patches on both sides."""
        height, width = self.size(image.height, image.width)
        smaller = resized(image, (width, height), Image.Resampling(self.pixels_as.resample))
        return np.asarray(smaller, dtype=np.uint8)

    def normalise(
        self, images: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Cut images into patches and fill up with zeros.

        Args:
            images: n arrays (height, width, 3) of bytes.

        Returns:
            Patches (n, most, patch * patch * 3), a mask (n, most) of ones where there is a patch, and the numbers of
            patches down and across (n, 2).
        """
        values = np.zeros((len(images), self.most, self.patch * self.patch * 3), dtype=np.float32)
        mask = np.zeros((len(images), self.most), dtype=np.int64)
        shapes = np.zeros((len(images), 2), dtype=np.int64)
        for row, image in enumerate(images):
            down, across = image.shape[0] // self.patch, image.shape[1] // self.patch
            levels = self.pixels_as.normalise(image[None])[0]
            tiles = levels.reshape(3, down, self.patch, across, self.patch).transpose(1, 3, 2, 4, 0)
            values[row, : down * across] = tiles.reshape(down * across, -1)
            mask[row, : down * across] = 1
            shapes[row] = down, across
        return values, mask, shapes

    def _patches(self, length: int, scale: float) -> int:
        return max(1, math.ceil(length * scale / self.patch))


def siglip_defaults(config: Mapping[str, Any], *, resample: int) -> dict[str, Any]:
    """Return a preprocessor_config.json with what SigLIP's image processors take for what it leaves out."""
    half = (0.5, 0.5, 0.5)
    defaults = {"size": {"height": 224, "width": 224}, "resample": resample, "image_mean": half, "image_std": half}
    return {**defaults, "do_center_crop": False, **config}
