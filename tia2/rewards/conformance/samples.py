"""The pictures and prompts that the checks score: the same on every machine, from seeds."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from tia2.miniworld.grammar import parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import sample_scene

TEXTS = (
    "a red circle",
    "two blue squares",
    "a green triangle left of a red square",
    "three yellow crosses",
    "a large purple circle above a small green cross",
    "a photo of a red apple on a blue plate",
    "five cats",
    "a yellow dog under a green umbrella, oil painting",
    "four green squares and two red circles",
    "an empty street at night",
)
"""Short prompts as benchmarks have them: counts, colours, relations, styles."""

SCENES = (*TEXTS[:5], TEXTS[8], "a blue triangle", "two red crosses")
"""The prompts of the drawn pictures among the samples."""

LONG_TEXT = " ".join(f"{count} red circles beside a blue square," for count in range(167)).rstrip(",")
"""A prompt of 1,002 words."""

_PHOTO_SIZES = ((96, 72), (40, 100), (65, 65), (120, 33))


def scene(prompt: str, seed: int = 0) -> Image.Image:
    """Return a picture of a prompt of the miniature world, 64x64 RGB.

    Example:
        >>> scene("a red circle").size
        (64, 64)
    """
    rng = np.random.default_rng([seed, *prompt.encode()])
    return Image.fromarray(render(sample_scene(parse(prompt), rng), rng, wobble=0.4, noise=0.02))


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a colourful picture without meaning, smooth with grain, as RGB of (width, height).

    Example:
        >>> photo(0, (30, 20)).mode
        'RGB'
    """
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray(np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8))


def sample_images() -> list[Image.Image]:
    """Return RGB pictures of several sizes: scenes that some texts describe, and others that none does."""
    drawn = [scene(prompt) for prompt in SCENES]
    return drawn + [photo(seed, size) for seed, size in enumerate(_PHOTO_SIZES)]


@dataclass(frozen=True)
class ModeSample:
    """A picture of another mode than RGB.

    Attributes:
        name: Name of the mode.
        image: The picture.
        transparent: Whether it has transparency, which a model may blend rather than drop.
    """

    name: str
    image: Image.Image
    transparent: bool = False


def mode_samples() -> list[ModeSample]:
    """Return one picture in every mode that image files come in."""
    base = photo(7, (48, 40))
    fade = Image.fromarray(np.tile(np.linspace(0, 255, 48).astype(np.uint8), (40, 1)))
    rgba = base.copy()
    rgba.putalpha(fade)
    grey_alpha = base.convert("L")
    grey_alpha.putalpha(fade)
    palette = base.quantize(16)
    see_through = base.quantize(16)
    see_through.info["transparency"] = int(np.bincount(np.asarray(see_through).ravel()).argmax())
    levels = np.asarray(base.convert("L"), dtype=np.uint16) * 257
    return [
        ModeSample("L", base.convert("L")),
        ModeSample("1 bit", base.convert("1")),
        ModeSample("P", palette),
        ModeSample("CMYK", base.convert("CMYK")),
        ModeSample("16 bits", Image.fromarray(levels)),
        ModeSample("LA", grey_alpha, transparent=True),
        ModeSample("RGBA", rgba, transparent=True),
        ModeSample("P with transparency", see_through, transparent=True),
    ]


_STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> what was done to the pixels of the upright picture."""


def rotated_files() -> tuple[Image.Image, dict[int, Image.Image]]:
    """Return an upright picture, and files of it, by EXIF orientation, that a viewer shows just the same."""
    upright = photo(11, (60, 36))
    return upright, {orientation: _stored(upright, orientation) for orientation in _STORED_AS}


def _stored(upright: Image.Image, orientation: int) -> Image.Image:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    upright.transpose(_STORED_AS[orientation]).save(file, "PNG", exif=exif)
    return Image.open(file)


def odd_sizes() -> dict[str, Image.Image]:
    """Return pictures of extreme sizes, by width x height."""
    return {"{}x{}".format(*size): photo(5, size) for size in ((1, 1), (4000, 10), (10, 4000))}
