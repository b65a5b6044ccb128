from __future__ import annotations

import itertools

import numpy as np
import pytest

from tia2.miniworld.grammar import SHAPES, parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import SIDE, Scene, SceneObject, random_specification, sample_scene

AREA = {"circle": np.pi, "square": 4.0, "triangle": 2.0, "cross": 4 * (2 * 0.36 - 0.36**2)}
"""Of each shape with radius 1, from elementary geometry."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_drawn_shape_has_its_area_and_centre_of_mass(shape: str) -> None:
    scene = Scene((SceneObject(shape, "blue", 30.3, 33.6, 17.0, (0.0, 0.0, 0.0)),), (1.0, 1.0, 1.0))
    ink = 1 - render(scene)[..., 0] / 255
    assert ink.sum() == pytest.approx(AREA[shape] * 17.0**2, rel=0.02)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    assert (ink * columns).sum() / ink.sum() == pytest.approx(30.3, abs=0.1)
    low = {"triangle": 17.0 / 3}.get(shape, 0.0)
    assert (ink * rows).sum() / ink.sum() == pytest.approx(33.6 + low, abs=0.15)


def test_scenes_hold_what_was_asked_for_apart_and_inside() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        spec = random_specification(rng)
        scene = sample_scene(spec, rng)
        wanted = [(group.colour, group.shape) for group in spec.groups for _ in range(group.count)]
        assert [(item.colour, item.shape) for item in scene.objects] == wanted
        for item in scene.objects:
            assert item.radius <= min(item.x, item.y, SIDE - item.x, SIDE - item.y)
        for a, b in itertools.combinations(scene.objects, 2):
            assert max(abs(a.x - b.x), abs(a.y - b.y)) > (a.radius + b.radius) / np.sqrt(2)


@pytest.mark.parametrize(
    ("relation", "axis", "sign"), [("left of", "x", -1), ("right of", "x", 1), ("above", "y", -1), ("below", "y", 1)]
)
def test_relations_hold_in_sampled_scenes(relation: str, axis: str, sign: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        first, second = sample_scene(parse(f"a red circle {relation} a blue square"), rng).objects
        assert sign * (getattr(first, axis) - getattr(second, axis)) > 0


def test_the_same_seed_draws_the_same_picture_and_another_does_not() -> None:
    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return render(sample_scene(parse("three green triangles"), rng), rng, wobble=1.0, noise=0.05)

    assert (draw(1) == draw(1)).all()
    assert (draw(1) != draw(2)).any()


def test_vividness_makes_colours_stronger() -> None:
    def chroma(vividness: float) -> float:
        image = render(sample_scene(parse("a large red circle"), np.random.default_rng(0), vividness))
        return float(np.ptp(image.astype(float), axis=-1).max())

    assert chroma(1.0) > chroma(0.75) > chroma(0.55)
