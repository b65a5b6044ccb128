"""The recipes run end to end at a five-thousandth of their size, and what they write loads where it is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("diffusers")

import tia2
from tia2.commands.miniworld import app
from tia2.errors import BenchmarkError, UnknownNameError
from tia2.miniworld.generator import load_pipeline, sample
from tia2.miniworld.training import recipes

SCALE = 0.0002


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("miniworld")
    done = CliRunner().invoke(app, ["train", "all", "--out", str(out), "--scale", str(SCALE)])
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
def test_the_generator_loads_and_samples(trained: Path) -> None:
    assert sample(load_pipeline(trained / "sd"), ["a red circle"], [0], steps=2).shape == (1, 64, 64, 3)
    assert (trained / "sd-halfway" / "diffusion_pytorch_model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*recipes.CLIP_RECIPES, "mini-vivid"])
def test_every_reward_model_loads_as_any_clip(trained: Path, name: str) -> None:
    from transformers import CLIPModel

    folder = trained / "rewards" / name
    assert CLIPModel.from_pretrained(folder).dtype.is_floating_point
    assert tia2.load_reward(f"clip:{folder}").card.default_temperature == recipes.DEFAULT_TEMPERATURE


@pytest.mark.slow
def test_a_finished_recipe_gives_the_same_weights_when_run_again(trained: Path) -> None:
    weights = trained / "rewards" / "mini-web" / "model.safetensors"
    before = weights.read_bytes()
    recipes.train("mini-web", recipes.RecipeRun(trained, scale=SCALE))
    assert weights.read_bytes() == before
    (trained / "training" / "mini-web.pt").unlink()
    recipes.train("mini-web", recipes.RecipeRun(trained, scale=SCALE))
    assert weights.read_bytes() == before


def test_a_recipe_out_of_order_names_the_one_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="run `tia2 miniworld train vae-decoder` first"):
        recipes.train("mini-web", recipes.RecipeRun(tmp_path))


def test_an_unknown_recipe_is_corrected(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mini-strong'"):
        recipes.train("mini-stron", recipes.RecipeRun(tmp_path))
