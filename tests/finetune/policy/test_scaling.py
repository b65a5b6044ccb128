"""Part of a fine-tuning's strength: exact at both ends, and what diffusers calls it between them."""

import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.scaling import scaled
from tia2.finetune.settings.model import ModelSettings


def trained(make_toy, lora):
    """A toy model whose trained weights were moved at random."""
    model = DiffusionModel(make_toy(), ModelSettings(name="toy", lora=lora))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters:
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


@torch.no_grad()
def output(model):
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn((2, *model.latent_shape), generator=generator)
    return model.predict(latents, torch.tensor([500, 20]), model.embed(["a red square", "two"]), 1.0)


@pytest.mark.parametrize("lora", [{"rank": 2}, None], ids=["adapter", "all weights"])
def test_the_ends_are_the_base_and_the_trained_model_bit_for_bit(make_toy, lora):
    model = trained(make_toy, lora)
    full = output(model)
    with model.base():
        base = output(model)
    assert not torch.equal(full, base)
    with scaled(model, 0.0):
        assert torch.equal(output(model), base)
    with scaled(model, 1.0):
        assert torch.equal(output(model), full)
    distances = []
    for scale in (0.3, 0.7, 1.4):
        with scaled(model, scale):
            distances.append((output(model) - base).norm())
            with model.base():
                assert torch.equal(output(model), base), "the reference of a KL stays the base model"
        assert torch.equal(output(model), full), "and afterwards it is the trained model again"
    assert distances == sorted(distances)


def test_half_an_adapter_is_an_adapter_with_half_its_second_matrix(make_toy):
    model = trained(make_toy, {"rank": 2})
    with scaled(model, 0.5):
        half = output(model)
    with torch.no_grad():
        for name, parameter in model.unet.named_parameters():
            if "lora_B" in name:
                parameter.mul_(0.5)
    torch.testing.assert_close(output(model), half, atol=1e-6, rtol=0)


def test_half_of_all_weights_lies_in_the_middle(make_toy):
    model = trained(make_toy, None)
    before = [parameter.clone() for parameter in model.parameters]
    with model.base():
        base = [parameter.clone() for parameter in model.unet.parameters()]
    with scaled(model, 0.5):
        for parameter, start, end in zip(model.parameters, base, before, strict=True):
            torch.testing.assert_close(parameter, (start + end) / 2)
    assert all(torch.equal(parameter, value) for parameter, value in zip(model.parameters, before, strict=True))


@pytest.mark.parametrize("scale", [-0.5, float("nan"), float("inf")])
def test_a_scale_that_means_nothing_is_refused(make_toy, scale):
    model = DiffusionModel(make_toy(), ModelSettings(name="toy", lora={"rank": 2}))
    with pytest.raises(FinetuneError, match="scale must be 0 or more"), scaled(model, scale):
        pass
