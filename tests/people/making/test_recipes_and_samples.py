"""Prompts by recipe against TIA2's own, doubts about them, and images that can be added to."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tia2.errors import StudyError, Tia2Error
from tia2.people.making import sampling
from tia2.people.making.recipes import OBJECTS, RecipePrompt, doubts, recipe_prompts
from tia2.people.making.sampling import SampleSettings, sample_prompts
from tia2.people.sources import items_of
from tia2.people.store.question import StudyQuestion
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study


@pytest.mark.parametrize("kind", ["counting", "composition"])
def test_the_recipe_is_that_of_the_released_prompts(tia2_dir, kind):
    released = json.loads((tia2_dir / "prompts" / f"prompt_set_{kind}.json").read_text())
    made = {prompt.prompt for prompt in recipe_prompts(kind)}
    assert len(OBJECTS) == 25
    assert len(made) == len(released)
    assert made == set(released)


def test_comprehensive_prompts_fill_every_template_and_are_those_of_the_seed():
    texts = [
        prompt.prompt for prompt in recipe_prompts("comprehensive", ["cat", "ox", "sheep"], templates=["{two} by {b}"])
    ]
    assert all(text.startswith("two ") for text in texts)
    assert texts == [
        p.prompt for p in recipe_prompts("comprehensive", ["cat", "ox", "sheep"], templates=["{two} by {b}"])
    ]
    assert len(recipe_prompts("counting", most=7)) == 7


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("counting", {"objects": []}, "need an object"),
        ("composition", {"objects": ["cat"]}, "need two objects"),
        ("counting", {"numbers": [0]}, "numbers from 1"),
        ("comprehensive", {"templates": ["{nothing}"]}, "can't be filled"),
        ("comprehensive", {"templates": ["{a.__class__.__mro__}"]}, "can't be filled"),
        ("everything", {}, "Expected counting"),
    ],
)
def test_recipes_that_are_none(kind, options, complaint):
    with pytest.raises(StudyError, match=complaint):
        recipe_prompts(kind, **options)


def test_near_duplicates_paraphrases_and_leaks_are_named():
    prompts = [
        RecipePrompt("a red cat", "x", ("A red cat.", "a blue cat")),
        RecipePrompt("the red cat", "x", ()),
        RecipePrompt("a blue cat", "x", ()),
    ]
    assert [doubt.kind for doubt in doubts(prompts)] == ["near-duplicate", "paraphrase", "leak"]
    assert doubts(prompts[2:]) == []


@pytest.fixture
def drawn(monkeypatch):
    """A pipeline that draws a colour per seed, has memory for three images, and remembers what it was asked."""
    asked = []

    def drawing(source, settings, device):
        def draw(prompts, seeds):
            if len(prompts) > 3:
                raise RuntimeError("CUDA out of memory.")
            asked.extend(zip(prompts, seeds, strict=True))
            pixels = np.random.default_rng(0).integers(0, 255, (len(prompts), 8, 8, 3), dtype=np.uint8)
            pixels[np.array(seeds) == 1] = 7
            return pixels

        return draw

    monkeypatch.setattr(sampling, "_drawing", drawing)
    return asked


def test_samples_resume_are_added_to_and_are_looked_at(drawn, tmp_path):
    prompts = [{"prompt": "a red circle", "subset": "counting", "prompt_id": "counting/0"}, {"prompt": "a blue cross"}]
    first = sample_prompts(prompts, tmp_path / "out", images=2, settings=SampleSettings(batch=8))
    assert len(drawn) == 4
    assert [path.name for path in first.blank] == ["a-red-circle_000001.png", "a-blue-cross_000001.png"]
    assert first.duplicates
    first.files[0].unlink()
    sample_prompts(prompts, tmp_path / "out", images=3, settings=SampleSettings(batch=8))
    assert drawn[4:] == [("a red circle", 0), ("a red circle", 2), ("a blue cross", 2)]
    with Image.open(tmp_path / "out" / "a-red-circle_000002.png") as image:
        assert (image.info["prompt"], image.info["seed"]) == ("a red circle", "2")
    with pytest.raises(Tia2Error, match="sampled in another way"):
        sample_prompts(prompts, tmp_path / "out", images=2, settings=SampleSettings(steps=99))
    items = items_of(tmp_path / "out", StudyQuestion())
    assert len(items) == 6
    red = next(item for item in items if item.prompt == "a red circle")
    assert (red.facts["subset"], red.facts["prompt_id"]) == ("counting", "counting/0")


def test_an_image_that_is_too_large_for_memory_is_said_in_one_line(monkeypatch, tmp_path):
    def drawing(source, settings, device):
        def draw(prompts, seeds):
            raise RuntimeError("CUDA out of memory.")

        return draw

    monkeypatch.setattr(sampling, "_drawing", drawing)
    with pytest.raises(StudyError, match="more memory"):
        sample_prompts([{"prompt": "a"}], tmp_path / "out")


def test_any_pipeline_of_diffusers_draws_from_its_folder(cli, tmp_path):
    pytest.importorskip("diffusers", reason="sampling needs diffusers: pip install 'tia2[finetune]'")
    from tia2.miniworld.generator import load_pipeline
    from tia2.miniworld.generator import sample as sample_mini

    pipeline = load_pipeline()
    pipeline.save_pretrained(tmp_path / "mine")
    (tmp_path / "prompts.txt").write_text("two red circles\n")
    words = ["--model", tmp_path / "mine", "--n", 2, "--seed", 5, "--steps", 3, "--device", "cpu"]
    said = cli("people", "sample", tmp_path / "prompts.txt", tmp_path / "out", *words)
    assert (said.code, "2 images" in said.out) == (0, True), said.err
    expected = sample_mini(pipeline, ["two red circles"] * 2, [5, 6], steps=3, guidance=SampleSettings().guidance)
    for number, pixels in zip((5, 6), expected, strict=True):
        with Image.open(tmp_path / "out" / f"two-red-circles_{number:06d}.png") as image:
            assert np.array_equal(np.asarray(image), pixels)
            assert image.info["seed"] == str(number)
    (tmp_path / "mine" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"cut short")
    broken = cli("people", "sample", tmp_path / "prompts.txt", tmp_path / "other", *words)
    assert broken.code == 1
    assert "can't be loaded" in broken.err
    assert len(broken.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("a,b\n1,2\n", "needs a column prompt"), ("image,prompt\nx.png,\n", None), ("", None)],
)
def test_tables_that_are_none(tmp_path, content, complaint):
    (tmp_path / "t.csv").write_text(content)

    def make():
        Study.create(tmp_path / "s", StudySettings(name="x"), items_of(tmp_path / "t.csv", StudyQuestion()))

    with pytest.raises(Tia2Error, match=complaint) as raised:
        make()
    assert len(str(raised.value).splitlines()) == 1
