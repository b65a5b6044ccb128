"""The optimiser: warm-up, the moving average of the weights, its state, and gradients that aren't finite."""

import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.settings.run import OptimiserSettings
from tia2.finetune.training.optimiser import Optimiser


def parameter_and_optimiser(**settings):
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    return parameter, Optimiser([parameter], OptimiserSettings(**settings))


def test_the_moving_average_is_the_literal_one_and_is_lent_for_a_block():
    parameter, optimiser = parameter_and_optimiser(lr=0.1, ema=0.75)
    average = parameter.detach().clone()
    for step in range(1, 5):
        parameter.grad = torch.tensor([1.0, -0.5]) * step
        optimiser.step()
        average = 0.75 * average + 0.25 * parameter.detach()
    present = parameter.detach().clone()
    with optimiser.averaged():
        torch.testing.assert_close(parameter.detach(), average)
    assert torch.equal(parameter.detach(), present)
    assert not torch.allclose(average, present)


def test_without_a_moving_average_the_weights_stay():
    parameter, optimiser = parameter_and_optimiser()
    with optimiser.averaged():
        assert parameter.tolist() == [1.0, -2.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_leaves_the_weights_alone(bad):
    parameter, optimiser = parameter_and_optimiser(ema=0.5)
    parameter.grad = torch.tensor([0.1, bad])
    with pytest.raises(FinetuneError, match=r"gradient of update 1 isn't finite.*Lower optimiser.lr"):
        optimiser.step()
    assert parameter.tolist() == [1.0, -2.0]
    assert parameter.grad is None
    assert optimiser.updates == 0


def test_the_learning_rate_rises_linearly_over_the_warm_up():
    """AdamW's first updates move each weight by the learning rate, whatever the gradient's size."""
    parameter, optimiser = parameter_and_optimiser(lr=0.01, warmup=4, weight_decay=0.0)
    positions = [parameter.detach().clone()]
    for _ in range(6):
        parameter.grad = torch.tensor([0.3, 0.3])
        optimiser.step()
        positions.append(parameter.detach().clone())
    moved = torch.stack(positions).diff(dim=0)[:, 0]
    torch.testing.assert_close(-moved, 0.01 * torch.tensor([0.25, 0.5, 0.75, 1, 1, 1]), rtol=1e-4, atol=1e-6)


def test_the_gradient_norm_is_returned_and_bounded():
    parameter, optimiser = parameter_and_optimiser(max_grad_norm=1.0)
    parameter.grad = torch.tensor([3.0, 4.0])
    assert optimiser.step() == pytest.approx(5.0)


def test_a_restored_optimiser_continues_as_the_first_would():
    settings = {"lr": 0.05, "warmup": 3, "ema": 0.9}
    first, ours = parameter_and_optimiser(**settings)
    second, theirs = parameter_and_optimiser(**settings)
    gradients = torch.randn((6, 2), generator=torch.Generator().manual_seed(0))
    for gradient in gradients[:3]:
        first.grad = gradient.clone()
        ours.step()
    theirs.restore(ours.state())
    for parameter, optimiser in ((first, ours), (second, theirs)):
        for gradient in gradients[3:]:
            parameter.grad = gradient.clone()
            optimiser.step()
    assert torch.equal(first, second)
    with ours.averaged(), theirs.averaged():
        assert torch.equal(first, second)


def test_the_state_of_another_model_is_refused():
    _, optimiser = parameter_and_optimiser()
    other = Optimiser([torch.nn.Parameter(torch.zeros(3))], OptimiserSettings())
    with pytest.raises(FinetuneError, match="weights of another model"):
        other.restore(optimiser.state())
