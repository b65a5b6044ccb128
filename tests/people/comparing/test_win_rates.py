"""Win rates: intervals that cover, mirrors, sides, and votes that are none."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from simulated_pairs import simulated_worths, table_of, true_rate

from tia2.errors import ResultError, UnknownNameError
from tia2.people.comparing.clustered import CAUTION, clustered_mean
from tia2.people.comparing.pair_votes import COLUMNS, PairVotes
from tia2.people.comparing.win_rates import position_bias, win_rate, win_rates


def crossed(prompts: int, raters: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.meshgrid(np.arange(prompts), np.arange(raters), indexing="ij")
    return rows.ravel(), columns.ravel()


@pytest.mark.parametrize(
    ("prompts", "raters", "mean", "of_raters"),
    [(20, 3, 0.0, 0.0), (20, 3, 0.8, 0.3), (100, 5, 0.0, 0.4), (100, 5, 0.8, 0.2), (200, 3, 1.0, 0.4)],
)
def test_intervals_cover_with_effects_of_prompts_and_raters(prompts, raters, mean, of_raters):
    rng = np.random.default_rng(prompts + int(10 * of_raters))
    studies = 700
    worths = simulated_worths(rng, (studies, prompts, raters), mean, 1.0, of_raters)
    truth, clusters = true_rate(mean, 1.0, of_raters), crossed(prompts, raters)
    intervals = [clustered_mean(study.ravel(), *clusters, bounds=(0.0, 1.0)) for study in worths]
    coverage = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    # 700 studies tell 95 % within 1.6 points; benchmarks/people.py has 4,000 of each.
    assert 0.93 <= coverage <= 0.975
    if of_raters >= 0.4:
        alone = [clustered_mean(study.ravel(), clusters[0], 0 * clusters[1]) for study in worths]
        assert np.mean([interval.low <= truth <= interval.high for interval in alone]) < 0.85


def test_components_are_those_of_the_analysis_of_variance():
    """With every rater on every prompt, against its textbook formulas."""
    rng = np.random.default_rng(0)
    n, m = 12, 4
    y = rng.normal(size=(n, m)) + rng.normal(size=(n, 1)) + rng.normal(size=(1, m))
    result = clustered_mean(y.ravel(), *crossed(n, m))
    grand, rows, columns = y.mean(), y.mean(axis=1), y.mean(axis=0)
    of_rows = m * ((rows - grand) ** 2).sum() / (n - 1)
    of_columns = n * ((columns - grand) ** 2).sum() / (m - 1)
    rest = ((y - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (m - 1))
    assert astuple(result.components) == pytest.approx(((of_rows - rest) / m, (of_columns - rest) / n, rest))
    of_raters = (of_columns - rest) * (m - 1) / chi2(m - 1).median()
    assert result.se == pytest.approx(np.sqrt((of_rows + of_raters) / (n * m)))
    both = of_rows + of_raters
    freedom = both**2 / (
        of_rows**2 / (n - 1)
        + (of_raters + rest) ** 2 / (m - 1)
        + rest**2 / ((n - 1) * (m - 1))
        + CAUTION * of_rows / both * of_raters**2 / (m - 1)
    )
    assert result.freedom == pytest.approx(freedom)


def test_components_of_unequal_numbers_of_votes_are_unbiased():
    """Four hundred tables with gaps; the truth is what they were drawn with."""
    rng = np.random.default_rng(3)
    prompts, raters = rng.integers(0, 15, 60), rng.integers(0, 6, 60)
    estimates = []
    for _ in range(400):
        y = rng.normal(size=15)[prompts] + 0.7 * rng.normal(size=6)[raters]
        cells = 0.5 * rng.normal(size=(15, 6))[prompts, raters]
        estimates.append(astuple(clustered_mean(y + cells, prompts, raters).components))
    means = np.mean(estimates, axis=0)
    errors = np.std(estimates, axis=0) / 20
    # Components of raters and votes are cut at 0, which adds a little.
    assert (np.abs(means - [1.0, 0.49, 0.25]) < 4 * errors + 0.02).all()


def test_a_single_rater_leaves_students_t_over_prompts():
    from scipy import stats

    y = np.random.default_rng(0).integers(0, 3, 30) / 2
    result = clustered_mean(y, np.arange(30), np.zeros(30, np.intp))
    expected = stats.t.interval(0.95, 29, y.mean(), stats.sem(y))
    assert (result.low, result.high) == pytest.approx(expected)
    assert result.p_value(0.5) == pytest.approx(stats.ttest_1samp(y, 0.5).pvalue)


def test_every_vote_of_another_rater_is_clustered_by_prompt():
    y = np.array([1, 1, 0, 1, 0, 0, 1, 1.0])
    result = clustered_mean(y, np.arange(8) // 2, np.arange(8))
    means = y.reshape(4, 2).mean(axis=1)
    assert result.se == pytest.approx(means.std(ddof=1) / 2)


def test_prompts_that_all_have_the_same_mean_leave_an_interval():
    """One vote for each model on every prompt: between prompts nothing varies, and yet nothing is certain."""
    y = np.tile([1.0, 0.0], 10)
    result = clustered_mean(y, np.arange(20) // 2, np.arange(20) % 2, bounds=(0.0, 1.0))
    assert result.low < 0.5 < result.high
    result = clustered_mean(y, np.arange(20) // 2, np.zeros(20, np.intp), bounds=(0.0, 1.0))
    assert 0.1 < result.high - result.low < 0.9


@pytest.mark.parametrize("worth", [0.0, 0.5, 1.0])
def test_unanimous_votes_leave_the_exact_interval_of_a_share_nobody_showed(worth):
    from scipy import stats

    result = clustered_mean(np.full(30, worth), np.arange(30) // 3, np.arange(30) % 3, bounds=(0.0, 1.0))
    reach = 1 - stats.binomtest(10, 10).proportion_ci(0.95, method="exact").low
    assert result.low == pytest.approx(worth - reach * worth)
    assert result.high == pytest.approx(worth + reach * (1 - worth))


def test_the_other_model_sees_everything_mirrored(votes):
    rate, mirrored = (win_rate(votes.between(*pair)) for pair in (("ours", "theirs"), ("theirs", "ours")))
    assert mirrored.rate.mean == pytest.approx(1 - rate.rate.mean)
    assert mirrored.rate.low == pytest.approx(1 - rate.rate.high)
    assert mirrored.rate.high == pytest.approx(1 - rate.rate.low)
    assert mirrored.ties == rate.ties
    assert mirrored.wins.mean == pytest.approx(rate.losses.mean)
    assert mirrored.p_value == pytest.approx(rate.p_value)
    assert mirrored.position.mean == pytest.approx(rate.position.mean)
    assert rate.wins.mean + rate.ties.mean / 2 == pytest.approx(rate.rate.mean)
    swapped = votes.between("ours", "theirs").swapped()
    assert win_rate(swapped).rate.mean == pytest.approx(mirrored.rate.mean)


def test_turning_every_pair_round_turns_the_effect_of_position_alone(votes):
    turned = votes.frame.rename(columns={"left": "right", "right": "left"})
    turned["choice"] = turned["choice"].map({"left": "right", "right": "left", "tie": "tie"})
    before, after = (win_rate(table.between("ours", "theirs")) for table in (votes, PairVotes(turned)))
    assert after.rate == before.rate
    assert after.position.mean == pytest.approx(-before.position.mean)


def test_raters_who_favour_the_left_are_seen():
    rng = np.random.default_rng(0)
    table = table_of(simulated_worths(rng, (1, 80, 3), 0.3, 0.5, 0.0)[0])
    fair = position_bias(table.between("ours", "theirs"))
    assert fair.low < 0 < fair.high
    frame = table.frame.copy()
    frame.loc[rng.random(len(frame)) < 0.5, "choice"] = "left"
    biased = position_bias(PairVotes(frame).between("ours", "theirs"))
    assert 0.15 < biased.mean < 0.35
    assert biased.p_value(0.0) < 0.001
    # Half of the raters' votes say nothing, yet who is better is still seen, since both stood on both sides.
    assert win_rate(PairVotes(frame).between("ours", "theirs")).rate.mean > 0.5


def test_a_model_that_always_stood_on_the_left_has_no_effect_of_position(votes):
    left = PairVotes(votes.frame[votes.frame["left"] == "ours"])
    assert win_rate(left.between("ours", "theirs")).position is None


def test_every_pair_of_models_has_a_rate():
    worths = np.ones((6, 2))
    frame = pd.concat(
        [table_of(worths, models=pair).frame.assign(item_id=lambda t, p=pair: t["item_id"]) for pair in ("ab", "bc")]
    )
    rates = win_rates(PairVotes(frame))
    assert [(rate.first, rate.second, rate.rate.mean) for rate in rates] == [("a", "b", 1.0), ("b", "c", 1.0)]


ROW = ("p", "p/0", "a", "b", "Ada", "alignment", "left", 0.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(*ROW[:6], "both", 0.0)], "Expected a choice of left, right or tie, got 'both'"),
        ([(*ROW[:3], "a", *ROW[4:])], "a is compared with itself"),
        ([ROW, ROW], r"Ada voted twice on p/0 \(alignment\)"),
        ([ROW, ("q", *ROW[1:4], "Bo", *ROW[5:])], "An item belongs to two prompts"),
        ([(*ROW[:4], None, *ROW[5:])], "the column rater has some"),
        ([ROW, ("p", "p/0", "b", "a", *ROW[4:])], "Ada voted twice"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(rows, message):
    with pytest.raises(ResultError, match=message) as error:
        PairVotes(pd.DataFrame(rows, columns=COLUMNS))
    assert "\n" not in str(error.value)


def test_what_was_not_asked_is_refused(votes):
    with pytest.raises(ResultError, match="choice is missing"):
        PairVotes(votes.frame.drop(columns="choice"))
    with pytest.raises(UnknownNameError, match="Did you mean 'ours'"):
        votes.between("our", "theirs")
    with pytest.raises(UnknownNameError, match="aspect 'beauty'"):
        votes.of_aspect("beauty")
    with pytest.raises(ResultError, match="no votes"):
        win_rates(PairVotes(votes.frame[:0]))
    with pytest.raises(ResultError, match="no votes"):
        clustered_mean(np.empty(0), np.empty(0, np.intp), np.empty(0, np.intp))
