"""Sheets of images: blocks under a title, rows with a label, each image in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tia2.figures.style import PAPER

if TYPE_CHECKING:
    from PIL import Image

_GAP, _TITLE, _LABEL, _MARGIN = 4, 26, 124, 12


@dataclass(frozen=True)
class SheetRow:
    """A row of images.

    Attributes:
        label: Text at its left.
        images: The images.
        frames: Colour of each image's frame as #rrggbb; None for no frame.
    """

    label: str
    images: Sequence[Image.Image]
    frames: Sequence[str | None]


@dataclass(frozen=True)
class SheetBlock:
    """Rows that belong together.

    Attributes:
        title: Text above them.
        rows: The rows.
    """

    title: str
    rows: Sequence[SheetRow]


def image_sheet(blocks: Sequence[SheetBlock], per_line: int = 1, side: int = 80) -> Image.Image:
    """Return all blocks as one picture.

    Args:
        blocks: The blocks.
        per_line: The number of blocks side by side.
        side: Pixels that an image's longer side is scaled to.
    """
    from PIL import Image, ImageDraw, ImageFont

    cell = side + 2 * _GAP
    columns = max((len(row.images) for block in blocks for row in block.rows), default=1)
    block_width, block_height = (
        _LABEL + columns * cell + _MARGIN,
        _TITLE + max((len(block.rows) for block in blocks), default=0) * cell + _MARGIN,
    )
    lines = -(-len(blocks) // per_line)
    size = (_MARGIN + min(per_line, max(len(blocks), 1)) * block_width, _MARGIN + lines * block_height)
    sheet = Image.new("RGB", size, PAPER.background)
    pen, font, title_font = ImageDraw.Draw(sheet), ImageFont.load_default(12), ImageFont.load_default(14)
    for number, block in enumerate(blocks):
        left, top = _MARGIN + number % per_line * block_width, _MARGIN + number // per_line * block_height
        pen.text((left, top + 3), block.title, fill=PAPER.ink, font=title_font)
        for line, row in enumerate(block.rows):
            upper = top + _TITLE + line * cell
            pen.multiline_text((left, upper + cell // 2), row.label, fill=PAPER.muted, font=font, anchor="lm")
            for column, (image, frame) in enumerate(zip(row.images, row.frames, strict=True)):
                corner = left + _LABEL + column * cell
                if frame is not None:
                    pen.rectangle([corner, upper, corner + cell - 2, upper + cell - 2], fill=frame)
                sheet.paste(thumbnail(image, side), (corner + _GAP - 1, upper + _GAP - 1))
    return sheet


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """Return an image in RGB, scaled so that its longer side has this many pixels.

    Args:
        image: Any image.
        side: Pixels.
    """
    scale = side / max(image.size)
    return image.convert("RGB").resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
