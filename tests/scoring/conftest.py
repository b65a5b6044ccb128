"""A small benchmark and small reward models."""

from __future__ import annotations

import io
import runpy
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from tia2.benchmark import Benchmark, load
from tia2.rewards.families.clip.clip import ClipReward

build = runpy.run_path(str(Path(__file__).parents[1] / "tiny_clip.py"))["build"]
HUES = ("red", "cyan", "blue", "green")


def _png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (36, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def rows() -> list[dict]:
    """Four prompts with five images each; ragged contrastive prompts with duplicates and the prompt itself."""
    made = []
    for place, hue in enumerate(HUES):
        contrastive = [f"{count} {hue} stars" for count in ("two", "three", "two", "four")[: place + 1]]
        contrastive += [f"a {hue} star"] * (place == 2)
        made += [
            {
                "item_id": f"counting/image_{place}_0_{number}",
                "subset": "counting",
                "prompt_id": f"counting/{place}",
                "prompt": f"a {hue} star",
                "image": {"bytes": _png(10 * place + number), "path": None},
                "votes": [1, 0, -1],
                "human_score": 0.5,
                "label": False,
                "contrastive_prompts": contrastive if place else [],
            }
            for number in range(5)
        ]
    return made


@pytest.fixture(scope="session")
def make_benchmark() -> Callable[[list[dict]], Benchmark]:
    text, votes = datasets.Value("string"), datasets.List(datasets.Value("int8"))
    features = datasets.Features(
        dict.fromkeys(("item_id", "subset", "prompt_id", "prompt"), text)
        | {"image": datasets.Image(), "votes": votes, "human_score": datasets.Value("float64")}
        | {"label": datasets.Value("bool"), "contrastive_prompts": datasets.List(text)}
    )

    def make(rows: list[dict]) -> Benchmark:
        return load(datasets.Dataset.from_list(rows, features=features))

    return make


@pytest.fixture(scope="session")
def benchmark_(make_benchmark, rows) -> Benchmark:
    return make_benchmark(rows)


@pytest.fixture(scope="session")
def benchmark_file(benchmark_, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "small.parquet"
    benchmark_.dataset.to_parquet(path)
    return path


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="session")
def clip(clip_folder) -> ClipReward:
    return ClipReward(clip_folder, device="cpu")


@pytest.fixture
def red() -> Callable:
    """A function as a reward: mean of the red channel times the number of letters."""

    def red_times_letters(images, texts):
        return [np.asarray(image)[..., 0].mean() * len(text) for image, text in zip(images, texts, strict=True)]

    return red_times_letters
