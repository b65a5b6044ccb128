"""Many entries: rank intervals, p-values and groups against literal definitions and simulation."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_rel

from tia2.errors import ResultError
from tia2.evaluation.comparing.letters import tie_groups
from tia2.evaluation.comparing.many_entries import paired_p, runs, separable_pairs
from tia2.evaluation.comparing.rank_intervals import rank_intervals
from tia2.evaluation.comparing.separation import EXACT, separation
from tia2.evaluation.comparing.simultaneous import LEVEL, Stratum, differences, holm, resampled_means

SIZES = {"comprehensive": 84, "counting": 146, "composition": 295}


def field(rng, skill, sizes=SIZES):
    """Entries of ten families that share the prompts' difficulty, a family's error and skewed errors of their own."""
    strata = []
    for name, prompts in sizes.items():
        difficulty = rng.normal(size=prompts)
        families = rng.normal(size=(10, prompts))[np.arange(len(skill)) % 10]
        own = rng.standard_gamma(2, size=(len(skill), prompts)) - 2
        strata.append(Stratum(name, 0.7 + skill[:, None] + 0.1 * difficulty + 0.06 * families + 0.04 * own))
    return strata


def literal_rank_intervals(means, confidence):
    better = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    worse = means.shape[1] - (means[:, None, :] < means[:, :, None]).sum(axis=2)
    tail = (1 - confidence) / 2
    best = np.quantile(better, tail, axis=0, method="inverted_cdf")
    worst = np.quantile(worse, 1 - tail, axis=0, method="inverted_cdf")
    return best.tolist(), worst.tolist()


@pytest.mark.parametrize("levels", [2, 7, None])
@pytest.mark.parametrize(("resamples", "entries"), [(1, 1), (39, 1), (40, 2), (101, 9), (1000, 30)])
@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_rank_intervals_equal_their_definition(levels, resamples, entries, confidence, monkeypatch):
    monkeypatch.setattr("tia2.evaluation.comparing.rank_intervals.BLOCK", 64)
    means = np.random.default_rng(0).normal(size=(resamples, entries)) + np.arange(entries) / 5
    if levels:
        means = np.round(means * levels / np.abs(means).max())
    means[:, entries // 2 :: 3] = means[:, [0]]  # entries that are alike on every prompt
    low, high = rank_intervals(means, confidence)
    assert (low.tolist(), high.tolist()) == literal_rank_intervals(means, confidence)


def test_resampled_means_are_those_of_the_subsets_averaged():
    strata = field(np.random.default_rng(0), np.zeros(5))
    literal = np.mean([resampled_means([part], 300, seed=2) for part in strata], axis=0)
    assert (resampled_means(strata, 300, seed=2) == literal).all()


def test_p_values_are_those_of_the_paired_t_test():
    figures = field(np.random.default_rng(0), np.linspace(0, 0.1, 8))[0].figures
    pairs = itertools.combinations(figures, 2)
    np.testing.assert_allclose(
        paired_p([Stratum("a", figures)]), [ttest_rel(*pair).pvalue for pair in pairs], rtol=1e-9
    )


def test_p_values_and_groups_of_several_subsets_equal_a_literal_loop():
    strata = field(np.random.default_rng(1), np.linspace(0, 0.05, 12), {"a": 9, "b": 14, "c": 40})
    pairs = list(itertools.combinations(range(12), 2))
    p = []
    for first, second in pairs:
        gaps = [part.figures[first] - part.figures[second] for part in strata]
        variances = np.array([np.var(gap, ddof=1) / len(gap) for gap in gaps])
        freedom = variances.sum() ** 2 / sum(v**2 / (len(g) - 1) for v, g in zip(variances, gaps, strict=True))
        t = np.mean([gap.mean() for gap in gaps]) / (np.sqrt(variances.sum()) / 3)
        p.append(2 * student.sf(abs(t), freedom))
    np.testing.assert_allclose(paired_p(strata), p, rtol=1e-9)
    expected = np.zeros((12, 12), dtype=bool)
    for step, place in enumerate(np.argsort(p)):
        if p[place] > LEVEL / (len(p) - step):
            break
        expected[pairs[place]] = expected[pairs[place][::-1]] = True
    found = separable_pairs(strata)
    assert (found == expected).all()
    assert 0 < found.mean() < 0.9


def test_near_copies_keep_their_digits():
    rng = np.random.default_rng(2)
    figures = rng.random(60)
    near = figures + 1e-9 * rng.normal(size=60)
    assert paired_p([Stratum("a", np.stack([figures, near]))])[0] == pytest.approx(
        ttest_rel(figures, near).pvalue, rel=1e-5
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_identical_entries_and_constant_differences(order):
    rng = np.random.default_rng(3)
    strata = []
    for name, prompts in SIZES.items():
        figures = rng.random(prompts)
        stacked = np.stack([figures, figures, figures + 1e-3, np.full(prompts, 0.5), np.full(prompts, 0.5)])
        strata.append(Stratum(name, np.asarray(stacked, order=order)))
    for group in ([strata[0]], strata):
        p = dict(zip(itertools.combinations(range(5), 2), paired_p(group), strict=True))
        assert p[0, 1] == p[3, 4] == 1
        assert p[0, 2] == p[1, 2] == 0
        found = separable_pairs(group)
        assert (found == found.T).all()
        assert not found.diagonal().any()
        assert (found[0, 2], found[0, 1], found[3, 4]) == (True, False, False)


@pytest.mark.parametrize("seed", range(5))
def test_constant_differences_that_cancel_over_subsets_are_none(seed):
    figures = np.random.default_rng(seed).random((2, 77))
    strata = [
        Stratum("a", np.stack([figures[0], figures[0] + 0.1])),
        Stratum("b", np.stack([figures[1] + 0.1, figures[1]])),
    ]
    assert paired_p(strata).tolist() == [1]


def test_equal_entries_are_rarely_told_apart():
    rng = np.random.default_rng(5)
    benchmarks = 300
    wrong = plain = 0
    for _ in range(benchmarks):
        strata = field(rng, np.zeros(60))
        p = paired_p(strata)
        wrong += bool(holm(p).min() <= LEVEL)
        plain += bool(p.min() <= LEVEL)
    assert wrong / benchmarks <= 0.06, wrong / benchmarks
    assert plain / benchmarks > 0.9


def random_separable(entries, share, seed):
    upper = np.triu(np.random.default_rng(seed).random((entries, entries)) < share, 1)
    return upper | upper.T


@given(st.integers(0, 60), st.floats(0, 1), st.integers(0, 1000))
def test_runs_are_the_longest_without_a_separable_pair(entries, share, seed):
    separable = random_separable(entries, share, seed)
    letters = runs(separable)
    spaced = any("aa" in one.split() for one in letters)
    names = [set(one.split() if spaced else one) for one in letters]
    assert len(letters) == entries
    assert all(names)
    literal = {
        (start, end)
        for start in range(entries)
        for end in range(start, entries)
        if not separable[start : end + 1, start : end + 1].any()
    }
    longest = {run for run in literal if (run[0] - 1, run[1]) not in literal and (run[0], run[1] + 1) not in literal}
    holders = {}
    for entry, own in enumerate(names):
        for name in own:
            holders.setdefault(name, []).append(entry)
    assert {(min(held), max(held)) for held in holders.values()} == longest
    assert all(len(held) == max(held) - min(held) + 1 for held in holders.values())
    assert not any(separable[pair] for held in holders.values() for pair in itertools.combinations(held, 2))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_letters_of_intervals_are_those_of_the_exact_display(reach):
    """Each entry reaches so many places down, and at least as far as the one above it."""
    entries = len(reach)
    ends = np.maximum.accumulate([min(place + far, entries - 1) for place, far in enumerate(reach)])
    places = np.arange(entries)
    upper = places > ends[:, None]
    pairs = [(int(first), int(second)) for first, second in np.argwhere(upper)]
    assert runs(upper | upper.T) == tie_groups(entries, pairs)


def test_many_groups_have_spaces_between_their_names():
    chain = np.abs(np.subtract.outer(np.arange(30), np.arange(30))) > 1
    letters = runs(chain)
    assert letters[0] == "a"
    assert letters[25:28] == ["y z", "z aa", "aa ab"]
    assert runs(chain[:27, :27])[25:] == ["yz", "z"]


def test_few_entries_are_separated_on_the_resamples():
    strata = field(np.random.default_rng(6), np.array([0.0, 0.03, 0.03, 0.1, 0.0]))
    for part in strata:
        part.figures[4] = part.figures[0]
    for group in ([strata[1]], strata):
        found = separation(group, 500, seed=3)
        means = np.mean([part.figures.mean(axis=1) for part in group], axis=0)
        order = np.argsort(-means, kind="stable")
        best_first = [Stratum(part.subset, part.figures[order]) for part in group]
        pairs = differences(best_first, 500, seed=3)
        low, high = rank_intervals(resampled_means(best_first, 500, seed=3))
        letters = tie_groups(5, [tuple(pair) for pair in pairs.pairs[pairs.adjusted <= LEVEL].tolist()])
        assert found.mean.tolist() == means.tolist()
        assert found.rank[order].tolist() == [1, 2, 3, 4, 5]
        assert found.rank[0] == found.rank[4] - 1
        assert found.rank_low[order].tolist() == low.tolist()
        assert found.rank_high[order].tolist() == high.tolist()
        assert [found.group[entry] for entry in order] == letters


def test_more_entries_are_separated_by_t_tests():
    rng = np.random.default_rng(7)
    strata = field(rng, rng.permutation(np.linspace(0, 0.15, EXACT + 1)))
    found = separation(strata, 500, seed=0)
    order = np.argsort(found.rank)
    assert (np.diff(found.mean[order]) <= 0).all()
    separable = separable_pairs([Stratum(part.subset, part.figures[order]) for part in strata])
    assert [found.group[entry] for entry in order] == runs(separable)
    assert len(set(found.group)) > 3
    exact = separation([Stratum(part.subset, part.figures[:EXACT]) for part in strata], 500, seed=0)
    assert np.corrcoef(exact.rank, found.rank[:EXACT])[0, 1] > 0.99


def test_the_two_regimes_nearly_agree():
    strata = field(np.random.default_rng(8), np.linspace(0.15, 0, EXACT))
    resampled = differences(strata, 4000, seed=0).adjusted <= LEVEL
    tested = separable_pairs(strata)[np.triu_indices(EXACT, 1)]
    assert 0.2 < tested.mean() < 0.95
    assert (tested != resampled).mean() < 0.03


def test_one_entry_and_none():
    strata = field(np.random.default_rng(9), np.zeros(1))
    alone = separation(strata, 100, seed=0)
    assert alone.mean == pytest.approx(np.mean([part.figures.mean() for part in strata]))
    assert (alone.rank.tolist(), alone.rank_low.tolist(), alone.rank_high.tolist()) == ([1], [1], [1])
    assert alone.group == ["a"]
    for nothing in ([Stratum("a", np.empty((0, 9)))], []):
        empty = separation(nothing, 100, seed=0)
        assert [len(array) for array in (empty.mean, empty.rank, empty.rank_low, empty.rank_high, empty.group)] == [
            0
        ] * 5


def test_a_subset_with_a_single_prompt_is_refused():
    strata = [Stratum("counting", np.zeros((3, 4))), Stratum("tiny", np.zeros((3, 1)))]
    with pytest.raises(
        ResultError, match=r"^tiny has fewer than two prompts whose labels differ; a comparison needs two"
    ):
        separation(strata, 100, seed=0)


def test_a_thousand_entries_take_seconds():
    rng = np.random.default_rng(10)
    strata = field(rng, rng.normal(scale=0.03, size=1000))
    start = time.process_time()
    found = separation(strata, 10_000, seed=0)
    # About 2 s on one core; time of this process, so that other processes on the machine don't count against it.
    assert time.process_time() - start < 20
    assert sorted(found.rank.tolist()) == list(range(1, 1001))
    assert (found.rank_low <= found.rank_high).all()
