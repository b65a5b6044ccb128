from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def small_benchmark(tmp_path_factory) -> Path:
    """Two subsets, three prompts each, eight grey images a prompt; people call the bright half aligned."""
    from datasets import Dataset, Features, List, Value
    from datasets import Image as ImageFeature

    rows = []
    for subset in ("counting", "composition"):
        for prompt in range(3):
            for number in range(8):
                file = io.BytesIO()
                Image.new("L", (16, 16), 20 + 28 * number).save(file, "PNG")
                rows.append(
                    {
                        "item_id": f"{subset}/image_{prompt}_{number}",
                        "subset": subset,
                        "prompt_id": f"{subset}/{prompt}",
                        "prompt": f"{subset} prompt {prompt}",
                        "image": {"bytes": file.getvalue(), "path": None},
                        "votes": [
                            int(number >= 4),
                            int(number >= 4 + prompt - 1),
                            -1 if number == 3 else int(number >= 4),
                        ],
                        "contrastive_prompts": [f"{subset} prompt {prompt} or not"],
                    }
                )
    texts = ("item_id", "subset", "prompt_id", "prompt")
    features = Features(
        {
            **{name: Value("string") for name in texts},
            "image": ImageFeature(),
            "votes": List(Value("int8")),
            "contrastive_prompts": List(Value("string")),
        }
    )
    path = tmp_path_factory.mktemp("benchmark") / "small.parquet"
    Dataset.from_list(rows, features=features).to_parquet(path)
    return path


REWARDS = """
import time
import numpy as np

def bright(images, texts):
    return [float(np.asarray(image).mean()) for image in images]

def dark(images, texts):
    return [-float(np.asarray(image).mean()) for image in images]

def slow(images, texts):
    time.sleep(0.05 * len(images))
    return bright(images, texts)

def broken(images, texts):
    return [float("nan")] * len(images)
"""


@pytest.fixture(scope="session")
def reward_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rewards") / "rewards.py"
    path.write_text(REWARDS, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tables(small_benchmark, reward_file, tmp_path_factory) -> dict[str, Path]:
    """Score tables of a reward that agrees with people and of its opposite."""
    import tia2

    folder = tmp_path_factory.mktemp("tables")
    for name in ("bright", "dark"):
        tia2.score(f"{reward_file}:{name}", small_benchmark, folder / name)
    return {name: folder / name for name in ("bright", "dark")}
