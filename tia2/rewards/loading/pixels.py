"""From any image to RGB, and from RGB to the square of pixels that a CLIP-like model sees; PIL and NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from tia2.errors import RewardError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of each channel that OpenAI's CLIP, and most models after it, normalise with."""

LARGEST_RESIZE = 64_000_000
"""Above this many pixels only the part that the centre crop keeps is resized: equal but for rounding in PIL."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, scale and normalise as a transformers `preprocessor_config.json` says, with PIL's filters.

    Equal, without torchvision, to the PIL image processor of transformers, whose centre crop rounds margins down; or
    with `rounding="even"` to the transforms of torchvision on PIL images, whose centre crop rounds halves to even.

    Attributes:
        resize: Length of the shorter side, or (height, width), or None to leave the size.
        crop: (height, width) of the centre crop, or None.
        resample: The PIL filter; 3 is bicubic.
        scale: Factor of pixel values 0 to 255.
        mean: Value that is subtracted from each channel after scaling.
        std: Divisor of each channel after that.
        rounding: Rounding of half pixels by the centre crop, "floor" or "even".
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: int
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rounding: Literal["floor", "even"] = "floor"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocessing:
        """Read the values of a `preprocessor_config.json`; what it leaves out is as in CLIP.

        Raises:
            RewardError: A size is not of a known form.
        """
        resize = (
            _size(config.get("size", {"shortest_edge": 224}), square=False) if config.get("do_resize", True) else None
        )
        crop = _size(config.get("crop_size", 224), square=True) if config.get("do_center_crop", True) else None
        normalised = config.get("do_normalize", True)
        mean = config.get("image_mean", CLIP_MEAN) if normalised else (0.0, 0.0, 0.0)
        std = config.get("image_std", CLIP_STD) if normalised else (1.0, 1.0, 1.0)
        return cls(
            resize=resize,
            crop=crop if isinstance(crop, tuple) else None,
            resample=int(config.get("resample", 3)),
            scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
            mean=(float(mean[0]), float(mean[1]), float(mean[2])),
            std=(float(std[0]), float(std[1]), float(std[2])),
        )

    def __str__(self) -> str:
        """Return one line for the reward's card."""
        filters = {item.value: item.name.lower() for item in Image.Resampling}
        steps = ["RGB"]
        if self.resize is not None:
            size = f"shorter side {self.resize}" if isinstance(self.resize, int) else "{}x{}".format(*self.resize)
            steps.append(f"resize {size} {filters.get(self.resample, self.resample)} (PIL)")
        if self.crop is not None:
            steps.append("centre crop {}x{}".format(*self.crop) + " (half to even)" * (self.rounding == "even"))
        steps.append(f"normalise mean {list(self.mean)} std {list(self.std)}")
        return ", ".join(steps)

    @property
    def output_size(self) -> tuple[int, int] | None:
        """(height, width) of every output, or None when that depends on the image."""
        return self.crop or (self.resize if isinstance(self.resize, tuple) else None)

    def check_output(self, side: int, where: str) -> None:
        """Raise a RewardError unless every output is a square of the model's size.

        Args:
            side: Side of the model's images, in pixels.
            where: Name of the model in the error.
        """
        if self.output_size != (side, side):
            raise RewardError(
                f"{where}: preprocessing gives images of size {self.output_size}; the model takes ({side}, {side})."
            )

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to an array (height, width, 3) of bytes."""
        width, height = image.size
        new_height, new_width = self._resized(height, width)
        box = None
        if self.crop is not None and new_height * new_width > LARGEST_RESIZE:
            crop_height, crop_width = min(self.crop[0], new_height), min(self.crop[1], new_width)
            top, left = self._margin(new_height - crop_height), self._margin(new_width - crop_width)
            across, down = width / new_width, height / new_height
            box = (left * across, top * down, (left + crop_width) * across, (top + crop_height) * down)
            new_height, new_width = crop_height, crop_width
        if self.resize is not None:
            image = resized(image, (new_width, new_height), Image.Resampling(self.resample), box)
        array = np.asarray(image, dtype=np.uint8)
        return array if self.crop is None else self._centre_crop(array, self.crop)

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn bytes (n, height, width, 3) into the model's float32 input (n, 3, height, width)."""
        levels = (np.arange(256) * self.scale).astype(np.float32)[:, None]
        table = (levels - np.array(self.mean, dtype=np.float32)) / np.array(self.std, dtype=np.float32)
        channels = [table[:, channel][pixels[..., channel]] for channel in range(3)]
        return np.stack(channels, axis=1)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize is None:
            return height, width
        if isinstance(self.resize, tuple):
            return self.resize
        if width <= height:
            return int(self.resize * height / width), self.resize
        return self.resize, int(self.resize * width / height)

    def _centre_crop(self, array: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        height, width = array.shape[:2]
        missing = [(max(0, wanted - have)) for wanted, have in zip(size, (height, width), strict=True)]
        if any(missing):
            # Both libraries pad before they crop: transformers with the extra pixel first, torchvision with it last.
            padding = [((gap + 1) // 2, gap // 2) for gap in missing]
            if self.rounding == "even":
                padding = [(last, first) for first, last in padding]
            array = np.pad(array, [*padding, (0, 0)])
            height, width = array.shape[:2]
        top, left = self._margin(height - size[0]), self._margin(width - size[1])
        return array[top : top + size[0], left : left + size[1]]

    def _margin(self, gap: int) -> int:
        return round(gap / 2) if self.rounding == "even" else gap // 2


def _size(value: Any, *, square: bool) -> int | tuple[int, int]:
    if isinstance(value, int):
        return (value, value) if square else value
    if isinstance(value, Mapping) and value.get("height") and value.get("width"):
        return int(value["height"]), int(value["width"])
    if isinstance(value, Mapping) and value.get("shortest_edge") and not value.get("longest_edge"):
        return int(value["shortest_edge"])
    raise RewardError(
        f"The preprocessing has the size {value!r}; expected an integer, height and width, or shortest_edge."
    )


def resized(
    image: Image.Image,
    size: tuple[int, int],
    resample: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resize as Pillow up to version 12 did: across first, then down, rounding to bytes in between.

    Pillow 13 resizes down first where that is faster, with other roundings: up to 13 grey levels when the height
    shrinks and the width grows. Published rewards were computed with the earlier order.

    Args:
        image: An RGB image.
        size: (width, height) of the result.
        resample: The filter.
        box: (left, top, right, bottom) of the part to resize; all of the image if None.
    """
    left, top, right, bottom = box or (0.0, 0.0, float(image.width), float(image.height))
    across = image.resize((size[0], image.height), resample, box=(left, 0, right, image.height))
    return across.resize(size, resample, box=(0, top, size[0], bottom))
