"""Any image as 8-bit RGB, the way a viewer shows it: done once, at the boundary."""

from __future__ import annotations

import struct
import threading

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

from tia2.errors import RewardError

_BROKEN_EXIF = (ArithmeticError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error)
"""What Pillow raises where an image's EXIF data can't be read or written; the pixels have been read by then."""


class WholeImages:
    """Within `with WHOLE_IMAGES:` Pillow refuses images that end too early, whatever other code has told it.

    A package that sets `ImageFile.LOAD_TRUNCATED_IMAGES` would have the missing part filled with grey, and scored. The
    setting is Pillow's own for all threads: it is put back when the last thread has left its block.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._setting = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._setting = ImageFile.LOAD_TRUNCATED_IMAGES
            self._inside += 1
            ImageFile.LOAD_TRUNCATED_IMAGES = False

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                ImageFile.LOAD_TRUNCATED_IMAGES = self._setting


WHOLE_IMAGES = WholeImages()
"""The block in which images are decoded, shared by all threads as Pillow's setting is."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image as 8-bit RGB, the way a viewer shows it; the input stays as it is.

    EXIF orientation is applied, as `datasets` does when it decodes. Transparency is dropped, not blended: the colours
    under it stay, as in the authors' code of CLIP and ImageReward. Of 16-bit grey the upper 8 bits are kept.

    Args:
        image: An image of any PIL mode but "F", whose range is not defined.

    Returns:
        An image of mode "RGB"; the very same object when nothing had to be done.

    Raises:
        RewardError: It is not a PIL image, or of mode "F".

    Example:
        >>> to_rgb(Image.new("I;16", (1, 1), 65535)).getpixel((0, 0))
        (255, 255, 255)
    """
    if not isinstance(image, Image.Image):
        raise RewardError(f"Expected a PIL image, got {type(image).__name__}. Open it with PIL.Image.open first.")
    if image.mode == "F":
        raise RewardError('An image of mode "F" has no defined range: convert it to mode "RGB" first.')
    image.load()
    upright = _upright(image)
    if upright.mode == "RGB":
        return upright
    if upright.mode == "I" or upright.mode.startswith("I;16"):
        grey = np.clip(np.asarray(upright, dtype=np.int64), 0, 65535) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if upright.mode == "P" and "transparency" in upright.info:
        # PIL warns when a palette with transparency is converted to RGB in one step.
        upright = upright.convert("RGBA")
    return upright.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except _BROKEN_EXIF:
        # The picture itself is sound: a viewer shows it as it lies.
        return image
