"""The pure functions against literal, slow ones in exact and multi-precision arithmetic."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tia2.calibration import mean_ensemble, textnorm, textnorm_minmax, uncertainty_regularised
from tia2.errors import ResultError

REWARDS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, -1e6, 1e6, 1e-9, 0.25])


def share(scaled):
    """exp(s0) / Σ exp(sj) in 60 digits; far below what a double holds it is 0."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**12), 10**12
        powers = [(one - scaled[0]).exp() for one in scaled]
        return float(1 / sum(powers))


def literal_textnorm(row, mask, temperature):
    kept = [Decimal(float(reward)) for reward, there in zip(row, mask, strict=True) if there]
    return share([reward / Decimal(float(temperature)) for reward in kept])


def literal_minmax(row, mask, scale):
    kept = [Fraction(float(reward)) for reward, there in zip(row, mask, strict=True) if there]
    low, high = min(kept), max(kept)
    if low == high:
        return 1 / len(kept)
    scaled = [Fraction(float(scale)) * (reward - low) / (high - low) for reward in kept]
    return share([Decimal(one.numerator) / Decimal(one.denominator) for one in scaled])


@st.composite
def tables(draw):
    rewards = draw(arrays(np.float64, array_shapes(min_dims=2, max_dims=3, max_side=6), elements=REWARDS))
    if rewards.shape[-1] > 2 and draw(st.booleans()):
        rewards[..., -1] = rewards[..., 1]  # a duplicate
    if draw(st.booleans()):
        rewards[..., :] = rewards[..., :1]  # all tied
    mask = draw(arrays(np.bool_, rewards.shape))
    mask[..., 0] = True
    return rewards, mask


@given(tables(), st.sampled_from([1e-3, 0.05, 1.0, 37.5, 1e6]))
def test_textnorm_is_the_softmax_of_the_prompt(table, temperature):
    rewards, mask = table
    found = textnorm(rewards, temperature, mask)
    assert found.dtype == np.float64
    assert found.shape == rewards.shape[:-1]
    for place in np.ndindex(found.shape):
        assert found[place] == pytest.approx(literal_textnorm(rewards[place], mask[place], temperature), abs=1e-12)
    assert ((found >= 0) & (found <= 1)).all()


@given(tables(), st.sampled_from([0.1, 1.0, 3.0, 10.0, 200.0]))
def test_minmax_is_the_softmax_of_scaled_rewards(table, scale):
    rewards, mask = table
    found = textnorm_minmax(rewards, scale, mask)
    for place in np.ndindex(found.shape):
        assert found[place] == pytest.approx(literal_minmax(rewards[place], mask[place], scale), abs=1e-12)


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=3, max_side=5), elements=REWARDS), st.floats(0, 10))
def test_ensembles_are_mean_and_mean_less_variance(values, penalty):
    scale = max(np.abs(values).max(), 1.0)
    mean, regularised = mean_ensemble(values), uncertainty_regularised(values, penalty)
    assert mean.shape == regularised.shape == values.shape[1:]
    for place in np.ndindex(mean.shape):
        members = [Fraction(float(value)) for value in values[(slice(None), *place)]]
        average = sum(members) / len(members)
        variance = sum((member - average) ** 2 for member in members) / len(members)
        assert mean[place] == pytest.approx(float(average), abs=1e-12 * scale)
        wanted = float(average - Fraction(penalty) * variance)
        assert regularised[place] == pytest.approx(wanted, abs=1e-12 * scale * scale * max(penalty, 1))


@given(arrays(np.float64, (3, 4), elements=st.floats(0, 1)), st.floats(0, 1))
def test_ensembles_of_shares_are_exact(values, penalty):
    members = [[Fraction(float(value)) for value in row] for row in values]
    for place, column in enumerate(zip(*members, strict=True)):
        average = sum(column) / 3
        variance = sum((member - average) ** 2 for member in column) / 3
        assert mean_ensemble(values)[place] == pytest.approx(float(average), abs=1e-12)
        wanted = float(average - Fraction(penalty) * variance)
        assert uncertainty_regularised(values, penalty)[place] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("function", [textnorm, textnorm_minmax])
def test_known_values(function):
    assert function([[7.0]], 0.3).tolist() == [1.0]
    assert function([[2.0, 2.0, 2.0, 2.0]], 0.3).tolist() == [0.25]
    assert function(np.zeros((0, 3)), 0.3).shape == (0,)
    assert function([1.0, 0.0], 1.0) == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-15)
    # What the mask leaves out may be anything.
    assert function([[1.0, 0.0, np.nan, np.inf]], 1.0, [[True, True, False, False]]) == pytest.approx(0.7310585786)


@given(arrays(np.float64, (5, 4), elements=st.floats(-10, 10)))
def test_order_and_duplicates_of_contrastive_prompts(rewards):
    for function in (textnorm, textnorm_minmax):
        value = function(rewards, 0.7)
        assert function(rewards[:, [0, 3, 1, 2]], 0.7) == pytest.approx(value, abs=1e-12)
        twice = function(np.concatenate([rewards, rewards[:, 1:2]], axis=1), 0.7)
        assert (twice <= value).all(), "a text in X twice takes a share twice: X must be a set"


def test_extreme_rewards_stay_numbers():
    with np.errstate(all="raise", under="ignore"):
        assert textnorm([[1e308, -1e308], [-1e308, 1e308]], 1e-300).tolist() == [1.0, 0.0]
        assert textnorm_minmax([[1e308, -1e308], [-1e308, 1e308]], 1e-3) == pytest.approx([0.50025, 0.49975])
        assert textnorm_minmax([[1e308, -1e308], [-1e308, 1e308]], 1e300).tolist() == [1.0, 0.0]


def test_one_temperature_a_row():
    rewards = np.array([[0.3, 0.2], [30.0, 20.0]])
    assert textnorm(rewards, [0.1, 10.0]).tolist() == pytest.approx([0.7310585786] * 2)
    with pytest.raises(ResultError, match=r"one number or have the shape \(2,\) of the rows, got \(3,\)"):
        textnorm(rewards, [1.0, 1.0, 1.0])


def test_inputs_stay_as_they_were():
    rewards, mask = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 3), np.bool_)
    before = rewards.copy()
    for function in (textnorm, textnorm_minmax):
        function(rewards, 0.5, mask)
    assert (rewards == before).all()
    assert mask.all()


BAD = [
    (lambda: textnorm([[1.0, np.nan]], 1.0), r"1 of 2 are NaN or infinite, the first at \(0, 1\)"),
    (lambda: textnorm_minmax([[1.0, np.inf]], 1.0), "NaN or infinite"),
    (lambda: textnorm([[1.0, np.nan]], 1.0, [[True, True]]), "NaN or infinite"),
    (lambda: textnorm([[1.0, 2.0]], 0.0), "temperature must be finite and above 0"),
    (lambda: textnorm([[1.0, 2.0]], -1.0), "temperature must be finite and above 0"),
    (lambda: textnorm([[1.0, 2.0]], np.nan), "temperature must be finite and above 0"),
    (lambda: textnorm_minmax([[1.0, 2.0]], 0), "scale must be finite and above 0"),
    (lambda: textnorm_minmax([[1.0, 2.0]], [1.0]), "scale must be one number"),
    (lambda: textnorm([[1.0, 2.0]], 1.0, [[False, True]]), "leaves out column 0"),
    (lambda: textnorm([[1.0, 2.0]], 1.0, [[1, 1]]), "mask must be boolean"),
    (lambda: textnorm([[1.0, 2.0]], 1.0, [True, True]), "shape of the rewards"),
    (lambda: textnorm(np.zeros((3, 0)), 1.0), r"shape \(\.\.\., \|X\|\)"),
    (lambda: textnorm(1.0, 1.0), r"shape \(\.\.\., \|X\|\)"),
    (lambda: textnorm([[1.0], [1.0, 2.0]], 1.0), "pad rows of unequal length"),
    (lambda: textnorm([["a", "b"]], 1.0), "real numbers"),
    (lambda: textnorm([[1.0, 2.0]], "warm"), "temperature must be real numbers"),
    (lambda: mean_ensemble([]), "at least one member"),
    (lambda: mean_ensemble([[0.5], [np.nan]]), "NaN or infinite"),
    (lambda: uncertainty_regularised([[0.5]], -0.1), "penalty must be one finite number of at least 0"),
    (lambda: uncertainty_regularised([[0.5]], np.inf), "penalty must be one finite number"),
    (lambda: uncertainty_regularised([[0.5], [np.nan]], 0.1), "NaN or infinite"),
]


@pytest.mark.parametrize(("call", "said"), BAD, ids=range(len(BAD)))
def test_bad_input_is_one_clear_error(call, said):
    with pytest.raises(ResultError, match=said):
        call()
