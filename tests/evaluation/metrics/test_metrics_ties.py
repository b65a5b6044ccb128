"""Tied values in AP@k: the expected value over all orders, in closed form."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tia2.evaluation.metrics import auprc, average_precision_at_k


def plain(labels, k):
    """AP@k of labels in a given order, as defined."""
    top = labels[:k]
    precisions = [sum(top[: place + 1]) / (place + 1) for place, aligned in enumerate(top) if aligned]
    return sum(precisions) / len(precisions) if precisions else 0.0


def by_enumeration(labels, values, k):
    orders = [
        order for order in permutations(range(len(values))) if all(np.diff([values[item] for item in order]) <= 0)
    ]
    return sum(plain([labels[item] for item in order], k) for order in orders) / len(orders)


@pytest.mark.parametrize("items", [2, 3, 5, 6])
def test_every_order_counts_the_same(items, ap_at_k_in_fractions):
    rng = np.random.default_rng(items)
    for _ in range(12):
        labels = rng.permutation(np.arange(items) < rng.integers(1, items))
        values = rng.integers(0, 3, items).astype(float)
        for k in range(1, items + 2):
            wanted = by_enumeration(labels, values, k)
            assert average_precision_at_k(labels[None], values[None], k)[0] == pytest.approx(wanted, abs=1e-12)
            assert ap_at_k_in_fractions(labels, values, k) == pytest.approx(wanted, abs=1e-12)


def test_breaking_ties_at_random_gives_it_on_average():
    rng = np.random.default_rng(0)
    labels, values = rng.random(50) < 0.4, rng.integers(0, 6, 50).astype(float)
    draws = 40_000
    jittered = values + rng.random((draws, 50)) * 0.5
    for k in (5, 10, 25):
        sample = average_precision_at_k(np.broadcast_to(labels, (draws, 50)), jittered, k)
        error = sample.std() / np.sqrt(draws)
        assert error > 0
        assert abs(average_precision_at_k(labels[None], values[None], k)[0] - sample.mean()) < 4.5 * error


@settings(max_examples=100, deadline=None)
@given(
    items=st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=40).filter(
        lambda items: 0 < sum(aligned for aligned, _ in items) < len(items)
    ),
    k=st.integers(1, 45),
)
def test_equals_exact_fractions(items, k, ap_at_k_in_fractions):
    labels, values = (np.array(column) for column in zip(*items, strict=True))
    wanted = ap_at_k_in_fractions(labels, values, k)
    assert average_precision_at_k(labels[None], values[None], k)[0] == pytest.approx(wanted, abs=1e-12)


def test_a_constant_reward_finds_the_base_rate_at_1():
    labels = np.arange(50)[None] < 17
    assert average_precision_at_k(labels, np.zeros((1, 50)), 1)[0] == pytest.approx(0.34, abs=1e-12)


def test_a_large_tied_group_keeps_its_digits(ap_at_k_in_fractions):
    labels = np.random.default_rng(1).random((1, 6000)) < 0.7
    exact = ap_at_k_in_fractions(labels[0].tolist(), [1.0] * 6000, 25)
    assert average_precision_at_k(labels, np.ones((1, 6000)), 25)[0] == pytest.approx(exact, abs=1e-12)
    # With many items the precision among the best i, at a hit, is the base rate p plus (1 - p) / i.
    rate = labels.mean()
    limit = rate + (1 - rate) * (1 / np.arange(1, 4001)).mean()
    assert average_precision_at_k(labels, np.ones((1, 6000)), 4000)[0] == pytest.approx(limit, abs=1e-4)


def test_no_aligned_item_among_the_best_gives_0_and_all_gives_1():
    labels, values = np.array([[False] * 5 + [True] * 5]), -np.arange(10.0)[None]
    assert average_precision_at_k(labels, values, 5).tolist() == [0.0]
    assert average_precision_at_k(~labels, values, 5).tolist() == [1.0]
    assert average_precision_at_k(labels, np.repeat([[1.0, 0.0]], 5, axis=1), 5).tolist() == [0.0]


def test_past_the_last_item_it_is_auprc_unless_values_are_tied():
    rng = np.random.default_rng(5)
    labels, values = rng.random((20, 12)) < 0.5, rng.normal(size=(20, 12))
    np.testing.assert_allclose(average_precision_at_k(labels, values, 12), auprc(labels, values), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        average_precision_at_k(labels, values, 99), average_precision_at_k(labels, values, 12)
    )
    tied = [[True, False]], [[1.0, 1.0]]
    assert auprc(*tied).tolist() == [0.5]
    assert average_precision_at_k(*tied, k=2).tolist() == [0.75]
