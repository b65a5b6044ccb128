"""How far best-of-n is from its base policy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.errors import ResultError
from tia2.finetune import best_of_n_kl, best_of_n_kl_with_ties, best_of_n_kl_within_pool
from tia2.finetune.bon.divergence import draws_at_kl

POOLS = st.lists(st.integers(0, 6), min_size=1, max_size=12).map(np.array)


def test_the_formula():
    numbers = np.array([1, 2, 3, 50, 10**6])
    np.testing.assert_allclose(best_of_n_kl(numbers), np.log(numbers) - 1 + 1 / numbers, atol=1e-15)
    assert best_of_n_kl(1) == 0
    # KL(π_n ‖ π) = ∫ n uⁿ⁻¹ log(n uⁿ⁻¹) du over the proxy's quantiles.
    middle = (np.arange(2_000_000) + 0.5) / 2_000_000
    density = 7 * middle**6
    assert best_of_n_kl(7) == pytest.approx((density * np.log(density)).mean(), abs=1e-6)


@given(POOLS)
def test_ties_only_lessen_it(proxy):
    numbers = np.arange(1, len(proxy) + 1)
    divergence = best_of_n_kl_with_ties(proxy, numbers)
    bound = best_of_n_kl(numbers)
    assert (divergence <= bound + 1e-12).all()
    assert (divergence >= 0).all()
    if len(set(proxy.tolist())) == len(proxy):
        np.testing.assert_array_equal(divergence, bound)
    if len(set(proxy.tolist())) == 1:
        np.testing.assert_allclose(divergence, 0, atol=1e-12)


def test_a_reward_with_two_values_is_a_bernoulli_policy():
    proxy = np.array([0] * 6 + [1] * 4)
    for n in (1, 2, 5, 10):
        low = 0.6**n
        exact = low * np.log(low / 0.6) + (1 - low) * np.log((1 - low) / 0.4)
        assert best_of_n_kl_with_ties(proxy, n) == pytest.approx(exact, abs=1e-12)


@pytest.mark.slow
@given(POOLS)
def test_within_the_pool_it_is_the_sum_over_its_items(brute, proxy):
    items = len(proxy)
    for n in {1, (items + 1) // 2, items}:
        weights = np.array([brute(proxy, np.eye(items)[item], n) for item in range(items)])
        chosen = weights[weights > 0]
        assert best_of_n_kl_within_pool(proxy, n) == pytest.approx((chosen * np.log(items * chosen)).sum(), abs=1e-12)


@pytest.fixture(scope="session")
def brute(brute_force):
    return lambda proxy, gold, n: float(brute_force(proxy.tolist(), gold.tolist(), n))


def test_the_pool_runs_out():
    proxy = np.arange(20)
    assert best_of_n_kl_within_pool(proxy, 20) == pytest.approx(np.log(20))
    assert best_of_n_kl(20) < np.log(20)
    assert best_of_n_kl_within_pool(np.zeros(5), 3) == pytest.approx(0, abs=1e-12)


def test_prompts_at_once():
    proxy = np.array([[1.0, 2, 3, 4], [1, 1, 2, np.nan], [5, 5, 5, 5]])
    mask = ~np.isnan(proxy)
    for function in (best_of_n_kl_with_ties, best_of_n_kl_within_pool):
        together = function(proxy, [1, 2, 3], mask)
        assert together.shape == (3, 3)
        for row in range(3):
            np.testing.assert_allclose(together[row], function(proxy[row, mask[row]], [1, 2, 3]), atol=1e-12)


def test_the_inverse():
    for n in (1, 1 + 1e-6, 1.5, 2, 16, 1e6, 1e200, 3e303):
        assert draws_at_kl(np.log(n) - 1 + 1 / n) == pytest.approx(n, rel=1e-6)
    for kl in (-1, float("nan"), 1e4):
        with pytest.raises(ResultError, match="Expected a divergence from 0 to 700 nats"):
            draws_at_kl(kl)


@pytest.mark.parametrize("n", [0, -1, True, 2.0, "4", [1, 0]])
def test_hostile_n(n):
    with pytest.raises(ResultError, match="n must be"):
        best_of_n_kl(n)


def test_large_pools_stay_finite():
    proxy = np.repeat(np.arange(50_000), 2)
    for n in (1, 100, 25_000, 100_000):
        assert 0 <= best_of_n_kl_with_ties(proxy, n) <= best_of_n_kl(n) + 1e-9
        assert np.isfinite(best_of_n_kl_within_pool(proxy, n))
