"""Advantages, step choices, clipped losses and settings against literal references."""

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tia2.finetune.ddpo.advantages import Advantages, PromptTracker, group_standardised
from tia2.finetune.ddpo.loss import clipped_loss, step_weights, trained_pairs
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.settings.ddpo import AdvantageSettings, DdpoSettings, StepSettings


class LiteralTracker:
    """The per-prompt tracker as the DDPO paper's code describes it, prompt by prompt."""

    def __init__(self, buffer, least):
        self.buffer, self.least, self.kept = buffer, least, {}

    def update(self, prompts, rewards):
        advantages = np.empty(len(rewards))
        for prompt in set(prompts):
            mine = [reward for name, reward in zip(prompts, rewards, strict=True) if name == prompt]
            self.kept.setdefault(prompt, deque(maxlen=self.buffer)).extend(mine)
            pool = rewards if len(self.kept[prompt]) < self.least else np.array(self.kept[prompt])
            for row, name in enumerate(prompts):
                if name == prompt:
                    advantages[row] = (rewards[row] - np.mean(pool)) / (np.std(pool) + 1e-6)
        return advantages


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_the_tracker_is_the_literal_one(seed, buffer, least):
    random = np.random.default_rng(seed)
    ours, literal = PromptTracker(buffer, least), LiteralTracker(buffer, least)
    for _ in range(4):
        prompts = random.choice(["a", "b", "c"], 9).tolist()
        rewards = random.normal(size=9)
        np.testing.assert_allclose(ours.standardise(prompts, rewards), literal.update(prompts, rewards), atol=1e-12)


def test_a_restored_tracker_goes_on_as_the_first_would():
    random = np.random.default_rng(0)
    prompts, epochs = ["a", "b"] * 8, [random.normal(size=16) for _ in range(3)]
    first, second = PromptTracker(20, 4), PromptTracker(20, 4)
    for rewards in epochs[:2]:
        first.standardise(prompts, rewards)
    second.restore(first.state())
    assert second.standardise(prompts, epochs[2]).tolist() == first.standardise(prompts, epochs[2]).tolist()


def test_group_advantages_ignore_what_other_prompts_get():
    rewards = np.array([1.0, 3.0, 100.0, 104.0])
    advantages = group_standardised(["a", "a", "b", "b"], rewards)
    np.testing.assert_allclose(advantages, [-1, 1, -1, 1], atol=1e-5)
    assert group_standardised(["a", "a"], np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_advantages_are_clipped():
    settings = AdvantageSettings(kind="group", clip=0.5)
    assert np.abs(Advantages(settings).of(["a"] * 5, np.arange(5.0))).max() == 0.5


@given(st.floats(-5, 5), st.floats(-0.4, 0.4), st.floats(0.01, 0.5))
def test_the_clipped_loss_is_ppos(advantage, log_ratio, clip):
    ratio = np.exp(log_ratio)
    expected = -min(advantage * ratio, advantage * np.clip(ratio, 1 - clip, 1 + clip))
    loss, _ = clipped_loss(
        torch.tensor([advantage], dtype=torch.float64), torch.tensor([log_ratio], dtype=torch.float64), clip
    )
    assert float(loss[0]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "per_sample"),
    [
        (StepSettings(), 10),
        (StepSettings(subset="first", count=6), 6),
        (StepSettings(subset="random", count=4), 4),
        (StepSettings(subset="stratified", count=5), 5),
        (StepSettings(subset="stratified", count=3), 3),
    ],
)
def test_each_sample_trains_its_share_of_steps_once(settings, per_sample):
    pairs = trained_pairs(torch.tensor([3, 1, 7]), 10, settings, torch.Generator().manual_seed(0))
    assert len(pairs) == 3 * per_sample
    assert len(set(zip(pairs.samples.tolist(), pairs.steps.tolist(), strict=True))) == len(pairs)
    assert set(pairs.samples.tolist()) == {1, 3, 7}
    for sample in (1, 3, 7):
        steps = sorted(pairs.steps[pairs.samples == sample].tolist())
        if settings.subset == "first":
            assert steps == list(range(6))
        if settings.subset == "stratified":
            spans = [(10 * n // per_sample, 10 * (n + 1) // per_sample) for n in range(per_sample)]
            assert all(low <= step < high for step, (low, high) in zip(steps, spans, strict=True))


def test_random_and_stratified_steps_reach_every_step():
    random = torch.Generator().manual_seed(0)
    for settings in (StepSettings(subset="random", count=2), StepSettings(subset="stratified", count=2)):
        pairs = trained_pairs(torch.arange(200), 10, settings, random)
        assert set(pairs.steps.tolist()) == set(range(10))


def test_flat_weights_give_every_trained_step_the_same_gradient(scheduler_config):
    schedule = NoiseSchedule.of(scheduler_config, 10)
    weights = step_weights(schedule, StepSettings(subset="first", count=6, weights="flat"))
    products = (weights.double() * schedule.sensitivity)[:6]
    torch.testing.assert_close(products, products[:1].expand(6), rtol=1e-5, atol=0)
    assert float(weights[:6].mean()) == pytest.approx(1, rel=1e-6)
    assert step_weights(schedule, StepSettings()).tolist() == [1.0] * 10


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "give clip_nats or clip_per_dimension"),
        ({"clip_nats": 1.6, "clip_per_dimension": 1e-4}, "give clip_nats or clip_per_dimension"),
        ({"clip_nats": 1.6, "images_per_epoch": 10, "updates_per_epoch": 4}, "must be a multiple of updates_per_epoch"),
        ({"clip_nats": 1.6, "steps": {"subset": "first"}}, "each of them needs it"),
        ({"clip_nats": 1.6, "steps": {"count": 3}}, "each of them needs it"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DdpoSettings(**fields)


def test_the_clip_in_nats_is_the_papers_at_512_and_768_pixels():
    paper = DdpoSettings(clip_per_dimension=1e-4)
    for side, nats in ((64, 1.6384), (96, 3.6864)):
        dimensions = 4 * side * side
        assert DdpoSettings(clip_nats=nats).clip_for(dimensions) == pytest.approx(paper.clip_for(dimensions))
