"""The correction for one reference against a slow one written from the definition, and what makes it stable."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tia2.evaluation.comparing import from_reference
from tia2.evaluation.comparing.from_reference import p_from_reference
from tia2.evaluation.comparing.simultaneous import LEVEL, Stratum, differences, resampled_means

RESAMPLES = 300


def field(rng: np.random.Generator, quality: np.ndarray) -> list[Stratum]:
    """Figures of entries on two subsets, with what a prompt does to all of them."""
    return [
        Stratum(name, quality[:, None] + rng.normal(size=prompts) + 0.5 * rng.normal(size=(len(quality), prompts)))
        for name, prompts in (("counting", 30), ("composition", 50))
    ]


def best_first(strata: list[Stratum]) -> list[Stratum]:
    means = np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
    return [Stratum(part.subset, part.figures[np.argsort(-means)]) for part in strata]


def deviate(strata: list[Stratum], a: int, b: int) -> float:
    """The normal deviate of Welch's t over subsets, from the textbook."""
    gaps = [part.figures[a] - part.figures[b] for part in strata]
    variances = np.array([gap.var(ddof=1) / len(gap) for gap in gaps])
    freedom = variances.sum() ** 2 / (variances**2 / [len(gap) - 1 for gap in gaps]).sum()
    t = abs(np.mean([gap.mean() for gap in gaps])) / (np.sqrt(variances.sum()) / len(gaps))
    return float(stats.norm.isf(stats.t.sf(t, freedom)))


def slowly(strata: list[Stratum], family: list[int]) -> dict[int, float]:
    """p by its definition: every pair of the family on every resample, stepping down."""
    means = resampled_means(strata, RESAMPLES, 0)
    centred = means - np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
    error = {
        (a, b): np.sqrt(sum((part.figures[a] - part.figures[b]).var() / part.figures.shape[1] for part in strata)) / 2
        for a, b in itertools.combinations([0, *sorted(family)], 2)
    }
    observed = {entry: deviate(strata, 0, entry) for entry in family}
    p, so_far = {}, 0.0
    for entry in sorted(family, key=lambda entry: -observed[entry]):
        kept = [0, *(other for other in family if observed[other] <= observed[entry])]
        pairs = itertools.combinations(sorted(kept), 2)
        largest = np.max([np.abs(centred[:, a] - centred[:, b]) / error[a, b] for a, b in pairs], axis=0)
        so_far = max(so_far, (1 + (largest >= observed[entry]).sum()) / (1 + RESAMPLES))
        gaps = [Stratum(part.subset, part.figures[[0, entry]]) for part in strata]
        p[entry] = max(so_far, differences(gaps, RESAMPLES, 0).p[0])
    return p


@pytest.mark.parametrize("seed", range(4))
def test_p_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    strata = best_first(field(rng, rng.normal(scale=0.1, size=9)))
    family = [1, 2, 4, 5, 8]
    p = p_from_reference(strata, 0, family, [3, 6], RESAMPLES, 0)
    expected = slowly(strata, family)
    # Single precision may put one resample on the other side.
    np.testing.assert_allclose(p[family], [expected[entry] for entry in family], atol=1.5 / RESAMPLES)
    means = resampled_means(strata, RESAMPLES, 0)
    np.testing.assert_array_equal(p_from_reference(strata, 0, family, [3, 6], RESAMPLES, 0, means), p)
    with_others = slowly(strata, [*family, 3, 6])
    np.testing.assert_allclose(p[[3, 6]], [with_others[3], with_others[6]], atol=1.5 / RESAMPLES)
    assert np.isnan(p[[0, 7]]).all()


def test_a_pair_alone_is_judged_by_its_own_test():
    for seed in range(20):
        strata = best_first(field(np.random.default_rng(seed), np.array([0.15, 0.0])))
        p = p_from_reference(strata, 0, [1], [], RESAMPLES, 0)[1]
        alone = differences(strata, RESAMPLES, 0).p[0]
        assert alone <= p <= alone + 0.04


def test_an_entry_that_is_surely_worse_changes_no_decision():
    changed = 0
    for seed in range(40):
        rng = np.random.default_rng([1, seed])
        strata = best_first(field(rng, rng.normal(scale=0.15, size=8)))
        before = p_from_reference(strata, 0, list(range(1, 8)), [], RESAMPLES, 0)
        junk = field(np.random.default_rng([2, seed]), np.full(12, -1.5))
        both = [Stratum(a.subset, np.concatenate([a.figures, b.figures])) for a, b in zip(strata, junk, strict=True)]
        after = p_from_reference(both, 0, list(range(1, 20)), [], RESAMPLES, 0)
        assert (after[8:] <= LEVEL).all()
        assert ((after[1:8] <= LEVEL) == (before[1:8] <= LEVEL)).all()
        changed += (before[1:8] <= LEVEL).sum()
    assert 40 < changed < 240, "some are separable, some aren't"


def test_variants_enlarge_no_models_family():
    rng = np.random.default_rng(3)
    strata = best_first(field(rng, rng.normal(scale=0.1, size=10)))
    alone = p_from_reference(strata, 0, [1, 2, 3], [], RESAMPLES, 0)
    nested = p_from_reference(strata, 0, [1, 2, 3], [4, 5, 6, 7, 8, 9], RESAMPLES, 0)
    np.testing.assert_array_equal(nested[1:4], alone[1:4])


def test_equal_entries_and_constant_differences():
    good = np.random.default_rng(4).normal(size=40)
    strata = [Stratum("counting", np.stack([good, good, good - 1]))]
    p = p_from_reference(strata, 0, [1, 2], [], RESAMPLES, 0)
    assert p[1:].tolist() == [1.0, 1 / (1 + RESAMPLES)]
    assert np.isnan(p_from_reference(strata, 0, [], [], RESAMPLES, 0)).all()


def test_a_thousand_models_take_seconds(monkeypatch):
    import time

    strata = best_first(field(np.random.default_rng(5), np.linspace(0, 1, 1000)))
    start = time.process_time()
    p = p_from_reference(strata, 0, list(range(1, 1000)), [], 10_000, 0)
    assert time.process_time() - start < 5
    assert 0.5 < (p[1:] <= LEVEL).mean() < 1
    # Where many may be the best, fewer resamples are looked at; the answer is the same but for chance.
    few = [Stratum(part.subset, part.figures[:60]) for part in strata]
    exact = p_from_reference(few, 0, list(range(1, 60)), [], 10_000, 0)
    monkeypatch.setattr(from_reference, "PAIRS_TIMES_RESAMPLES", 1)
    np.testing.assert_allclose(p_from_reference(few, 0, list(range(1, 60)), [], 10_000, 0), exact, atol=0.05)


def test_false_claims_are_as_rare_as_they_should_be():
    """A small run of `benchmarks/separation.py`; with 60 boards, 9 false ones are what a true 6 % gives once in 200."""
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "separation.py"
    spec = importlib.util.spec_from_file_location("benchmark_separation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for truth in (module.TRUTHS[0], module.TRUTHS[2]):
        figures = {name: error for name, error, _ in module.simulate(truth, {"x": 40}, 60, 200)}
        assert figures["from the best"] <= 9 / 60, truth.name
        assert figures["from the best, with junk"] <= 9 / 60, truth.name
