"""Image files, read to their end: whatever a decoder does with a damaged one, one error with the reason comes out."""

from __future__ import annotations

import io
import struct

from PIL import Image, UnidentifiedImageError

from tia2.errors import ImageFileError, first_line
from tia2.rgb import WHOLE_IMAGES, to_rgb

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}
"""Parts of a PNG file that hold words or a colour profile, none of which changes the pixels that are read."""

_EBML = b"\x1a\x45\xdf\xa3"
"""How WebM and Matroska files begin."""
_STILL = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
"""Brands of pictures in the container that MP4 has, too."""


def is_video(content: bytes) -> bool:
    """Whether bytes begin as MP4, MOV, WebM, Matroska or AVI files do.

    Example:
        >>> is_video(b"GIF89a"), is_video(bytes(4) + b"ftypisom")
        (False, True)
    """
    if content[4:8] == b"ftyp":
        return content[8:12] not in _STILL
    is_avi = content[:4] == b"RIFF" and content[8:12] == b"AVI "
    return is_avi or content.startswith(_EBML)


def read_picture(content: bytes) -> Image.Image:
    """Return an image file's picture, read to its end, in the mode that the file has.

    Args:
        content: The file's bytes, in any format that Pillow reads.

    Raises:
        ImageFileError: The file is damaged, empty, or no image; the text is the reason alone.

    Example:
        >>> read_picture(b"<html>")
        Traceback (most recent call last):
        tia2.errors.ImageFileError: not an image
    """
    if not content:
        raise ImageFileError("the file is empty")
    try:
        return _loaded(content)
    except ImageFileError as error:
        # Pillow refuses a sound PNG whose texts are longer than it keeps, such as a workflow that an image editor
        # stored. The pixels need none of them.
        without = _without_texts(content)
        if without is None:
            raise
        try:
            return _loaded(without)
        except ImageFileError:
            raise error from None


def read_rgb(content: bytes) -> Image.Image:
    """Return an image file's picture as RGB, turned upright where the file says so.

    Args:
        content: The file's bytes, in any format that Pillow reads.

    Raises:
        ImageFileError: The file is damaged, empty, no image, or of a mode without a defined range.
    """
    return rgb_of(read_picture(content))


def rgb_of(picture: Image.Image) -> Image.Image:
    """Return a picture as RGB, turned upright where its file said so.

    Args:
        picture: Picture that `read_picture` returned.

    Raises:
        ImageFileError: Its mode has no defined range, or its file lied about it.
    """
    try:
        return to_rgb(picture)
    except Exception as error:  # A decoder is a plugin: what it left may fail at any step.
        raise ImageFileError(first_line(error)) from None


def _loaded(content: bytes) -> Image.Image:
    try:
        # Not closed: some formats read their metadata later.
        with WHOLE_IMAGES:
            image = Image.open(io.BytesIO(content))
            if image.format == "EPS":
                # Pillow would have Ghostscript run it.
                raise ImageFileError("EPS is a program that draws, not a picture: convert it to PNG")
            image.load()
    except UnidentifiedImageError:
        reason = "a video: score its frames with --frames (FramesReward)" if is_video(content) else "not an image"
        raise ImageFileError(reason) from None
    except ImageFileError:
        raise
    except Exception as error:  # A decoder is a plugin: it may raise anything, NotImplementedError and KeyError too.
        raise ImageFileError(first_line(error)) from None
    if 0 in image.size:
        raise ImageFileError(f"it is {image.width}x{image.height} pixels in size")
    return image


def _without_texts(content: bytes) -> bytes | None:
    """Return a PNG file without its texts; None where it has none, or is no PNG."""
    if not content.startswith(_PNG):
        return None
    kept, position = [_PNG], len(_PNG)
    dropped = False
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        end = position + 12 + length
        if content[position + 4 : position + 8] in _PNG_TEXTS and end <= len(content):
            dropped = True
        else:
            kept.append(content[position:end])
        position = end
    return b"".join([*kept, content[position:]]) if dropped else None
