"""What the runs of a study say together, on curves whose answers are known."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tia2.finetune.diagnostics.curves import RunCurves
from tia2.finetune.study.outcome import (
    SeedMean,
    change_at,
    condition_outcome,
    paired_difference,
    pool_outcome,
)
from tia2.finetune.study.tables import rank_correlation


def curves_of(gold, proxy, kl):
    """A run with two training prompts and one held out, four images each, that have the given means."""
    gold, proxy, kl = (np.asarray(each, float) for each in (gold, proxy, kl))
    shape = (len(gold), 3, 4)
    return RunCurves(
        epochs=np.arange(len(gold)),
        updates=np.arange(len(gold)) * 2,
        kl=kl,
        step_kl=kl[:, None],
        prompts=("a", "b", "c"),
        held_out=np.array([False, False, True]),
        values={
            "gold": np.broadcast_to(gold[:, None, None], shape),
            "proxy": np.broadcast_to(proxy[:, None, None], shape),
        },
        validation=np.array([True, False, True, False]),
        names={"gold": "gold", "proxy": "proxy"},
    )


@pytest.fixture
def runs():
    return {
        0: curves_of([0.5, 0.7, 0.4], [1, 2, 3], [0, 4, 9]),
        1: curves_of([0.5, 0.6, 0.3], [1, 2, 4], [0, 1, 16]),
    }


def test_outcome_is_the_mean_of_each_seed_s_own_peak_and_fall(runs):
    outcome = condition_outcome("x", runs)
    assert outcome.seeds == (0, 1)
    assert outcome.gain.values == pytest.approx((0.2, 0.1))
    assert outcome.drop.values == pytest.approx((0.3, 0.3))
    assert outcome.change.mean == pytest.approx(-0.15)
    assert outcome.proxy_gain.values == (2, 3)
    assert outcome.peak_kl.mean == 2.5
    assert outcome.end_kl.mean == 12.5
    assert outcome.held_out_change.mean == pytest.approx(-0.15)
    assert outcome.verdicts == ("over-optimised", "over-optimised")


def test_interval_over_seeds_is_students():
    values = (0.1, 0.25, 0.4, 0.2)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert SeedMean(values).interval == pytest.approx((expected.low, expected.high))
    assert all(math.isnan(end) for end in SeedMean((0.1,)).interval)


def test_paired_difference_takes_the_seeds_that_both_have(runs):
    difference = paired_difference({**runs, 2: runs[0]}, {1: runs[0], 0: runs[1]})
    assert difference.values == pytest.approx((0.1, -0.1))


def test_gold_at_a_distance_lies_between_two_evaluations(runs):
    # √KL goes 0, 2, 3 and 0, 1, 4; gold .5, .7, .4 and .5, .6, .3.
    assert change_at(runs, 1.0).values == pytest.approx((0.1, 0.1))
    assert change_at(runs, 4.0).values == pytest.approx((0.2, 0.1 - 0.3 / 3))
    assert change_at(runs, 12.25).values == pytest.approx((0.1 - 0.3 * 2.5 / 3,)), "one run never comes that far"
    assert change_at(runs, 17.0).values == ()


def test_choice_among_a_pool_matches_a_direct_computation():
    rng = np.random.default_rng(0)
    pool = pd.DataFrame(
        {"prompt": ["a"] * 8 + ["b"] * 8, "gold": rng.integers(0, 2, 16).astype(float), "entry": rng.normal(size=16)}
    )
    outcome = pool_outcome("entry", [pool], (1, 8))
    best = [rows["gold"].iloc[rows["entry"].argmax()] for _, rows in pool.groupby("prompt")]
    assert outcome.gold[0].tolist() == pytest.approx([pool["gold"].mean(), np.mean(best)])
    positive, negative = (pool.loc[pool["gold"] == label, "entry"].to_numpy() for label in (1, 0))
    assert outcome.pooled.mean == pytest.approx((positive[:, None] > negative).mean())


def test_rank_correlation_is_spearmans_with_the_share_of_all_shuffles_beyond_it():
    static, outcome = [0.61, 0.7, 0.7, 0.52, 0.9, 0.75], [-0.1, 0.2, 0.05, 0.05, 0.3, 0.05]
    table = pd.DataFrame({"auroc": static, "change": outcome})
    rho, p = rank_correlation(table, "auroc", "change")
    assert rho == pytest.approx(stats.spearmanr(static, outcome).statistic, abs=1e-12)
    shuffled = [stats.spearmanr(order, outcome).statistic for order in permutations(static)]
    above = np.mean([each > rho - 1e-9 for each in shuffled])
    assert p == pytest.approx(2 * above, abs=1e-12)
    assert all(figure != figure for figure in rank_correlation(table[:3], "auroc", "change"))
