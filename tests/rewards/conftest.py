"""Fixtures of the reward models' tests."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tia2.rewards.families.clip.clip import ClipReward

build = runpy.run_path(str(Path(__file__).parents[1] / "tiny_clip.py"))["build"]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> ClipReward:
    return ClipReward(clip_folder, device="cpu")


@pytest.fixture
def clip_copy(clip_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(clip_folder, tmp_path / "tiny"))


@pytest.fixture
def noise() -> Callable[..., Image.Image]:
    def make(seed: int = 0, size: tuple[int, int] = (40, 50), mode: str = "RGB") -> Image.Image:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        return Image.fromarray(pixels).convert(mode)

    return make


@pytest.fixture(scope="session")
def goldens() -> Path:
    """Tiny random weights, images, prompts, and the scores that the authors' code gave for them."""
    return Path(__file__).parent / "goldens"


@pytest.fixture(scope="session")
def golden_images(goldens: Path) -> Callable[[Sequence[str]], list[Image.Image]]:
    """The images of these file names, converted to RGB."""

    def load(names: Sequence[str]) -> list[Image.Image]:
        return [Image.open(goldens / "common" / "images" / name).convert("RGB") for name in names]

    return load


@pytest.fixture(scope="session")
def golden_prompts(goldens: Path) -> list[str]:
    return [prompt["text"] for prompt in json.loads((goldens / "common" / "prompts.json").read_text(encoding="utf-8"))]


@pytest.fixture
def across_then_down(monkeypatch):
    """The order in which Pillow up to 12 resizes, on every Pillow."""

    def resize(image, size, resample=None, **_):
        return whole(whole(image, (size[0], image.height), resample), size, resample)

    whole = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", resize)
