"""Folders of three models: gradients on the same prompts and seeds, the better the brighter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

BRIGHTNESS = {"dim": 90, "middle": 110, "bright": 150}


def write_image(path: Path, prompt: str, seed: int, brightness: float) -> None:
    rng = np.random.default_rng([seed, len(prompt)])
    slope = np.linspace(0, 60, 16)[:, None, None] + np.zeros((16, 16, 3))
    image = np.clip(brightness + slope + 15 * rng.normal(), 0, 255).astype(np.uint8)
    facts = PngInfo()
    facts.add_itxt("prompt", prompt)
    facts.add_itxt("seed", str(seed))
    facts.add_itxt("source", f"secret {path.parent.name}")
    Image.fromarray(image).save(path, pnginfo=facts)


@pytest.fixture(scope="session")
def samples(tmp_path_factory) -> dict[str, Path]:
    """Sixteen prompts with four seeds of each model."""
    home = tmp_path_factory.mktemp("samples")
    for name, brightness in BRIGHTNESS.items():
        (home / name).mkdir()
        for number in range(16):
            for seed in range(4):
                write_image(home / name / f"{name}_{number}_{seed}.png", f"prompt {number:02}", seed, brightness)
    return {name: home / name for name in BRIGHTNESS}
