from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tia2.errors import BenchmarkError
from tia2.miniworld.annotators import ANNOTATORS, votes
from tia2.miniworld.grammar import Specification, contrastive_prompts, parse
from tia2.miniworld.judge import Judgement, judge, see, weigh
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import random_specification, sample_scene


def category(spec: Specification) -> str:
    if spec.relation:
        return "relation"
    if len(spec.groups) == 2:
        return "composition"
    return "counting" if spec.count > 1 else "single"


def acceptance(images: int, *, noise: float = 0.0, wobble: float = 0.0) -> dict[str, float]:
    """Share of renderings that the judge accepts, by category."""
    rng = np.random.default_rng(11)
    verdicts: dict[str, list[bool]] = {}
    for _ in range(images):
        spec = random_specification(rng)
        image = render(sample_scene(spec, rng), rng, noise=noise, wobble=wobble)
        verdicts.setdefault(category(spec), []).append(judge(image, spec).accepted)
    return {name: float(np.mean(given)) for name, given in verdicts.items()}


def test_clean_renderings_are_accepted_in_every_category() -> None:
    assert min(acceptance(1200).values()) >= 0.99


@pytest.mark.parametrize(("noise", "floor"), [(0.05, 0.97), (0.1, 0.9), (0.2, 0.65)])
def test_noise_costs_what_the_documentation_says(noise: float, floor: float) -> None:
    assert min(acceptance(300, noise=noise).values()) >= floor


def test_bent_outlines_are_still_read() -> None:
    assert min(acceptance(400, wobble=0.8).values()) >= 0.95


def test_contrastive_prompts_are_refused() -> None:
    rng = np.random.default_rng(12)
    wrong = []
    for _ in range(300):
        spec = random_specification(rng)
        image = render(sample_scene(spec, rng))
        # The two halves of `judge`: what is in an image doesn't depend on the prompt.
        seen = see(image)
        wrong += [weigh(parse(edit), *seen).accepted for edit in contrastive_prompts(str(spec))]
    assert judge(image, str(spec)) == weigh(spec, *seen)
    assert len(wrong) > 2000
    assert np.mean(wrong) <= 0.01


@pytest.mark.parametrize(
    ("shown", "prompt", "kind"),
    [
        ("two red circles", "three red circles", "count"),
        ("a red circle", "a blue circle", "colour"),
        ("a red circle", "a red cross", "shape"),
        ("a red circle and a blue square", "a blue circle and a red square", "binding"),
        ("a large red circle", "a small red circle", "size"),
        ("a red circle above a blue square", "a red circle below a blue square", "relation"),
    ],
)
def test_the_reason_names_what_is_wrong(shown: str, prompt: str, kind: str) -> None:
    image = render(sample_scene(parse(shown), np.random.default_rng(4)))
    verdict = judge(image, prompt)
    assert not verdict.accepted
    assert [reason.kind for reason in verdict.reasons] == [kind]
    assert judge(image, shown).reasons == ()


def test_merged_objects_are_unreadable_or_miscounted() -> None:
    image = np.full((64, 64, 3), 240, np.uint8)
    image[10:40, 10:20] = image[30:40, 10:50] = (222, 38, 38)
    verdict = judge(image, "a red square")
    assert not verdict.accepted
    assert {reason.kind for reason in verdict.reasons} & {"unreadable", "shape"}


@pytest.mark.parametrize(
    "image",
    [
        np.full((64, 64, 3), 255, np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8),
    ],
    ids=["white", "black", "noise"],
)
def test_any_image_gets_a_verdict(image: np.ndarray) -> None:
    assert not judge(image, "two red circles").accepted


def test_a_pil_image_is_read_like_its_pixels() -> None:
    pixels = render(sample_scene(parse("two cyan crosses"), np.random.default_rng(0)))
    assert judge(Image.fromarray(pixels), "two cyan crosses") == judge(pixels, "two cyan crosses")


@pytest.mark.parametrize(
    "image", [np.zeros((32, 32, 3), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3))]
)
def test_other_shapes_and_types_are_refused(image: np.ndarray) -> None:
    with pytest.raises(BenchmarkError, match="64 x 64 pixels"):
        judge(image, "a red circle")


def verdict(score: float) -> Judgement:
    return Judgement(score, (), ())


def rates(score: float) -> np.ndarray:
    """Share of wrong and of unsure votes of each annotator, (2, 3)."""
    rng = np.random.default_rng(8)
    given = np.array([votes(verdict(score), rng) for _ in range(20_000)])
    right = int(score > 0.5)
    return np.stack([(given == 1 - right).mean(0), (given == -1).mean(0)])


@pytest.mark.parametrize("score", [1.0, 0.0])
def test_plain_images_get_the_stated_rates(score: float) -> None:
    stated = np.array([[a.error * (1 - a.unsure) for a in ANNOTATORS], [a.unsure for a in ANNOTATORS]])
    np.testing.assert_allclose(rates(score), stated, atol=0.01)


def test_ambiguous_images_get_more_wrong_and_more_unsure_votes() -> None:
    assert (rates(0.55) > rates(0.95)).all()
    assert (rates(0.45) > rates(0.05)).all()
