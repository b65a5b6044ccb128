from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tia2.errors import BenchmarkError, UnknownNameError
from tia2.miniworld.assets import ASSETS, BENCHMARK, HALFWAY_UNET, PIPELINE, REWARD_NAMES, REWARDS
from tia2.miniworld.generator import load_pipeline, sample
from tia2.miniworld.judge import judge
from tia2.miniworld.prompts import benchmark_prompts

pytest.importorskip("diffusers")

MB = 1e6


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def accepted(images: np.ndarray, prompts: list[str]) -> float:
    return float(np.mean([judge(image, prompt).accepted for image, prompt in zip(images, prompts, strict=True)]))


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline()


def test_what_ships_keeps_to_its_sizes() -> None:
    assert size(PIPELINE) <= 12 * MB
    assert size(HALFWAY_UNET) <= 7 * MB
    assert BENCHMARK.stat().st_size <= 10 * MB
    assert all(size(REWARDS / name) <= 1 * MB for name in REWARD_NAMES)
    assert not list(ASSETS.rglob("*.bin"))


def test_the_library_loads_it_without_any_code_of_ours() -> None:
    from diffusers import StableDiffusionPipeline

    loaded = StableDiffusionPipeline.from_pretrained(PIPELINE)
    parts = {name: type(part).__name__ for name, part in loaded.components.items() if part is not None}
    assert parts == {
        "vae": "AutoencoderKL",
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel",
        "scheduler": "DDIMScheduler",
    }
    loaded.set_progress_bar_config(disable=True)
    image = loaded("a red circle", num_inference_steps=4, guidance_scale=3.0).images[0]
    assert image.size == (64, 64)


def test_the_same_seed_draws_the_same_image_in_any_company(pipeline) -> None:
    alone = sample(pipeline, ["a red circle"], [5], steps=4)
    together = sample(pipeline, ["a blue square", "a red circle"], [4, 5], steps=4)
    assert np.abs(alone[0].astype(int) - together[1].astype(int)).max() <= 1
    assert np.abs(together[0].astype(int) - together[1].astype(int)).max() > 50


@pytest.mark.slow
def test_guidance_helps(pipeline) -> None:
    prompts = benchmark_prompts()["composition"] * 2
    seeds = range(len(prompts))
    rates = [
        np.mean(
            [judge(i, p).accepted for i, p in zip(sample(pipeline, prompts, seeds, guidance=g), prompts, strict=True)]
        )
        for g in (1.0, 3.0)
    ]
    assert rates[1] > rates[0]


@pytest.mark.slow
def test_halfway_leaves_something_to_gain(pipeline) -> None:
    prompts = 3 * [prompt for group in benchmark_prompts().values() for prompt in group]
    halfway = load_pipeline(checkpoint="halfway")
    before, after = (accepted(sample(used, prompts, range(180)), prompts) for used in (halfway, pipeline))
    assert before < after - 0.04


def test_bad_requests_get_one_clear_line(pipeline, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'halfway'"):
        load_pipeline(checkpoint="half-way")
    with pytest.raises(BenchmarkError, match=r"model_index\.json"):
        load_pipeline(tmp_path)
    with pytest.raises(BenchmarkError, match="one seed for each"):
        sample(pipeline, ["a red circle"], [1, 2])
