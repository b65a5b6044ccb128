"""HPSv2's preprocessing: a resize of the tensor, not of the PIL image, padded to a square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True)
class LongestSide:
    """Resize the longest side of an RGB image and pad with black to a square, before normalisation.

    Levels from 0 to 1 are resized bicubically as a tensor, so that they may overshoot and are not rounded to bytes;
    odd gaps have their extra row below and their extra column to the right.

    Attributes:
        side: Length of the longest side, and of the square.
        antialias: Whether shrinking averages over all pixels, as torchvision does from version 0.17; False takes the
            nearest 16, as it silently did before.

    Source: tgxs002/HPSv2 hpsv2/src/open_clip/transform.py, `ResizeMaxSize` and `image_transform`.
    """

    side: int
    antialias: bool = True

    def __str__(self) -> str:
        """Return one line for the reward's card."""
        smoothing = "antialiased" if self.antialias else "not antialiased"
        return (
            f"RGB, longest side {self.side} bicubic (tensor, {smoothing}), black padding to {self.side}x{self.side}, "
            f"normalise mean {list(CLIP_MEAN)} std {list(CLIP_STD)}"
        )

    def pixels(self, image: Image.Image) -> NDArray[np.float32]:
        """Resize and pad an RGB image to levels of shape (3, side, side), about 0 to 1."""
        import torch
        from torch.nn.functional import interpolate

        levels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
        height, width = levels.shape[1:]
        scale = self.side / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        if size != (height, width):
            tensor = torch.from_numpy(levels)[None]
            with torch.inference_mode():
                resized = interpolate(tensor, size, mode="bicubic", align_corners=False, antialias=self.antialias)
            levels = resized[0].numpy()
        top, left = (self.side - size[0]) // 2, (self.side - size[1]) // 2
        square = np.zeros((3, self.side, self.side), dtype=np.float32)
        square[:, top : top + size[0], left : left + size[1]] = levels
        return square

    def normalise(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn levels (n, 3, side, side) into the model's input."""
        mean = np.array(CLIP_MEAN, dtype=np.float32)[:, None, None]
        std = np.array(CLIP_STD, dtype=np.float32)[:, None, None]
        return (levels - mean) / std
