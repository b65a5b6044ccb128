"""Modules made without drawing weights."""

from __future__ import annotations

import pytest
import torch

from tia2.rewards.loading.uninitialised import INITIALISERS, undrawn


def test_the_random_state_stays():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with undrawn():
        torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Embedding(5, 8), torch.nn.MultiheadAttention(8, 2))
        torch.nn.Parameter(torch.randn(3))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("name", INITIALISERS)
def test_nothing_is_drawn_inside_and_all_is_outside(name):
    tensor = torch.full((4, 4), 7.0)
    with undrawn():
        assert getattr(torch.nn.init, name)(tensor) is tensor
    assert torch.equal(tensor, torch.full((4, 4), 7.0))
    getattr(torch.nn.init, name)(tensor)
    assert not torch.equal(tensor, torch.full((4, 4), 7.0))


def test_what_is_not_random_is_done():
    with undrawn():
        norm = torch.nn.LayerNorm(6)
        constant = torch.nn.init.constant_(torch.empty(3), 2.5)
    assert torch.equal(norm.weight, torch.ones(6))
    assert torch.equal(norm.bias, torch.zeros(6))
    assert torch.equal(constant, torch.full((3,), 2.5))


def test_an_error_inside_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError), undrawn():
        raise ZeroDivisionError
    assert torch.nn.init.normal_(torch.full((9,), 7.0)).ne(7).any()
