from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from tia2.errors import BenchmarkError, UnknownNameError
from tia2.miniworld.assets import ASSETS, BENCHMARK, HALFWAY_UNET, PIPELINE, REWARD_NAMES, REWARDS
from tia2.miniworld.build import decode
from tia2.miniworld.generator import load_pipeline, sample
from tia2.miniworld.judge import judge

if TYPE_CHECKING:
    import pandas as pd

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


def shipped(subset: str | None = None, images_per_prompt: int = 2) -> pd.DataFrame:
    """The first images of each prompt of `mini`, which the final checkpoint drew with guidance, and their seeds.

    test_mini_benchmark.py draws images of `mini` again and compares, so that they need not be drawn here.
    """
    frame = pq.read_table(BENCHMARK, columns=["subset", "prompt", "image"]).to_pandas()
    frame["number"] = frame.groupby("prompt", sort=False).ngroup()
    frame["seed"] = 1000 * frame["number"] + frame.groupby("prompt").cumcount()
    frame = frame[frame["seed"] % 1000 < images_per_prompt]
    frame = frame if subset is None else frame[frame["subset"] == subset]
    pixels = np.stack([decode(image["bytes"]) for image in frame["image"]])
    frame["accepted"] = [judge(image, prompt).accepted for image, prompt in zip(pixels, frame["prompt"], strict=True)]
    return frame


@pytest.mark.slow
def test_guidance_helps(pipeline) -> None:
    frame = shipped("composition")
    prompts, seeds = frame["prompt"].tolist(), frame["seed"].tolist()
    assert frame["accepted"].mean() > accepted(sample(pipeline, prompts, seeds, guidance=1.0), prompts)


@pytest.mark.slow
def test_halfway_leaves_something_to_gain() -> None:
    frame = shipped(images_per_prompt=1)
    assert len(frame) == 60
    prompts, seeds = frame["prompt"].tolist(), frame["seed"].tolist()
    before = accepted(sample(load_pipeline(checkpoint="halfway"), prompts, seeds), prompts)
    assert before < frame["accepted"].mean() - 0.04


def test_bad_requests_get_one_clear_line(pipeline, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'halfway'"):
        load_pipeline(checkpoint="half-way")
    with pytest.raises(BenchmarkError, match=r"model_index\.json"):
        load_pipeline(tmp_path)
    with pytest.raises(BenchmarkError, match="one seed for each"):
        sample(pipeline, ["a red circle"], [1, 2])
