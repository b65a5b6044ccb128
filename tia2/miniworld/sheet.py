"""Pictures of pictures: a sheet of samples with the judge's verdicts, and reading an image file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tia2.decoding import read_rgb
from tia2.errors import BenchmarkError, ImageFileError
from tia2.files import replacing
from tia2.miniworld.scenes import SIDE

_ZOOM, _FRAME, _TITLE = 2, 3, 22
_ACCEPTED, _REJECTED, _INK = (30, 150, 80), (205, 205, 205), (40, 40, 40)


def sample_sheet(
    prompts: Sequence[str], rows: npt.NDArray[np.uint8], accepted: Sequence[Sequence[bool]]
) -> Image.Image:
    """Return one row of images per prompt, accepted ones framed in green.

    Args:
        prompts: The rows' titles.
        rows: (prompts, images, 64, 64, 3) uint8.
        accepted: The judge's verdicts, (prompts, images).

    Returns:
        The sheet.
    """
    cell = SIDE * _ZOOM + 2 * _FRAME + 2
    sheet = Image.new("RGB", (rows.shape[1] * cell + 2, len(prompts) * (cell + _TITLE) + 4), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for i, (prompt, images, verdicts) in enumerate(zip(prompts, rows, accepted, strict=True)):
        top = i * (cell + _TITLE) + 2
        draw.text((4, top + 2), f"{prompt}  ({sum(verdicts)} of {len(verdicts)} accepted)", _INK, font)
        for j, (pixels, good) in enumerate(zip(images, verdicts, strict=True)):
            left, upper = j * cell + 2, top + _TITLE
            frame = [left, upper, left + cell - 3, upper + cell - 3]
            draw.rectangle(frame, fill=_ACCEPTED if good else _REJECTED)
            picture = Image.fromarray(pixels).resize((SIDE * _ZOOM, SIDE * _ZOOM), Image.Resampling.NEAREST)
            sheet.paste(picture, (left + _FRAME, upper + _FRAME))
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, whole or not at all."""
    with replacing(path) as unfinished:
        sheet.save(unfinished, format="PNG")


def open_image(path: Path) -> npt.NDArray[np.uint8]:
    """Return an image file's pixels: (height, width, 3) uint8.

    Raises:
        BenchmarkError: When the file isn't there or is no image.
    """
    try:
        return np.asarray(read_rgb(path.read_bytes()))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BenchmarkError(f"Expected an image file, found none at {path}.") from error
    except (OSError, ImageFileError) as error:
        raise BenchmarkError(f"Expected an image file, but {path} can't be read as one: {error}.") from error
