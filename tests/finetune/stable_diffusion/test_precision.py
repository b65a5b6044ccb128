"""Half precision and gradient checkpointing on Stable Diffusion 2.1's architecture: the same gradients, less memory."""

import pytest
import torch

from tia2.finetune.ddpo.loss import pair_losses, step_weights, trained_pairs
from tia2.finetune.policy.loading import load_pipeline
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.noise import TRAINING, trajectory_noise
from tia2.finetune.policy.resolve import resolve
from tia2.finetune.policy.rollout import rollout
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.settings.ddpo import StepSettings
from tia2.finetune.settings.model import LoraSettings, ModelSettings

PROMPTS = ["a red circle", "two cyan stars"]
STEPS = 3


@pytest.fixture
def model(folders):
    def make(**settings):
        pipeline = load_pipeline(resolve(str(folders("sd21"))))
        loaded = DiffusionModel(pipeline, ModelSettings(resolution=64, lora=LoraSettings(rank=2), **settings))
        random = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in loaded.parameters:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))
        return loaded

    return make


def losses_of(model, pairs_of_update=1.0):
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, STEPS)
    noise = trajectory_noise(0, TRAINING, 1, range(2), model.latent_shape, STEPS)
    trajectories = rollout(model, schedule, PROMPTS, noise, 5.0, batch=2)
    pairs = trained_pairs(torch.arange(2), STEPS, StepSettings(), torch.Generator().manual_seed(0))
    pairs = pairs.part(torch.argsort(pairs.steps, stable=True)[:2])  # the first step of both: one batch as sampled
    losses = pair_losses(
        model, schedule, trajectories, pairs, torch.tensor([1.0, -2.0]),
        guidance=5.0, clip=0.1, weights=step_weights(schedule, StepSettings()),
    )  # fmt: skip
    return losses, losses.loss / pairs_of_update


def gradient(model, pairs_of_update=1.0):
    for parameter in model.parameters:
        parameter.grad = None
    losses, loss = losses_of(model, pairs_of_update)
    loss.backward()
    assert losses.log_ratio.tolist() == [0.0, 0.0], "exactly one before the first update, whatever the format"
    assert {parameter.grad.dtype for parameter in model.parameters} == {torch.float32}
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters]) * pairs_of_update


@pytest.fixture(scope="module")
def remembered():
    return {}


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.1), ("float16", 0.02)])
def test_half_precision_keeps_gradients_however_many_pairs_share_an_update(model, remembered, precision, tolerance):
    """The mean over 100,000 pairs makes gradients that float16 can't hold without a scale."""
    if not remembered:
        remembered["float32"] = gradient(model())
    expected = remembered["float32"]
    half_model = model(precision=precision)
    for pairs_of_update in (1.0, 1e5):
        half = gradient(half_model, pairs_of_update)
        assert (half - expected).norm() < tolerance * expected.norm(), pairs_of_update


def kept_bytes(model):
    """Bytes of the distinct tensors that the backward pass needs, weights apart."""
    storages = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.unet.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses, loss = losses_of(model)
    del losses
    loss.backward()
    return sum(storages.values())


def test_checkpointing_gives_the_same_gradients_from_a_fraction_of_the_memory(model):
    plain, saving = model(), model(gradient_checkpointing=True)
    bytes_kept = [kept_bytes(either) for either in (plain, saving)]
    for first, second in zip(plain.parameters, saving.parameters, strict=True):
        assert torch.equal(first.grad, second.grad)
    assert bytes_kept[1] < bytes_kept[0] / 3


def test_decoding_a_large_batch_in_parts_gives_the_same_images(model, monkeypatch):
    loaded = model()
    latents = torch.randn((3, *loaded.latent_shape), generator=torch.Generator().manual_seed(0))
    whole = loaded.decode(latents)
    monkeypatch.setattr("tia2.finetune.policy.model._DECODED_PIXELS", 2 * 64 * 64)
    parts = loaded.decode(latents)
    assert parts.shape == whole.shape == (3, 64, 64, 3)
    assert abs(parts.astype(int) - whole.astype(int)).max() <= 1
