"""Images as raters get them: the pixels, and nothing that says where they come from."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterable
from pathlib import Path

from tia2.decoding import read_picture, rgb_of
from tia2.errors import ImageFileError, StudyError

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"IDAT", b"IEND"}
_ORIENTATION = 0x0112
_START_OF_SCAN, _APP0, _APP15, _APP14, _COMMENT = 0xDA, 0xE0, 0xEF, 0xEE, 0xFE
TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
"""Media types by the suffix of a stored file."""


def format_of(content: bytes) -> str:
    """Return a file's suffix by its content: .png, .jpg, or empty for anything else."""
    return ".png" if content.startswith(_PNG) else ".jpg" if content.startswith(_JPEG) else ""


def common_format(paths: Iterable[Path]) -> str:
    """Return the format that a study's images are kept in: theirs if all share it, else .png.

    Images of two models that differed in format would tell them apart.

    Raises:
        StudyError: A file can't be read.
    """
    return ".jpg" if {format_of(_beginning(path)) for path in paths} == {".jpg"} else ".png"


def without_origin(content: bytes, wanted: str, name: str) -> bytes:
    """Return an image file with the same pixels and none of its metadata: no prompt, seed, model, camera or time.

    Args:
        content: The file's bytes, in any format that Pillow reads.
        wanted: Format to return, .png or .jpg.
        name: Name of the file, for the error.

    Returns:
        The bytes of a file; pixels of .png and .jpg files are not coded again when they stay what they are.

    Raises:
        StudyError: The file is damaged or no image.
    """
    try:
        picture = read_picture(content)
        upright = picture.getexif().get(_ORIENTATION, 1) in (0, 1)
        if format_of(content) == wanted and upright and getattr(picture, "n_frames", 1) == 1:
            return _bare_png(content) if wanted == ".png" else _bare_jpeg(content)
        buffer = io.BytesIO()
        rgb_of(picture).save(buffer, format="PNG" if wanted == ".png" else "JPEG", quality=95)
        return buffer.getvalue()
    except ImageFileError as error:
        raise StudyError(f"{name} is no image that can be shown: {error}.") from None


def stored_name(content: bytes, suffix: str) -> str:
    """Return the name of a stored image, which is made of its content alone."""
    return f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise StudyError(f"{path} can't be read: {error.strerror}.") from None


def _bare_png(content: bytes) -> bytes:
    kept, position = [_PNG], len(_PNG)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        end = position + 12 + length
        if content[position + 4 : position + 8] in _PNG_KEPT:
            kept.append(content[position:end])
        position = end
    return b"".join(kept)


def _bare_jpeg(content: bytes) -> bytes:
    kept, position = [content[:2]], 2
    while position + 4 <= len(content):
        marker = content[position + 1]
        if marker == _START_OF_SCAN:
            return b"".join([*kept, content[position:]])
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        # APP0 says how dense the pixels are, APP14 how the colours are coded: without it they would change.
        named = _APP0 < marker <= _APP15 and marker != _APP14
        if not named and marker != _COMMENT:
            kept.append(content[position:end])
        position = end
    return b"".join(kept)
