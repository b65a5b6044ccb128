"""Frames of a moving picture, or the views of an object: evenly spaced ones, as RGB images."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tia2.decoding import is_video, read_picture, rgb_of
from tia2.errors import ImageFileError, first_line, missing_dependency

if TYPE_CHECKING:
    from PIL import Image


def spaced(total: int, count: int) -> list[int]:
    """Return evenly spaced positions: the middles of as many equal parts, or all positions if there are no more.

    Args:
        total: Number of frames that there are.
        count: Number of frames that are wanted.

    Example:
        >>> spaced(16, 4), spaced(3, 8)
        ([2, 6, 10, 14], [0, 1, 2])
    """
    if total <= count:
        return list(range(total))
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]


def read_frames(content: bytes, count: int) -> list[Image.Image]:
    """Return evenly spaced frames of a file.

    Animated GIF, WebP and PNG, and TIFF files of several pages are read with Pillow; MP4, MOV, WebM, Matroska and AVI
    with PyAV. A still picture has one frame.

    Args:
        content: The file's bytes.
        count: The most frames wanted.

    Returns:
        RGB images, at least one.

    Raises:
        ImageFileError: The file is damaged, empty, or neither picture nor video; the text is the reason alone.
        MissingDependencyError: It is a video, and PyAV is not installed.
    """
    if is_video(content):
        return _of_video(content, count)
    return frames_of(read_picture(content), count)


def frames_of(picture: Image.Image, count: int) -> list[Image.Image]:
    """Return evenly spaced frames of an opened picture; one of a still picture.

    Args:
        picture: A PIL image, such as an opened GIF.
        count: The most frames wanted.

    Raises:
        ImageFileError: A frame is damaged, or of a mode without a defined range.
    """
    total = getattr(picture, "n_frames", 1)
    if total == 1:
        return [rgb_of(picture)]
    frames = []
    for position in spaced(total, count):
        try:
            picture.seek(position)
            picture.load()
        except Exception as error:  # A decoder is a plugin: it may raise anything.
            raise ImageFileError(f"frame {position}: {first_line(error)}") from None
        # A copy, since the next seek changes the picture.
        frames.append(rgb_of(picture.copy()))
    return frames


def _of_video(content: bytes, count: int) -> list[Image.Image]:
    try:
        import av
    except ImportError:
        raise missing_dependency("Videos need PyAV, which isn't installed", "video") from None
    try:
        total = _decoded(av.open, content, lambda *_: None)
        wanted = set(spaced(total, count))
        frames: list[Any] = []
        _decoded(av.open, content, lambda number, frame: frames.append(frame.to_image()) if number in wanted else None)
    except Exception as error:  # FFmpeg's errors, and those of its many decoders
        raise ImageFileError(first_line(error)) from None
    if not frames:
        raise ImageFileError("the video has no frames")
    return [rgb_of(frame) for frame in frames]


def _decoded(opened: Callable[..., Any], content: bytes, use: Callable[[int, Any], None]) -> int:
    """Decode a video to its end, hand over every frame, and return their number."""
    total = 0
    with opened(io.BytesIO(content)) as container:
        for frame in container.decode(video=0):
            use(total, frame)
            total += 1
    return total
