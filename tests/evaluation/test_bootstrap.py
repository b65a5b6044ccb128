"""Intervals: seeded, shared, of the stated coverage."""

from __future__ import annotations

import tracemalloc
from inspect import signature

import numpy as np
import pytest
from scipy.stats import bootstrap, norm, t

import tia2.evaluation.bootstrap as bootstrap_module
from tia2.evaluation.bootstrap import interval, over_resamples, resample_counts
from tia2.evaluation.bootstrap import resampled as resampled_figures


def resampled(figures, subset="x"):
    return resample_counts(len(figures), 10_000, 0, subset) @ figures / len(figures)


def test_counts_are_multinomial():
    counts = resample_counts(20, 10_000, 0, "counting")
    assert counts.shape == (10_000, 20)
    assert (counts.sum(axis=1) == 20).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=0.05)
    assert counts.var(axis=0) == pytest.approx(np.full(20, 19 / 20), abs=0.06)
    covariance = np.cov(counts.T)[np.triu_indices(20, 1)]
    assert covariance.mean() == pytest.approx(-1 / 20, abs=0.005)


def test_counts_are_fixed_by_seed_size_and_subset():
    bootstrap_module._kept_counts.cache_clear()
    first = resample_counts(7, 50, 3, "counting")
    bootstrap_module._kept_counts.cache_clear()
    np.testing.assert_array_equal(first, resample_counts(7, 50, 3, "counting"))
    assert not np.array_equal(first, resample_counts(7, 50, 4, "counting"))
    assert not np.array_equal(first, resample_counts(7, 50, 3, "composition"))
    # Written down once, so that a change of NumPy or of platform that changes results does not go unnoticed.
    assert first[:2].tolist() == [[3, 1, 0, 0, 1, 2, 0], [1, 3, 0, 1, 0, 0, 2]]


@pytest.mark.parametrize("cells", [1, 777, 3 * 777, 10**6])
def test_counts_in_blocks_are_those_of_one_call(monkeypatch, cells):
    whole = resample_counts(777, 50, 3, "counting")
    figures = np.random.default_rng(0).random((777, 2))
    means = resampled_figures(figures, 50, 3, "counting").means
    monkeypatch.setattr(bootstrap_module, "KEPT_CELLS", 0)
    monkeypatch.setattr(bootstrap_module, "BLOCK_CELLS", cells)
    np.testing.assert_array_equal(resample_counts(777, 50, 3, "counting"), whole)
    np.testing.assert_array_equal(over_resamples(lambda counts: counts[:, 5], 777, 50, 3, "counting"), whole[:, 5])
    np.testing.assert_allclose(resampled_figures(figures, 50, 3, "counting").means, means, rtol=1e-12)


def test_memory_does_not_grow_with_the_prompts():
    tracemalloc.start()
    means = resampled_figures(np.zeros((20_000, 1)), 2_000, 0, "many").means
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert means.shape == (2_000, 1)
    # All counts at a time would take 320 MB, and three times that while they are drawn.
    assert peak < 4 * 8 * bootstrap_module.BLOCK_CELLS


def test_counts_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        resample_counts(7, 50, 3, "counting")[0] = 0


def test_the_global_random_state_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    resample_counts(9, 50, 0, "x")
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_large_samples_agree_with_scipy_and_the_normal_interval():
    figures = np.random.default_rng(0).beta(5, 2, 300)
    means = resampled(figures)
    found = interval(means, [figures])
    seeded = {"rng" if "rng" in signature(bootstrap).parameters else "random_state": np.random.default_rng(1)}
    theirs = bootstrap((figures,), np.mean, n_resamples=10_000, method="percentile", **seeded)
    width = found[1] - found[0]
    assert found == pytest.approx(tuple(theirs.confidence_interval), abs=0.06 * width)
    assert found == pytest.approx(
        norm.interval(0.95, figures.mean(), figures.std(ddof=1) / np.sqrt(300)), abs=0.06 * width
    )


def test_small_samples_get_students_interval():
    figures = np.random.default_rng(1).normal(size=20)
    found = interval(resampled(figures), [figures])
    wanted = t.interval(0.95, 19, figures.mean(), figures.std(ddof=1) / np.sqrt(20))
    assert found == pytest.approx(wanted, abs=0.08 * (wanted[1] - wanted[0]))


def test_several_subsets_get_welchs_interval():
    rng = np.random.default_rng(2)
    strata = [rng.normal(size=size) * scale for size, scale in ((12, 1.0), (30, 0.2), (60, 0.5))]
    means = np.mean([resampled(figures, str(place)) for place, figures in enumerate(strata)], axis=0)
    found = interval(means, strata)
    parts = np.array([x.var(ddof=1) / len(x) for x in strata])
    freedom = parts.sum() ** 2 / (parts**2 / [len(x) - 1 for x in strata]).sum()
    centre, error = np.mean([x.mean() for x in strata]), np.sqrt(parts.sum()) / 3
    wanted = t.interval(0.95, freedom, centre, error)
    assert found == pytest.approx(wanted, abs=0.08 * (wanted[1] - wanted[0]))


@pytest.mark.parametrize("draw", ["normal", "skewed"])
def test_coverage_with_20_prompts(draw):
    rng = np.random.default_rng(5)
    figures = rng.normal(size=(2000, 20)) if draw == "normal" else rng.beta(6, 2, (2000, 20)) - 0.75
    means = figures @ resample_counts(20, 2000, 0, "x").T / 20
    ends = np.array([interval(row, [x]) for row, x in zip(means, figures, strict=True)])
    plain = np.quantile(means, [0.025, 0.975], axis=1).T
    covered = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
    assert 0.93 <= covered <= 0.965
    assert ((plain[:, 0] <= 0) & (plain[:, 1] >= 0)).mean() < covered - 0.01


def test_stays_within_the_range_of_the_figures():
    figures = np.array([1.0] * 9 + [0.2])
    low, high = interval(resampled(figures), [figures])
    assert 0.2 < low < 0.92 < high <= 1.0


def test_equal_figures_have_no_width():
    figures = np.full(5, 0.5)
    assert interval(resampled(figures), [figures]) == pytest.approx((0.5, 0.5), abs=0)


@pytest.mark.parametrize("sizes", [[1], [0], [20, 1]])
def test_undefined_below_two_prompts(sizes):
    assert np.isnan(interval(np.zeros(100), [np.zeros(size) for size in sizes])).all()
