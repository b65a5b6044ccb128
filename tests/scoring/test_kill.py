"""`tia2 score`, killed at ten random moments and started again each time, ends with the table of a run left alone."""

from __future__ import annotations

import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import datasets
import numpy as np
import pytest

from tia2.scoring import Manifest, ScoreTable

KILLS = 10
ITEMS, SHARDS = 1300, 6

REWARD = """
import time
import numpy as np
from tia2.rewards import DualEncoder

class Slow(DualEncoder):
    def embed_images(self, prepared):
        time.sleep(0.05)
        return np.array([np.asarray(image, dtype=float).mean((0, 1)) for image in prepared])
    def embed_texts(self, texts):
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts])
"""


@pytest.fixture(scope="module")
def score(fork, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    (folder / "slow.py").write_text(REWARD)
    many = [rows[number % len(rows)] | {"item_id": f"counting/image_{number}"} for number in range(ITEMS)]
    features = datasets.Dataset.from_list(rows).features | {"image": datasets.Image()}
    datasets.Dataset.from_list(many, features=datasets.Features(features)).to_parquet(folder / "many.parquet")

    def start(out: Path) -> BaseProcess:
        words = ("--reward", f"{folder / 'slow.py'}:Slow", "--benchmark", folder / "many.parquet", "--out", out)
        return fork("score", *words).process

    return start


def complete(process: BaseProcess) -> None:
    process.join()
    assert process.exitcode == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def facts(folder: Path) -> Manifest:
    return Manifest.read(folder / "manifest.json").model_copy(update={"created": ""})


@pytest.mark.slow
def test_ten_kills_change_nothing(score, tmp_path):
    whole = tmp_path / "whole"
    began = time.monotonic()
    complete(score(whole))
    longest = time.monotonic() - began
    moments = random.Random(0)
    kills, number, shards_at_kills = 0, 0, []
    while kills < KILLS:
        out = tmp_path / f"killed-{number}"
        process = score(out)
        time.sleep(moments.uniform(0.2, 0.9) * longest)
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            shards_at_kills.append(len(list(out.glob("shards/*.parquet"))))
        else:
            assert process.exitcode == 0
            assert contents(out) == contents(whole)
            number += 1
    out = tmp_path / f"killed-{number}"
    complete(score(out))
    assert contents(out) == contents(whole)
    assert facts(out) == facts(whole)
    assert ScoreTable.load(out).rewards.tobytes() == ScoreTable.load(whole).rewards.tobytes()
    assert np.isfinite(ScoreTable.load(out).raw).all()
    assert any(0 < shards < SHARDS for shards in shards_at_kills), shards_at_kills
