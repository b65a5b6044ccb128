"""Scenes: which objects lie where. Sampling one that a prompt describes is pure geometry and a seeded generator."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tia2.miniworld.grammar import COLOURS, RELATIONS, SHAPES, SIZES, Group, Specification

SIDE = 64
"""Width and height of every image of the miniature world, in pixels."""

SIZE_RADII = {"small": (7.5, 10.0), "large": (16.5, 22.0)}
LARGE_FROM = 13.25
"""Radius in pixels from which an object counts as large: midway between the largest small and smallest large one."""

_GAP = 2.5
_MAX_RADIUS = (20.0, 14.5, 12.5, 11.5, 9.8, 9.4, 8.8, 8.6)
_MIN_RADIUS = (8.5, 8.5, 8.2, 8.0, 8.0, 8.0, 7.8, 7.8)


@dataclass(frozen=True)
class SceneObject:
    """One object: centre (x to the right, y down) and radius in pixels; `rgb` is its exact colour, 0 to 1."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    rgb: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """Objects that don't touch, on a light plain background (`rgb`, 0 to 1)."""

    objects: tuple[SceneObject, ...]
    background: tuple[float, float, float]


def sample_scene(spec: Specification, rng: np.random.Generator, vividness: float | None = None) -> Scene:
    """Return a random scene that shows exactly what a specification asks for.

    Args:
        spec: The specification that the scene must show.
        rng: Source of all randomness.
        vividness: Colour strength, from 0.55 (pale) to 1 (pure); drawn uniformly when not given.

    Returns:
        The scene, its objects at least 2.5 px apart and inside the image.
    """
    groups = [group for group in spec.groups for _ in range(group.count)]
    while True:
        radii = _radii(groups, rng)
        centres = _relation_centres(spec.relation, radii, rng) if spec.relation else _centres(radii, rng)
        if centres is not None:
            break
    strength = rng.uniform(0.55, 1.0) if vividness is None else vividness
    tint = rng.uniform(0.82, 1.0) - rng.uniform(0.0, 0.06, size=3)
    objects = [
        SceneObject(group.shape, group.colour, float(x), float(y), float(radius), _tone(group.colour, strength, rng))
        for group, (x, y), radius in zip(groups, centres, radii, strict=True)
    ]
    return Scene(tuple(objects), (float(tint[0]), float(tint[1]), float(tint[2])))


def random_specification(rng: np.random.Generator, max_count: int = 8) -> Specification:
    """Return a random specification over the whole grammar, as training data wants it.

    Args:
        rng: Source of all randomness.
        max_count: The largest number of equal objects.

    Returns:
        A single object, a count, a pair, or a relation.
    """
    kind = rng.choice(4, p=[0.16, 0.34, 0.27, 0.23])
    first = Group(1, _pick(rng, COLOURS), _pick(rng, SHAPES))
    if kind == 0:
        size = _pick(rng, SIZES) if rng.random() < 0.65 else None
        return Specification((Group(1, first.colour, first.shape, size),))
    if kind == 1:
        return Specification((Group(int(rng.integers(1, max_count + 1)), first.colour, first.shape),))
    colour = _pick(rng, [name for name in COLOURS if name != first.colour])
    second = Group(1, colour, _pick(rng, SHAPES))
    if kind == 3:
        return Specification((first, second), _pick(rng, RELATIONS))
    if rng.random() < 0.12:
        doubled = Group(2, first.colour, first.shape)
        return Specification((doubled, second) if rng.random() < 0.5 else (second, doubled))
    return Specification((first, second))


def _pick(rng: np.random.Generator, names: dict[str, tuple[int, int, int]] | tuple[str, ...] | list[str]) -> str:
    return list(names)[int(rng.integers(len(names)))]


def _tone(colour: str, strength: float, rng: np.random.Generator) -> tuple[float, float, float]:
    base = np.asarray(COLOURS[colour]) / 255 + rng.normal(0, 0.02, size=3)
    red, green, blue = np.clip(strength * base + (1 - strength), 0, 1)
    return float(red), float(green), float(blue)


def _radii(groups: list[Group], rng: np.random.Generator) -> list[float]:
    count = len(groups)
    shared = rng.uniform(_MIN_RADIUS[count - 1], _MAX_RADIUS[count - 1])
    radii = []
    for group in groups:
        if group.size:
            radii.append(float(rng.uniform(*SIZE_RADII[group.size])))
        else:
            radii.append(float(np.clip(shared * rng.uniform(0.9, 1.1), _MIN_RADIUS[count - 1], _MAX_RADIUS[count - 1])))
    return radii


def _apart(centres: list[tuple[float, float]], radii: list[float]) -> bool:
    return all(
        max(abs(ax - bx), abs(ay - by)) > ra + rb + _GAP or np.hypot(ax - bx, ay - by) > (ra + rb) * 1.28 + _GAP
        for ((ax, ay), ra), ((bx, by), rb) in itertools.combinations(zip(centres, radii, strict=True), 2)
    )


def _centres(radii: list[float], rng: np.random.Generator) -> list[tuple[float, float]] | None:
    for _ in range(40):
        centres = [
            (rng.uniform(radius + 1, SIDE - 1 - radius), rng.uniform(radius + 1, SIDE - 1 - radius)) for radius in radii
        ]
        if _apart(centres, radii):
            return centres
    if len(radii) < 4:
        return None
    columns = 2 if len(radii) == 4 else 3
    cell = SIDE / columns
    slots = rng.permutation(columns * columns)[: len(radii)]
    grid = []
    for slot, radius in zip(slots, radii, strict=True):
        room = max(cell / 2 - radius - _GAP / 2, 0)
        row, column = divmod(int(slot), columns)
        grid.append(((column + 0.5) * cell + rng.uniform(-room, room), (row + 0.5) * cell + rng.uniform(-room, room)))
    return grid if _apart(grid, radii) else None


def _relation_centres(relation: str, radii: list[float], rng: np.random.Generator) -> list[tuple[float, float]] | None:
    """Place two objects apart along the relation's axis, and nearly level across it."""
    for _ in range(40):
        along = sorted(rng.uniform(min(radii) + 1, SIDE - 1 - min(radii), size=2))
        across = rng.uniform(max(radii) + 1, SIDE - 1 - max(radii), size=2)
        if relation in ("right of", "below"):
            along = along[::-1]
        axes = (along, across) if relation in ("left of", "right of") else (across, along)
        centres = [(float(axes[0][i]), float(axes[1][i])) for i in range(2)]
        inside = all(
            r + 1 <= value <= SIDE - 1 - r for centre, r in zip(centres, radii, strict=True) for value in centre
        )
        if inside and abs(along[0] - along[1]) > 1.6 * abs(across[0] - across[1]) and _apart(centres, radii):
            return centres
    return None
