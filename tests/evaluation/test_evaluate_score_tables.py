"""Evaluation of what scoring really writes."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

import tia2
from tia2.errors import ResultError, Tia2Error


def brightness(images, texts):
    return [float(np.asarray(image).mean()) for image in images]


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    rows = []
    for subset in ("counting", "composition"):
        for prompt in range(3):
            for item in range(6):
                votes = [1, int(item > 2), int(rng.integers(0, 2))] if item else [0, 0, -1]
                rows.append(
                    {
                        "item_id": f"{subset}/image_{prompt}_0_{item}",
                        "subset": subset,
                        "prompt_id": f"{subset}/{prompt}",
                        "prompt": f"{prompt} cats",
                        "image": Image.new("RGB", (4, 4), (20 * item + int(rng.integers(0, 50)),) * 3),
                        "votes": votes,
                        "contrastive_prompts": ["no cats", f"{prompt + 1} cats"],
                    }
                )
    return Dataset.from_list(rows)


def test_table_folder_and_reward_give_the_same_result(dataset, tmp_path):
    table = tia2.score(brightness, dataset, tmp_path / "table")
    results = [
        tia2.evaluate(table, resamples=100),
        tia2.evaluate(tmp_path / "table", resamples=100),
        tia2.evaluate(str(tmp_path / "table"), resamples=100),
        tia2.evaluate(tia2.score(brightness, dataset), resamples=100),
    ]
    assert len({result.model_dump_json() for result in results}) == 1
    result = results[0]
    assert result.entry.rewards[0].fingerprint == table.manifest.reward.fingerprint
    assert result.benchmark.images_fingerprint == table.manifest.images_fingerprint
    assert result.benchmark.items == result.overall.items == 36
    assert result.overall.metrics["auroc"].mean > 0.6


def test_calibration_sees_every_reward(dataset):
    def margin(table):
        return table.raw - np.nanmean(table.rewards[:, 1:], axis=1)

    result = tia2.evaluate(tia2.score(brightness, dataset), calibration=margin, resamples=100)
    assert result.entry.calibration == "margin"
    assert result.overall.prompts_constant == result.overall.prompts_used == 6
    assert result.overall.metrics["kendall"].mean == 0.0


def test_what_is_refused(dataset, tmp_path):
    table = tia2.score(brightness, dataset)
    with pytest.raises(ResultError, match=r"Expected a calibration, got Dataset\. A reward model is scored first"):
        tia2.evaluate(table, dataset)
    with pytest.raises(ResultError, match=r"got function. A reward model is scored first: tia2.evaluate"):
        tia2.evaluate(brightness)
    with pytest.raises(Tia2Error, match="no score table"):
        tia2.evaluate(tmp_path)
    table.raw[3] = np.nan
    with pytest.raises(ResultError, match=r"1 of 36 values are NaN .* that of counting/image_0_0_3"):
        tia2.evaluate(table)
