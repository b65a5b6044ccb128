"""How much each sample counts, against literal computations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.finetune.settings.weighted import WeightedSettings
from tia2.finetune.weighted.weights import sample_weights, top_weights

PROMPTS = ["a", "b", "a", "b", "a", "b"]
REWARDS = np.array([1.0, 10.0, 3.0, 10.0, 2.0, 40.0])


def weights_of(kind, **settings):
    return sample_weights(WeightedSettings(kind=kind, **settings), PROMPTS, REWARDS)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.floats(0.01, 1))
def test_ties_at_the_cut_share_what_a_random_choice_would_give_them(rewards, share):
    rewards = np.array(rewards, np.float64)
    kept = max(1, round(share * len(rewards)))
    counts = np.zeros(len(rewards))
    random = np.random.default_rng(0)
    for _ in range(400):  # keep the best after breaking ties at random
        order = np.lexsort((random.random(len(rewards)), rewards))
        counts[order[-kept:]] += 1
    np.testing.assert_allclose(top_weights(rewards, share), counts / 400 * len(rewards) / kept, atol=0.2 * len(rewards))
    assert top_weights(rewards, share).mean() == pytest.approx(1)
    below = rewards < np.sort(rewards)[-kept]
    assert not top_weights(rewards, share)[below].any()


def test_sft_keeps_the_best_of_each_prompt_whatever_the_other_prompts_get():
    assert weights_of("sft", top=1 / 3).tolist() == [0, 0, 3, 0, 0, 3]
    assert weights_of("sft", top=1.0).tolist() == [1] * 6


def test_rwr_is_a_softmax_per_prompt_or_over_all():
    a, b = np.exp(0.5 * REWARDS[::2]), np.exp(0.5 * REWARDS[1::2])
    per_prompt = weights_of("rwr", inverse_temperature=0.5)
    np.testing.assert_allclose(per_prompt[::2], 3 * a / a.sum())
    np.testing.assert_allclose(per_prompt[1::2], 3 * b / b.sum())
    every = np.exp(0.5 * REWARDS)
    np.testing.assert_allclose(weights_of("rwr", inverse_temperature=0.5, over="all"), 6 * every / every.sum())
    huge = weights_of("rwr", inverse_temperature=1e6)
    assert np.isfinite(huge).all()
    assert huge.tolist() == [0, 0, 3, 0, 0, 3]


def test_minmax_scales_within_the_prompt_and_keeps_mean_one():
    scaled = np.array([0, 0, 1, 0, 0.5, 1])
    np.testing.assert_allclose(weights_of("minmax"), scaled / scaled.mean())
    equal = sample_weights(WeightedSettings(kind="minmax"), ["a", "a"], np.array([2.0, 2.0]))
    assert equal.tolist() == [1, 1]


def test_nft_gives_the_chance_of_being_a_good_sample():
    a = REWARDS[::2]
    expected = np.clip(0.5 + (a - a.mean()) / a.std() / 2, 0, 1)
    np.testing.assert_allclose(weights_of("nft")[::2], expected, atol=1e-5)
    assert weights_of("nft")[1::2].mean() > 0
    equal = sample_weights(WeightedSettings(kind="nft"), ["a", "a"], np.array([2.0, 2.0]))
    assert equal.tolist() == [0.5, 0.5]
