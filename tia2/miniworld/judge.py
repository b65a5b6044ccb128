"""The exact judge: look at any image, say whether it shows what a prompt asks for, and why not.

It sees pixels only. Foreground is what differs from the background's colour; it is split by hue into six colours, each
colour into connected parts, and every part is compared with the four shapes at its own size. What was seen is then held
against the prompt, which means exactly the objects that it names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tia2.errors import BenchmarkError
from tia2.miniworld.grammar import COLOURS, SHAPES, Group, Specification, parse
from tia2.miniworld.renderer import signed_distance
from tia2.miniworld.scenes import LARGE_FROM, SIDE

READABLE = 0.66
"""Overlap (intersection over union) with the best shape from which a part counts as that shape."""

SMALLEST_OBJECT = 60
"""Parts of fewer pixels are specks: they are no objects, but they make a judgement less certain."""

_SPECK = 10
_CHROMA = 0.10
_SHAPE_GRID = 24
_PALETTE = np.array(list(COLOURS.values())) / 255


@dataclass(frozen=True)
class SeenObject:
    """One part of an image: its colour, best shape, centre and radius in pixels, and how well it can be read.

    `fit` is the overlap with the best shape (0 to 1), `lead` how much better it is than with the second best.
    """

    colour: str
    shape: str
    x: float
    y: float
    radius: float
    area: int
    fit: float
    lead: float

    @property
    def clarity(self) -> float:
        """Distance of the reading from another one, 0 (could be anything) to 1 (plain)."""
        margins = ((self.fit - READABLE) / 0.14, self.lead / 0.12, (self.area - SMALLEST_OBJECT) / 50)
        return _between(0, min(margins), 1)


@dataclass(frozen=True)
class Reason:
    """One way in which an image fails its prompt.

    `kind` is "count", "colour", "shape", "binding", "size", "relation" or "unreadable"; `severity` says how plain the
    failure is, 0 (borderline) to 1.
    """

    kind: str
    text: str
    severity: float


@dataclass(frozen=True)
class Judgement:
    """A verdict on one image.

    `score` runs from 0 (plainly wrong) to 1 (plainly right), and the image is accepted above 0.5; `unsure` is True near
    the middle. `seen` lists the objects, `reasons` is empty when the image is accepted.
    """

    score: float
    reasons: tuple[Reason, ...]
    seen: tuple[SeenObject, ...]

    @property
    def accepted(self) -> bool:
        """Whether the image shows what the prompt asks for."""
        return self.score > 0.5

    @property
    def unsure(self) -> bool:
        """Whether the verdict is close to the opposite one."""
        return self.ambiguity > 0.7

    @property
    def ambiguity(self) -> float:
        """Closeness of the verdict to the opposite one, 0 (plain) to 1."""
        return 1 - 2 * abs(self.score - 0.5)


def judge(image: npt.ArrayLike, prompt: str | Specification) -> Judgement:
    """Say whether an image shows exactly what a prompt asks for.

    Args:
        image: (64, 64, 3) uint8, or a PIL image of that size.
        prompt: A prompt of the miniature world, or its specification.

    Returns:
        The judgement with its reasons.

    Raises:
        BenchmarkError: When the image has another shape or the prompt isn't in the grammar.

    Example:
        >>> import numpy as np
        >>> from tia2.miniworld.grammar import parse
        >>> from tia2.miniworld.renderer import render
        >>> from tia2.miniworld.scenes import sample_scene
        >>> image = render(sample_scene(parse("two red circles"), np.random.default_rng(0)))
        >>> judge(image, "two red circles").accepted
        True
        >>> [reason.text for reason in judge(image, "three red circles").reasons]
        ['expected three red circles, saw 2']
    """
    return weigh(parse(prompt) if isinstance(prompt, str) else prompt, *see(image))


def weigh(spec: Specification, seen: tuple[SeenObject, ...], specks: int) -> Judgement:
    """Say whether what was seen in an image is exactly what a prompt asks for.

    Args:
        spec: The specification of the prompt.
        seen: The objects that `see` found.
        specks: The number of foreground pixels that belong to none of them.

    Returns:
        The judgement with its reasons.
    """
    reasons = _reasons(spec, seen)
    if reasons:
        return Judgement(0.5 - 0.5 * max(0.02, max(reason.severity for reason in reasons)), reasons, seen)
    clarity = min([item.clarity for item in seen] + [_size_margin(spec, seen), _relation_margin(spec, seen)])
    clarity *= 1 - min(specks / (2 * SMALLEST_OBJECT), 0.9)
    return Judgement(0.5 + 0.5 * max(0.02, clarity), (), seen)


def see(image: npt.ArrayLike) -> tuple[tuple[SeenObject, ...], int]:
    """Return the objects in an image, and the number of foreground pixels that belong to none.

    Args:
        image: (64, 64, 3) uint8, or a PIL image of that size.

    Returns:
        The objects from the largest down, and the count of speck pixels.

    Raises:
        BenchmarkError: When the image has another shape.
    """
    pixels = np.asarray(image)
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise BenchmarkError(
            f"The judge reads RGB images of {SIDE} x {SIDE} pixels (uint8), got shape {pixels.shape} and type "
            f"{pixels.dtype}: convert and resize first."
        )
    smooth = _denoise(pixels)
    hue = _hue_index(smooth)
    objects, specks = [], 0
    for index, (colour, box) in enumerate(zip(COLOURS, ndimage.find_objects(hue + 1, len(COLOURS)), strict=True)):
        if box is None:
            continue
        labels, _count = ndimage.label(hue[box] == index)
        for part, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
            mask = labels[rows, columns] == part
            area = int(mask.sum())
            if area >= SMALLEST_OBJECT:
                corner = (box[0].start + rows.start, box[1].start + columns.start)
                objects.append(_read_part(colour, mask, corner, area))
            elif area >= _SPECK:
                specks += area
    return tuple(sorted(objects, key=lambda item: -item.area)), specks


def _denoise(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Smooth only as much as the image is noisy: the spread of second differences on flat ground tells."""
    values = pixels / 255
    roughness = float(np.median(np.abs(values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]))) / 1.65
    width = 0.0 if roughness < 0.015 else 0.7 if roughness < 0.06 else 1.1
    return np.asarray(ndimage.gaussian_filter(values, (width, width, 0))) if width else values


def _hue_index(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return for each pixel the index of its colour, -1 for background."""
    pixels = values.reshape(-1, 3)
    codes = np.rint(pixels * 24).astype(np.int64) @ np.array([625, 25, 1])
    light = codes[_smallest(pixels) > 0.6]
    common = np.bincount(light if len(light) else codes).argmax()
    background = np.median(pixels[codes == common], axis=0)
    # What a pixel takes from each channel is the object's colour times its share of the pixel, on any background.
    shade = background - pixels
    chroma = -_smallest(-shade) - _smallest(shade)
    coloured = chroma > max(_CHROMA, 0.35 * float(np.quantile(chroma, 0.97)))
    reference = np.stack(_chroma_plane(background - _PALETTE))
    # The smallest angle has the largest cosine, which takes no angles to compare. Most pixels are background.
    cosines = np.stack(_chroma_plane(shade[coloured]), axis=-1) @ (reference / np.hypot(*reference))
    hue = np.full(len(pixels), -1, np.int64)
    hue[coloured] = cosines.argmax(axis=-1)
    return hue.reshape(values.shape[:2])


def _smallest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the smallest of three channels; NumPy's `min` is slow along an axis of three."""
    return np.minimum(np.minimum(values[:, 0], values[:, 1]), values[:, 2])


def _chroma_plane(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return red - (green + blue) / 2, np.sqrt(3) / 2 * (green - blue)


@lru_cache
def _templates() -> npt.NDArray[np.bool_]:
    """Return the four shapes filling a grid: (4, 24, 24)."""
    axis = (np.arange(_SHAPE_GRID) + 0.5) / _SHAPE_GRID * 2 - 1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([signed_distance(shape, x, y, 1.0) <= 0 for shape in SHAPES])


def _read_part(colour: str, mask: npt.NDArray[np.bool_], corner: tuple[int, int], area: int) -> SeenObject:
    height, width = mask.shape
    # With its edge repeated: np.pad does the same, and takes ten times as long for parts of this size.
    filled = mask[_edged(height)][:, _edged(width)].astype(float)
    grid = (np.arange(_SHAPE_GRID) + 0.5) / _SHAPE_GRID
    points = np.empty((2, _SHAPE_GRID, _SHAPE_GRID))
    points[0], points[1] = (grid * height + 0.5)[:, None], grid * width + 0.5
    scaled = ndimage.map_coordinates(filled, points, order=1) > 0.5
    templates = _templates()
    overlap = (templates & scaled).sum((1, 2)) / (templates | scaled).sum((1, 2))
    # A shape stretched to its box fits too well: what isn't about as high as wide is none of the four.
    overlap = overlap * min(1.0, 1.25 * min(height, width) / max(height, width))
    order = np.argsort(-overlap)
    top, left = corner
    return SeenObject(
        colour,
        SHAPES[order[0]],
        left + width / 2,
        top + height / 2,
        (height + width) / 4,
        area,
        float(overlap[order[0]]),
        float(overlap[order[0]] - overlap[order[1]]),
    )


def _edged(length: int) -> list[int]:
    return [0, *range(length), length - 1]


def _reasons(spec: Specification, seen: tuple[SeenObject, ...]) -> tuple[Reason, ...]:
    reasons: list[Reason] = []
    blurred = [item for item in seen if item.fit < READABLE]
    for item in blurred:
        severity = min((READABLE - item.fit) / 0.12, 1.0)
        reasons.append(Reason("unreadable", f"a {item.colour} part is no clear {item.shape}", severity))
    if len(seen) != spec.count:
        reasons.append(_count_reason(spec, seen))
    elif not blurred:
        reasons.extend(_identity_reasons(spec, seen))
        if not reasons:
            reasons.extend(_size_reasons(spec, seen))
            reasons.extend(_relation_reasons(spec, seen))
    return tuple(reasons)


def _count_reason(spec: Specification, seen: tuple[SeenObject, ...]) -> Reason:
    off = abs(len(seen) - spec.count)
    doubtful = min((item.clarity for item in seen), default=1.0)
    # One object more or less among many is easier to miss than among few.
    severity = 1.0 if off > 1 else max(0.1, (0.25 + 0.75 * doubtful) * (1 - 0.06 * max(spec.count, len(seen))))
    return Reason("count", f"expected {' and '.join(map(str, spec.groups))}, saw {len(seen)}", severity)


def _identity_reasons(spec: Specification, seen: tuple[SeenObject, ...]) -> list[Reason]:
    wanted = Counter({(group.colour, group.shape): 0 for group in spec.groups})
    for group in spec.groups:
        wanted[group.colour, group.shape] += group.count
    have = Counter((item.colour, item.shape) for item in seen)
    if wanted == have:
        return []
    surplus, missing = have - wanted, wanted - have
    clarity = min(item.clarity for item in seen if (item.colour, item.shape) in surplus)
    text = f"expected {_name(missing)}, saw {_name(surplus)}"
    colours_fit = Counter(c for c, _ in missing.elements()) == Counter(c for c, _ in surplus.elements())
    shapes_fit = Counter(s for _, s in missing.elements()) == Counter(s for _, s in surplus.elements())
    if colours_fit and shapes_fit:
        return [Reason("binding", text, 1.0)]
    if colours_fit:
        return [Reason("shape", text, max(0.1, clarity))]
    return [Reason("colour", text, 1.0 if shapes_fit else max(0.5, clarity))]


def _name(objects: Counter[tuple[str, str]]) -> str:
    return " and ".join(str(Group(min(count, 8), *key)) for key, count in sorted(objects.items()))


def _size_margin(spec: Specification, seen: tuple[SeenObject, ...]) -> float:
    size = spec.groups[0].size
    if size is None:
        return 1.0
    beyond = seen[0].radius - LARGE_FROM
    return _between(-1, (beyond if size == "large" else -beyond) / 2.5, 1)


def _size_reasons(spec: Specification, seen: tuple[SeenObject, ...]) -> list[Reason]:
    margin = _size_margin(spec, seen)
    if margin > 0:
        return []
    return [Reason("size", f"expected {spec}, saw one of radius {seen[0].radius:.0f} px", -margin)]


def _relation_margin(spec: Specification, seen: tuple[SeenObject, ...]) -> float:
    """Clearness with which the first object lies where the relation says: positive when it does, 1 when it is plain."""
    if spec.relation is None:
        return 1.0
    first, second = (
        next(item for item in seen if (item.colour, item.shape) == (group.colour, group.shape)) for group in spec.groups
    )
    dx, dy = second.x - first.x, second.y - first.y
    along, across = {"left of": (dx, dy), "right of": (-dx, dy), "above": (dy, dx), "below": (-dy, dx)}[spec.relation]
    return _between(-1, (along - abs(across)) / 6, 1)


def _between(low: float, value: float, high: float) -> float:
    return float(min(max(value, low), high))


def _relation_reasons(spec: Specification, seen: tuple[SeenObject, ...]) -> list[Reason]:
    margin = _relation_margin(spec, seen)
    if margin > 0:
        return []
    return [Reason("relation", f"expected {spec}, saw them placed otherwise", -margin)]
