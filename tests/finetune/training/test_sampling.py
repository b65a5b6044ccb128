"""Rewards that are computed while the next batch is sampled: the same values and errors, earlier."""

import threading

import numpy as np
import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.noise import TRAINING, trajectory_noise
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.rewards.online import OnlineRewards
from tia2.finetune.settings.model import ModelSettings, SamplerSettings
from tia2.finetune.settings.rewards import EntrySettings
from tia2.finetune.training.sampling import BatchScoring, sample_and_score

PROMPTS = ["one red circle", "two blue squares", "one red circle", "three red circles", "two blue squares"]
SAMPLER = SamplerSettings(steps=2, guidance=1.0, batch=2)


@pytest.fixture(scope="module")
def mini():
    return DiffusionModel.load(ModelSettings(name="mini-halfway"))


def sampled(model, score, overlap, report=lambda *_: None):
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, SAMPLER.steps)
    noise = trajectory_noise(0, TRAINING, 1, range(len(PROMPTS)), model.latent_shape, len(schedule))
    return sample_and_score(model, schedule, PROMPTS, noise, SAMPLER, score, report, range(10, 15), overlap)


def test_values_are_the_serial_ones_bit_for_bit(mini):
    entries = {"proxy": EntrySettings(rewards=("mini-strong",)), "watch0": EntrySettings(rewards=("mini-vivid",))}
    rewards = OnlineRewards(entries, dict.fromkeys(PROMPTS, ()))

    def score(images, prompts, numbers):
        return rewards.values(images, prompts, numbers=numbers)

    serial, overlapped = sampled(mini, score, overlap=False), sampled(mini, score, overlap=True)
    assert serial.values.keys() == overlapped.values.keys() == entries.keys()
    for role, values in serial.values.items():
        assert values.shape == (5,)
        np.testing.assert_array_equal(values, overlapped.values[role])
    assert [image.tobytes() for image in serial.images] == [image.tobytes() for image in overlapped.images]
    assert torch.equal(serial.trajectories.latents, overlapped.trajectories.latents)


def test_a_batch_is_scored_while_the_next_one_is_sampled(mini):
    """The first batch's reward comes only once the second batch is sampled, which no serial loop would live to see."""
    batches, numbered = [], []
    second = threading.Event()

    def report(done, total):
        batches.append(done)
        if done == 4:
            second.set()

    def score(images, prompts, numbers):
        numbered.append(list(numbers))
        assert second.wait(timeout=30)
        assert not torch.is_grad_enabled()
        return {"proxy": np.array([len(prompt) for prompt in prompts], np.float64)}

    outcome = sampled(mini, score, overlap=True, report=report)
    assert batches == [2, 4, 5]
    assert numbered == [[10, 11], [12, 13], [14]]
    assert outcome.values["proxy"].tolist() == [len(prompt) for prompt in PROMPTS]
    assert outcome.waited >= 0


@pytest.mark.parametrize("overlap", [False, True])
def test_errors_are_the_serial_ones_and_the_thread_ends(mini, overlap):
    def score(images, prompts, numbers):
        if 12 in numbers:
            raise FinetuneError(f"the reward of image {numbers[0]} isn't finite")
        return {"proxy": np.zeros(len(images))}

    with pytest.raises(FinetuneError, match=r"^the reward of image 12 isn't finite$"):
        sampled(mini, score, overlap)
    assert "rewards" not in " ".join(thread.name for thread in threading.enumerate())


def test_ctrl_c_waits_for_one_batch_and_drops_the_others(mini):
    scored, going = [], threading.Event()

    def score(images, prompts, numbers):
        scored.append(list(numbers))
        assert going.wait(timeout=30)
        return {"proxy": np.zeros(len(images))}

    def interrupted(done, total):
        if done == 4:
            threading.Timer(0.05, going.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampled(mini, score, overlap=True, report=interrupted)
    assert scored == [[10, 11]]
    assert "rewards" not in " ".join(thread.name for thread in threading.enumerate())


def test_nothing_to_score_gives_nothing():
    with BatchScoring(lambda *_: {"proxy": np.zeros(0)}, overlap=True) as scoring:
        assert scoring.values() == []
