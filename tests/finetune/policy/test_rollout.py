"""Trajectories, ratios before the first update, folded gradients, and the base model under the adapter."""

import pytest
import torch

from tia2.finetune.ddpo.loss import Pairs, pair_losses, step_weights, trained_pairs
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.noise import TRAINING, trajectory_noise
from tia2.finetune.policy.rollout import path_kl, rollout
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.policy.step import coefficients, mean
from tia2.finetune.policy.weights import load_weights, save_weights
from tia2.finetune.settings.ddpo import StepSettings
from tia2.finetune.settings.model import LoraSettings, ModelSettings

PROMPTS = ["a red circle", "two blue square", "a cat", "a dog"]
STEPS = 5


@pytest.fixture(params=[None, LoraSettings(rank=2)], ids=["full", "lora"])
def model(request, pipeline):
    return DiffusionModel(pipeline, ModelSettings(lora=request.param))


def drawn(model, seed=0):
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, STEPS)
    return schedule, trajectory_noise(seed, TRAINING, 1, range(len(PROMPTS)), model.latent_shape, STEPS)


def sampled(model, guidance=1.0, batch=4, seed=0):
    schedule, noise = drawn(model, seed)
    return schedule, rollout(model, schedule, PROMPTS, noise, guidance, batch)


def literal_path_kl(model, schedule, trajectories, guidance):
    """Both networks on the kept latents of trajectories, step by step."""
    steps = []
    for number, timestep in enumerate(schedule.timesteps):
        at = coefficients(schedule, torch.full((len(trajectories),), number))
        latents, times = trajectories.latents[:, number], timestep.expand(len(trajectories))
        arguments = (latents, times, model.embed(trajectories.prompts), guidance)
        with torch.no_grad():
            means = mean(latents, model.predict(*arguments), at)
            with model.base():
                base_means = mean(latents, model.predict(*arguments), at)
        steps.append(((means - base_means) ** 2).double().flatten(1).sum(1) / (2 * at.sigma.double().flatten() ** 2))
    return torch.stack(steps, dim=1)


def disturb(model):
    """Move the trained weights away from their start, as an update would."""
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters:
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_the_ratio_is_exactly_one_before_the_first_update(model, guidance):
    schedule, trajectories = sampled(model, guidance)
    order = torch.tensor([2, 0, 3, 1])
    for step in range(STEPS):
        losses = pair_losses(
            model,
            schedule,
            trajectories,
            Pairs(order, torch.full((4,), step)),
            torch.ones(4),
            guidance=guidance,
            clip=1e-4,
            weights=torch.ones(STEPS),
        )
        assert losses.log_ratio.tolist() == [0.0] * 4
        assert not losses.clipped.any()


def test_folded_gradients_are_those_of_a_loop_over_steps(model):
    schedule, trajectories = sampled(model)
    disturb(model)
    advantages = torch.tensor([1.0, -2.0, 0.5, 3.0])
    pairs = trained_pairs(
        torch.arange(4), STEPS, StepSettings(subset="first", count=3), torch.Generator().manual_seed(0)
    )

    def gradients(size):
        for parameter in model.parameters:
            parameter.grad = None
        for start in range(0, len(pairs), size):
            losses = pair_losses(
                model, schedule, trajectories, pairs.part(slice(start, start + size)), advantages,
                guidance=1.0, clip=0.1, weights=step_weights(schedule, StepSettings(weights="flat")),
            )  # fmt: skip
            (losses.loss / len(pairs)).backward()
        return [parameter.grad.clone() for parameter in model.parameters]

    one_by_one = gradients(1)
    for batch in (5, 12):
        for folded, single in zip(gradients(batch), one_by_one, strict=True):
            torch.testing.assert_close(folded, single, atol=1e-6, rtol=1e-4)


def test_without_the_adapter_the_model_is_the_base_bit_for_bit(model):
    latents = torch.randn((2, *model.latent_shape), generator=torch.Generator().manual_seed(7))
    arguments = (latents, torch.tensor([501, 1]), model.embed(PROMPTS[:2]), 3.0)
    with torch.no_grad():
        before = model.predict(*arguments)
        disturb(model)
        moved = model.predict(*arguments)
        with model.base():
            base = model.predict(*arguments)
        again = model.predict(*arguments)
    assert torch.equal(base, before)
    assert torch.equal(again, moved)
    assert not torch.equal(moved, before)
    assert all(parameter.requires_grad for parameter in model.parameters)


def test_path_kl_is_zero_for_the_base_and_matches_a_known_shift(model):
    schedule, noise = drawn(model)
    assert path_kl(model, schedule, PROMPTS, noise, 1.0, batch=4).abs().max() == 0
    # Adding a constant to the network's last bias moves every output by it, and every mean by gain times it.
    shift = 0.03
    if model.settings.lora is None:
        with torch.no_grad():
            model.unet.conv_out.bias.add_(shift)
        divergence = path_kl(model, schedule, PROMPTS, noise, 1.0, batch=2)
        dimensions = noise[0, 0].numel()
        expected = 0.5 * (shift * schedule.sensitivity) ** 2 * dimensions
        torch.testing.assert_close(divergence, expected.expand_as(divergence), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_path_kl_is_that_of_the_trajectories_that_the_policy_samples(model, guidance):
    disturb(model)
    schedule, trajectories = sampled(model, guidance)
    literal = literal_path_kl(model, schedule, trajectories, guidance)
    assert literal.min() > 0
    divergence = path_kl(model, schedule, PROMPTS, drawn(model)[1], guidance, batch=4)
    torch.testing.assert_close(divergence, literal, rtol=1e-5, atol=0)


def test_any_split_into_batches_or_processes_draws_the_same_noise():
    shape = (4, 8, 8)
    whole = trajectory_noise(3, TRAINING, 2, range(6), shape, STEPS)
    parts = [trajectory_noise(3, TRAINING, 2, part, shape, STEPS) for part in (range(2), range(2, 6))]
    assert torch.equal(whole, torch.cat(parts))
    for other in (
        trajectory_noise(4, TRAINING, 2, range(6), shape, STEPS),
        trajectory_noise(3, TRAINING, 3, range(6), shape, STEPS),
        trajectory_noise(3, TRAINING + 1, 2, range(6), shape, STEPS),
    ):
        assert not torch.equal(whole, other)


def test_sampling_leaves_the_global_generators_alone(pipeline):
    state = torch.get_rng_state()
    model = DiffusionModel(pipeline, ModelSettings(lora=LoraSettings(rank=2)))
    sampled(model)
    assert torch.equal(state, torch.get_rng_state())


def test_the_adapter_is_loaded_by_a_plain_pipeline_with_equal_images(make_pipeline, pipeline, tmp_path):
    model = DiffusionModel(pipeline, ModelSettings(lora=LoraSettings(rank=2)))
    disturb(model)
    save_weights(model, tmp_path / "lora")
    arguments = {"num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "np"}
    ours = pipeline("a cat", generator=torch.Generator().manual_seed(0), **arguments).images
    fresh = make_pipeline()
    base = fresh("a cat", generator=torch.Generator().manual_seed(0), **arguments).images
    fresh.load_lora_weights(tmp_path / "lora")
    theirs = fresh("a cat", generator=torch.Generator().manual_seed(0), **arguments).images
    assert (ours == theirs).all()
    assert (ours != base).any()
    again = DiffusionModel(make_pipeline(), ModelSettings(lora=LoraSettings(rank=2)))
    load_weights(again, tmp_path / "lora")
    for mine, loaded in zip(model.parameters, again.parameters, strict=True):
        assert torch.equal(mine, loaded)
