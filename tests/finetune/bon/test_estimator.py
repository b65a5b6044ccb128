"""The best-of-n estimator against brute force, its invariants, large pools and hostile input."""

from __future__ import annotations

import time
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tia2.finetune
from tia2.errors import ResultError
from tia2.finetune import best_of_n
from tia2.finetune.bon.estimator import item_weights, jackknife_errors, ranked_pool

TIED = st.integers(1, 9).flatmap(
    lambda size: st.tuples(
        arrays(np.float64, size, elements=st.sampled_from([-2.5, -0.0, 0.0, 1.0, 7.0])),
        arrays(np.float64, size, elements=st.integers(-6, 6).map(lambda k: k / 4)),
    )
)


@given(TIED)
def test_equals_brute_force_over_all_sets_with_ties(brute_force, both):
    proxy, gold = both
    numbers = np.arange(1, len(proxy) + 1)
    expected = [float(brute_force(proxy.tolist(), gold.tolist(), int(n))) for n in numbers]
    np.testing.assert_allclose(best_of_n(proxy, gold, numbers), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 12])
def test_all_tied_is_the_mean_at_every_n(size):
    gold = np.random.default_rng(0).normal(size=size)
    np.testing.assert_allclose(best_of_n(np.ones(size), gold, np.arange(1, size + 1)), gold.mean(), atol=1e-12)


def test_ends():
    rng = np.random.default_rng(1)
    proxy, gold = rng.normal(size=300), rng.normal(size=300)
    assert best_of_n(proxy, gold, 1) == pytest.approx(gold.mean(), abs=1e-12)
    assert best_of_n(proxy, gold, 300) == gold[proxy.argmax()]
    proxy[[3, 50, 77]] = 9
    assert best_of_n(proxy, gold, 300) == pytest.approx(gold[[3, 50, 77]].mean(), abs=1e-12)
    assert best_of_n([0.3], [5.0], 1) == 5


@given(TIED, st.randoms())
def test_invariants(both, random):
    proxy, gold = both
    numbers = np.arange(1, len(proxy) + 1)
    curve = best_of_n(proxy, gold, numbers)
    order = list(range(len(proxy)))
    random.shuffle(order)
    np.testing.assert_allclose(best_of_n(proxy[order], gold[order], numbers), curve, atol=1e-12)
    # A strictly rising function of the proxy chooses the same items, to the last bit.
    np.testing.assert_array_equal(best_of_n(np.exp(proxy) * 3 - 1, gold, numbers), curve)
    np.testing.assert_allclose(best_of_n(proxy, 2 * gold - 5, numbers), 2 * curve - 5, atol=1e-12)
    assert (curve >= gold.min() - 1e-12).all()
    assert (curve <= gold.max() + 1e-12).all()
    oracle = best_of_n(gold, gold, numbers)
    assert (np.diff(oracle) >= -1e-12).all()
    assert (oracle >= curve - 1e-12).all()


def test_unbiased():
    """The mean over fresh pools of 6 is what choosing the best of 3 fresh samples gives."""
    rng = np.random.default_rng(2)
    proxy = rng.integers(0, 5, (40_000, 6)).astype(float)
    gold = np.sin(proxy) + rng.normal(size=proxy.shape)
    estimates = best_of_n(proxy, gold, 3)
    levels = np.arange(1, 6) / 5
    chances = np.diff(levels**3, prepend=0)
    assert abs(estimates.mean() - chances @ np.sin(np.arange(5))) < 4 * estimates.std() / 200


def test_prompts_with_different_numbers_of_items(brute_force):
    rng = np.random.default_rng(3)
    proxy, gold = rng.integers(0, 3, (5, 8)).astype(float), rng.integers(0, 9, (5, 8)) / 8
    mask = rng.random((5, 8)) < 0.7
    mask[:, :3] = True
    proxy[~mask], gold[~mask] = np.nan, np.inf
    curve = best_of_n(proxy, gold, [3, 1], mask)
    assert curve.shape == (5, 2)
    for row in range(5):
        present = mask[row]
        for column, n in enumerate((3, 1)):
            expected = brute_force(proxy[row, present].tolist(), gold[row, present].tolist(), n)
            assert curve[row, column] == pytest.approx(float(expected), abs=1e-12)


def test_shapes():
    proxy = np.arange(12.0).reshape(3, 4)
    assert np.ndim(best_of_n(proxy[0], proxy[0], 2)) == 0
    assert best_of_n(proxy[0], proxy[0], np.array([[1, 2], [3, 4]])).shape == (2, 2)
    assert best_of_n(proxy, proxy, 2).shape == (3,)
    assert best_of_n(proxy, proxy, [1, 2]).shape == (3, 2)
    assert best_of_n(proxy, proxy, []).shape == (3, 0)


def test_whole_numbers_and_labels_keep_their_order():
    large = 2**60 + np.arange(4)
    assert best_of_n(large, [0, 0, 0, 1], 4) == 1  # As float64 these four are equal.
    assert best_of_n([False, True, True], [True, False, True], 3) == 0.5
    assert best_of_n(np.array([1, 2, 3], np.float16), np.array([0, 0, 1], np.uint8), 3) == 1


def test_inputs_stay_as_they_are():
    proxy, gold = np.array([2.0, 1.0, 2.0]), np.array([1.0, 0.0, 0.0])
    best_of_n(proxy, gold, 2)
    assert proxy.tolist() == [2, 1, 2]
    assert gold.tolist() == [1, 0, 0]


@pytest.mark.parametrize("n", [1, 7, 1000, 25_000, 100_000])
def test_a_hundred_thousand_items(n):
    size = 100_000
    weights = item_weights(size, np.array([n]))[0]
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    for rank in {max(n, 60_000), max(n, 99_990), size}:
        exact = float(Fraction(comb(rank - 1, n - 1), comb(size, n)))
        assert weights[rank - 1] == pytest.approx(exact, rel=1e-11, abs=1e-300)


def test_a_hundred_thousand_items_in_no_time():
    rng = np.random.default_rng(4)
    proxy, gold = rng.normal(size=(2, 100_000))
    begin = time.process_time()
    curve = best_of_n(proxy, gold, 2 ** np.arange(17))
    assert time.process_time() - begin < 2
    assert np.isfinite(curve).all()
    assert curve[0] == pytest.approx(gold.mean(), abs=1e-12)


def test_many_n_of_a_large_pool_in_parts():
    rng = np.random.default_rng(5)
    proxy, gold = rng.normal(size=(2, 3_000))
    numbers = np.arange(1, 3_001)
    curve = best_of_n(proxy, gold, numbers)
    for n in (1, 1500, 3000):
        assert curve[n - 1] == pytest.approx(float(best_of_n(proxy, gold, n)), abs=1e-12)


@pytest.mark.parametrize(
    ("proxy", "gold", "n", "message"),
    [
        ([1, np.nan], [0, 1], 1, "The proxy is NaN or infinite for 1 items, first at item 1."),
        ([1, 2], [np.inf, 1], 1, "The gold is NaN or infinite for 1 items, first at item 0."),
        ([1, 2, 3], [0, 1], 1, r"Proxy and gold must have one shape, got \(3,\) and \(2,\)."),
        ([], [], 1, "The proxy holds no items."),
        ([[]], [[]], 1, "The proxy holds no items."),
        (1.0, 1.0, 1, r"The proxy must have shape \(items,\) or \(prompts, items\), got \(\)."),
        ([[[1]]], [[[1]]], 1, "The proxy must have shape"),
        (["a", "b"], [0, 1], 1, "The proxy must be real numbers, got dtype <U1."),
        ([1, 2], [0, 1j], 1, "The gold must be real numbers, got dtype complex128."),
        ([[1, 2], [3]], [[1, 2], [3]], 1, "The proxy must be an array of numbers: its rows differ in length."),
        ([1, 2], [0, 1], 3, "n must be from 1 to the 2 scored items of a prompt, got 3."),
        ([1, 2], [0, 1], 0, "n must be from 1 to the 2 scored items of a prompt, got 0."),
        ([1, 2], [0, 1], [1, -4], "got -4."),
        ([1, 2], [0, 1], True, "n must be a whole number or an array of them, got True."),
        ([1, 2], [0, 1], [True, 2], "n must be a whole number or an array of them"),
        ([1, 2], [0, 1], 1.0, "n must be a whole number or an array of them, got 1.0."),
        ([1, 2], [0, 1], "2", "n must be a whole number or an array of them, got '2'."),
        ([1, 2], [0, 1], None, "n must be a whole number or an array of them, got None."),
        ([1, 2], [0, 1], [[1], [1, 2]], "n must be a whole number or an array of them"),
    ],
)
def test_hostile_input(proxy, gold, n, message):
    with pytest.raises(ResultError, match=message):
        best_of_n(proxy, gold, n)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[True, False], [False, False]], "Expected at least one scored item per prompt, got none in row 1."),
        ([[1, 0], [1, 1]], "The mask must hold True or False in the shape of the proxy"),
        ([True, True], "The mask must hold True or False in the shape of the proxy"),
    ],
)
def test_hostile_masks(mask, message):
    with pytest.raises(ResultError, match=message):
        best_of_n([[1, 2], [3, 4]], [[0, 1], [0, 1]], 1, mask)


def test_jackknife_leaves_each_item_out():
    rng = np.random.default_rng(6)
    proxy, gold = rng.normal(size=(3, 9)), rng.normal(size=(3, 9))
    mask = np.ones((3, 9), bool)
    mask[1, 6:] = False
    errors = jackknife_errors(ranked_pool(np.where(mask, proxy, 0), mask), gold, 4)
    for row in range(3):
        items = np.flatnonzero(mask[row])
        gains = [
            np.subtract(*best_of_n(np.delete(proxy[row, items], out), np.delete(gold[row, items], out), [4, 1]))
            for out in range(len(items))
        ]
        assert errors[row] == pytest.approx(np.sqrt((len(items) - 1) * np.var(gains)), abs=1e-12)
    assert np.isnan(jackknife_errors(ranked_pool(proxy[:, :4], mask[:, :4]), gold[:, :4], 4)).all()


def test_the_public_name_is_the_function():
    assert tia2.finetune.best_of_n is best_of_n
    assert callable(best_of_n)
    assert set(tia2.finetune.__all__) <= set(dir(tia2.finetune))
    with pytest.raises(AttributeError, match="best_of_m"):
        tia2.finetune.best_of_m  # noqa: B018
