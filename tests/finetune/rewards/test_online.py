"""Rewards while sampling are those of the leaderboard: the same images give an entry's offline values."""

import numpy as np
import pytest

import tia2
from tia2.benchmark import load
from tia2.errors import FinetuneError
from tia2.finetune.rewards.online import Judges, OnlineRewards, accepted
from tia2.finetune.settings.rewards import EntrySettings, RewardSettings
from tia2.scoring import ScoreTable

ENTRIES = {
    "raw": "mini-vivid",
    "textnorm": "mini-vivid + textnorm:temperature=0.1",
    "documented": "mini-countblind + textnorm",
    "mean": "mini-vivid & mini-web + mean:of=textnorm",
}


@pytest.fixture(scope="module")
def sampled():
    """Some images of the miniature benchmark, with unequal numbers of contrastive prompts, as if they were sampled."""
    benchmark = load("mini")
    rows = list(range(0, len(benchmark), 157))
    items = benchmark.items.iloc[rows]
    contrastive = dict(zip(items["prompt"], items["contrastive_prompts"].map(tuple), strict=True))
    assert len(set(map(len, contrastive.values()))) > 1
    return rows, benchmark.images(rows), items["prompt"].tolist(), contrastive


@pytest.fixture(scope="module")
def online(sampled):
    entries = {role: EntrySettings.model_validate(text) for role, text in ENTRIES.items()}
    return OnlineRewards(entries, sampled[3])


@pytest.mark.parametrize("role", ENTRIES)
def test_values_are_those_of_the_offline_entry(online, sampled, pytestconfig, role):
    rows, images, prompts, _ = sampled
    assets = pytestconfig.rootpath / "leaderboard" / "assets"
    settings = EntrySettings.model_validate(ENTRIES[role])
    tables = [ScoreTable.load(assets / name) for name in settings.rewards]
    offline = tia2.calibrate(tables if len(tables) > 1 else tables[0], settings.calibration)
    np.testing.assert_allclose(online.values(images, prompts)[role], offline.values[rows], atol=2e-5)
    assert online.entries[role].name == offline.name


def test_judges_return_every_role_and_the_proxy_alone(sampled):
    _, images, prompts, contrastive = sampled
    settings = RewardSettings.model_validate({"proxy": ENTRIES["raw"], "watch": [ENTRIES["mean"]], "gold": "judge"})
    judges = Judges(settings, contrastive)
    values = judges.all(images, prompts)
    assert judges.names["proxy"] == "mini-vivid"
    assert judges.names["gold"] == "exact judge"
    assert set(values) == set(judges.names) == {"proxy", "watch0", "gold"}
    np.testing.assert_array_equal(judges.proxy(images, prompts), values["proxy"])
    np.testing.assert_array_equal(accepted(images, prompts), values["gold"])


def test_terms_are_added_to_the_proxy_with_their_weights(sampled):
    _, images, prompts, contrastive = sampled
    plain = {"proxy": "mini-vivid", "watch": ["mini-vivid + textnorm"]}
    values = Judges(RewardSettings.model_validate(plain), contrastive).all(images, prompts)
    terms = [{"entry": "mini-vivid + textnorm", "weight": 0.25}, {"entry": "mini-vivid", "weight": -0.5}]
    judges = Judges(RewardSettings.model_validate({"proxy": "mini-vivid", "plus": terms, "gold": "judge"}), contrastive)
    expected = 0.5 * values["proxy"] + 0.25 * values["watch0"]
    np.testing.assert_allclose(judges.proxy(images, prompts), expected, rtol=1e-6)
    everything = judges.all(images, prompts)
    assert set(everything) == set(judges.names) == {"proxy", "gold"}
    np.testing.assert_array_equal(everything["proxy"], judges.proxy(images, prompts))
    assert judges.names["proxy"] == "mini-vivid + 0.25 × (mini-vivid + TextNorm) + -0.5 × (mini-vivid)"


def test_a_prompt_without_contrastive_prompts_is_refused_by_textnorm_alone():
    raw, textnorm = (EntrySettings.model_validate(ENTRIES[role]) for role in ("raw", "textnorm"))
    assert OnlineRewards({"proxy": raw}, {"a red circle": ()}).entries["proxy"].name == "mini-vivid"
    with pytest.raises(FinetuneError, match="'a red circle' has none"):
        OnlineRewards({"proxy": textnorm}, {"a red circle": ()})


def test_the_judge_refuses_what_is_not_of_its_world(sampled):
    with pytest.raises(FinetuneError, match="knows the miniature world only"):
        accepted(sampled[1][:1], ["a photograph of an astronaut"])
