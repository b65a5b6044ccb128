"""The weighted methods' losses against literal ones, written out with the network's own outputs."""

import pytest
import torch

from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.settings.model import LoraSettings, ModelSettings
from tia2.finetune.settings.weighted import WeightedSettings
from tia2.finetune.weighted.loss import noised, weighted_losses

PROMPTS = ["a red circle", "a cat", "a dog"]
TIMES = torch.tensor([1, 400, 950])


@pytest.fixture
def moved(pipeline):
    """A model whose adapter was trained a little, and its base as a network of its own."""
    import copy

    base = copy.deepcopy(pipeline.unet)
    model = DiffusionModel(pipeline, ModelSettings(lora=LoraSettings(rank=2)))
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters:
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))
    return model, base


@pytest.mark.parametrize(
    "settings",
    [
        WeightedSettings(kind="sft"),
        WeightedSettings(kind="rwr", guidance=3.0),
        WeightedSettings(kind="minmax", base_weight=0.7),
        WeightedSettings(kind="nft", beta=0.6),
        WeightedSettings(kind="nft", beta=1.0, base_weight=0.2),
    ],
    ids=["sft", "rwr-guided", "minmax-base", "nft", "nft-base"],
)
def test_the_losses_are_the_literal_ones(moved, settings):
    model, base = moved
    config = model.pipeline.scheduler.config
    betas = torch.linspace(config.beta_start**0.5, config.beta_end**0.5, 1000, dtype=torch.float64) ** 2
    alphas = (1 - betas).cumprod(0)
    random = torch.Generator().manual_seed(2)
    latents, noise = (torch.randn((3, *model.latent_shape), generator=random) for _ in range(2))
    weights = torch.tensor([0.2, 0.9, 0.5])
    prediction = config.prediction_type

    expected = []
    for row in range(3):
        a = float(alphas[TIMES[row]])
        x = a**0.5 * latents[row] + (1 - a) ** 0.5 * noise[row]
        target = noise[row] if prediction == "epsilon" else a**0.5 * noise[row] - (1 - a) ** 0.5 * latents[row]

        def output(unet, x=x, row=row):
            def branch(text):
                return unet(x[None], TIMES[row], encoder_hidden_states=model.embed([text])).sample[0]

            cond = branch(PROMPTS[row])
            return cond if settings.guidance == 1 else branch("") + settings.guidance * (cond - branch(""))

        w = float(weights[row])
        with torch.no_grad():
            p, p0 = output(model.unet), output(base)
        if settings.kind == "nft":
            good = (1 - settings.beta) * p0 + settings.beta * p
            bad = (1 + settings.beta) * p0 - settings.beta * p
            loss = w * ((good - target) ** 2).mean() + (1 - w) * ((bad - target) ** 2).mean()
        else:
            loss = w * ((p - target) ** 2).mean()
        expected.append(loss + settings.base_weight * ((p - p0) ** 2).mean())

    losses = weighted_losses(model, settings, latents, PROMPTS, weights, noise, TIMES, alphas, prediction)
    torch.testing.assert_close(losses.detach(), torch.stack(expected), rtol=1e-4, atol=1e-5)
    losses.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters)


def test_nft_pulls_towards_good_and_pushes_away_from_bad_samples(moved):
    """At the base model both implicit models coincide, and the gradients of r = 1 and r = 0 are opposite."""
    model, _ = moved
    with torch.no_grad():  # back to the base: the second matrices of the adapter are zero
        for name, parameter in model.unet.named_parameters():
            if "lora_B" in name:
                parameter.zero_()
    random = torch.Generator().manual_seed(3)
    latents, noise = (torch.randn((3, *model.latent_shape), generator=random) for _ in range(2))
    alphas = torch.linspace(0.999, 0.01, 1000, dtype=torch.float64)
    gradients = []
    for good in (1.0, 0.0):
        for parameter in model.parameters:
            parameter.grad = None
        weighted_losses(
            model, WeightedSettings(kind="nft"), latents, PROMPTS, torch.full((3,), good), noise, TIMES, alphas,
            model.pipeline.scheduler.config.prediction_type,
        ).sum().backward()  # fmt: skip
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters]))
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(gradients[0], -gradients[1], rtol=1e-3, atol=1e-6)


def test_noised_latents_keep_the_variance():
    random = torch.Generator().manual_seed(4)
    latents, noise = (torch.randn((2, 4, 64, 64), generator=random) for _ in range(2))
    sample, target = noised(latents, noise, torch.tensor([0.9, 0.1]), "v_prediction")
    assert sample.var().item() == pytest.approx(1, abs=0.05)
    assert target.var().item() == pytest.approx(1, abs=0.05)
