"""The batched step against diffusers' own scheduler, its probabilities against torch's, and what is refused."""

import math

import pytest
import torch
from diffusers import DDIMScheduler

from tia2.errors import FinetuneError
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.policy.step import coefficients, log_probability, mean, step_kl

SHAPE = (4, 8, 8)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [5, 10, 50])
def test_the_step_is_diffusers_step_at_every_timestep(scheduler_config, steps, eta):
    schedule = NoiseSchedule.of(scheduler_config, steps, eta)
    scheduler = DDIMScheduler.from_config({**scheduler_config, "clip_sample": False})
    scheduler.set_timesteps(steps)
    assert schedule.timesteps.tolist() == scheduler.timesteps.tolist()
    random = torch.Generator().manual_seed(0)
    sample, output, noise = (torch.randn((steps, *SHAPE), generator=random) for _ in range(3))
    # All steps at once in our batch, one after the other in diffusers'.
    at = coefficients(schedule, torch.arange(steps))
    following = mean(sample, output, at) + at.sigma * noise
    for number, timestep in enumerate(scheduler.timesteps):
        theirs = scheduler.step(
            output[number : number + 1],
            timestep,
            sample[number : number + 1],
            eta=eta,
            variance_noise=noise[number : number + 1],
        ).prev_sample
        torch.testing.assert_close(following[number : number + 1], theirs, atol=1e-5, rtol=1e-5)


def test_log_probability_is_that_of_independent_normals(scheduler_config):
    schedule = NoiseSchedule.of(scheduler_config, 10)
    random = torch.Generator().manual_seed(1)
    means, noise = (torch.randn((10, *SHAPE), generator=random) for _ in range(2))
    at = coefficients(schedule, torch.arange(10))
    following = means + at.sigma * noise
    expected = torch.distributions.Normal(means.double(), at.sigma.double()).log_prob(following.double()).sum((1, 2, 3))
    torch.testing.assert_close(log_probability(following, means, at.sigma), expected, atol=1e-4, rtol=1e-9)


def test_the_sum_keeps_differences_of_a_thousandth_of_a_nat_at_512_pixels():
    """float32 sums of 16,384 terms lose them."""
    means = torch.zeros((1, 4, 64, 64))
    sigma = torch.ones((1, 1, 1, 1))
    following = torch.randn((1, 4, 64, 64), generator=torch.Generator().manual_seed(2))
    moved = means + 1e-6
    exact = (following.double() * 1e-6 - 0.5e-12).sum()
    difference = log_probability(following, moved, sigma) - log_probability(following, means, sigma)
    assert float(difference) == pytest.approx(float(exact), abs=1e-4)


def test_kl_of_a_step_is_that_of_two_normals():
    random = torch.Generator().manual_seed(3)
    means, base = (torch.randn((3, *SHAPE), generator=random) for _ in range(2))
    sigma = torch.tensor([0.1, 0.5, 2.0]).view(3, 1, 1, 1)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(means.double(), sigma.double()),
        torch.distributions.Normal(base.double(), sigma.double()),
    ).sum((1, 2, 3))
    torch.testing.assert_close(step_kl(means, base, sigma), expected, rtol=1e-5, atol=1e-6)


def test_sensitivity_is_how_far_the_mean_moves_for_the_output(scheduler_config):
    schedule = NoiseSchedule.of(scheduler_config, 10)
    at = coefficients(schedule, torch.arange(10))
    zeros, ones = torch.zeros((10, *SHAPE)), torch.ones((10, *SHAPE))
    moved = (mean(zeros, ones, at) - mean(zeros, zeros, at))[:, 0, 0, 0].abs().double()
    torch.testing.assert_close(schedule.gain, moved, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(schedule.sensitivity, moved / schedule.sigma, rtol=1e-5, atol=1e-6)


def test_the_step_before_the_last_holds_most_of_the_path_kl(scheduler_config):
    """At 50 steps it holds 49 % (epsilon) and 65 % (v), which is why reports leave the last two out."""
    weights = NoiseSchedule.of(scheduler_config, 50).sensitivity.square()
    share = {"epsilon": 0.49, "v_prediction": 0.65}[scheduler_config["prediction_type"]]
    assert float(weights[-2] / weights.sum()) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"clip_sample": True}, "clip_sample is true"),
        ({"clip_sample": ...}, "clip_sample is missing, which means true"),
        ({"thresholding": True}, "thresholding to false"),
        ({"prediction_type": "sample"}, "'sample'; a policy needs 'epsilon' or 'v_prediction'"),
        ({"steps_offset": 0}, "steps_offset=1 and set_alpha_to_one=false"),
        ({"steps_offset": 0, "set_alpha_to_one": True}, "adds no noise"),
    ],
)
def test_schedules_that_ruin_latents_or_divide_by_zero_are_refused(change, sentence):
    config = {
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": "epsilon",
    }
    for key, value in change.items():
        if value is ...:
            del config[key]
        else:
            config[key] = value
    with pytest.raises(FinetuneError, match=sentence):
        NoiseSchedule.of(config, 10)


@pytest.mark.parametrize(("steps", "eta"), [(0, 1.0), (1001, 1.0), (10, 1.5), (10, -0.1), (2.5, 1.0), (True, 1.0)])
def test_impossible_numbers_are_refused(scheduler_config, steps, eta):
    with pytest.raises(FinetuneError):
        NoiseSchedule.of(scheduler_config, steps, eta)


def test_a_gaussian_policy_has_the_closed_form_kl():
    """Two policies that differ by a constant shift of the mean: KL = Σ d² D / (2σ²)."""
    sigma, shift = torch.tensor([0.3, 0.7]).view(2, 1, 1, 1), 0.05
    means = torch.zeros((2, *SHAPE))
    expected = [shift**2 * math.prod(SHAPE) / (2 * value**2) for value in (0.3, 0.7)]
    assert step_kl(means + shift, means, sigma).tolist() == pytest.approx(expected, rel=1e-6)
