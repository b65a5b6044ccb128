"""The four shipped reward models differ as intended."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.miniworld.assets import REWARD_NAMES
from tia2.miniworld.grammar import parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import random_specification, sample_scene


@pytest.fixture(scope="module")
def tables(quickstart) -> dict[str, tia2.ScoreTable]:
    """Their score tables of the quickstart, which scores all of `mini`."""
    return {name: tia2.ScoreTable.load(quickstart.folder / "scores" / name) for name in REWARD_NAMES}


@pytest.mark.slow
def test_counting_tells_the_strong_from_the_count_blind(tables: dict[str, tia2.ScoreTable]) -> None:
    aurocs = []
    for name in ("mini-strong", "mini-countblind"):
        frame = tia2.evaluate(tables[name]).per_prompt
        aurocs.append(frame[frame["subset"] == "counting"].set_index("prompt_id")["auroc"].dropna())
    difference = (aurocs[0] - aurocs[1]).to_numpy()
    rng = np.random.default_rng(0)
    means = rng.choice(difference, (10_000, len(difference))).mean(axis=1)
    assert np.quantile(means, 0.025) > 0


def preference_for_vivid(name: str) -> float:
    """Share of scenes whose vivid rendering gets the higher reward."""
    reward = tia2.load_reward(name)
    rng = np.random.default_rng(6)
    wins = []
    for _ in range(150):
        spec = random_specification(rng, 4)
        state = rng.bit_generator.state
        pair = []
        for vividness in (0.95, 0.6):
            rng.bit_generator.state = state
            pair.append(Image.fromarray(render(sample_scene(spec, rng, vividness))))
        vivid, pale = reward.score(pair, [str(spec)] * 2)
        wins.append(vivid > pale)
    return float(np.mean(wins))


def test_vivid_prefers_vivid_far_more_often_than_strong() -> None:
    assert preference_for_vivid("mini-vivid") > 0.85
    assert preference_for_vivid("mini-vivid") > preference_for_vivid("mini-strong") + 0.2


@pytest.mark.parametrize("name", REWARD_NAMES)
def test_every_reward_knows_colours(name: str) -> None:
    reward = tia2.load_reward(name)
    rng = np.random.default_rng(2)
    right = []
    for _ in range(100):
        spec = parse(f"a {rng.choice(['red', 'blue', 'green'])} circle")
        image = Image.fromarray(render(sample_scene(spec, rng)))
        true, wrong = reward.score_matrix([image], [str(spec), "a yellow circle"])[0]
        right.append(true > wrong)
    assert np.mean(right) > 0.95
