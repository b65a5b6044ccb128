"""Best-of-n on the embedded benchmark, against figures that an independent prototype gave."""

from __future__ import annotations

import numpy as np
import pytest

from tia2.calibration import TextNorm
from tia2.finetune import best_of_n_curves

NUMBERS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 50]
RAW = {
    ("mini-vivid", "overall"): (0.703, 0.827, 0.838, 0.867),
    ("mini-web", "overall"): (0.703, 0.823, 0.822, 0.817),
    ("mini-countblind", "overall"): (0.703, 0.807, 0.805, 0.850),
    ("mini-countblind", "counting"): (0.680, 0.702, 0.672, 0.700),
    ("mini-strong", "overall"): (0.703, 0.905, 0.935, 0.950),
}
TEXTNORM = {
    ("mini-vivid", "overall"): (0.703, 0.826, 0.800, 0.750),
    ("mini-web", "overall"): (0.703, 0.810, 0.793, 0.767),
    ("mini-countblind", "overall"): (0.703, 0.772, 0.724, 0.717),
    ("mini-countblind", "counting"): (0.680, 0.619, 0.496, 0.450),
    ("mini-strong", "overall"): (0.703, 0.897, 0.919, 0.917),
}


@pytest.mark.parametrize(("calibration", "expected"), [(None, RAW), (TextNorm(), TEXTNORM)], ids=["raw", "textnorm"])
def test_gold_of_the_exact_judge(embedded, judge_accepts, calibration, expected):
    """The prototype's gold was the exact judge's verdict on the benchmark's images, not the simulated votes."""
    for (name, subset), figures in expected.items():
        result = best_of_n_curves(embedded[name], calibration, gold=judge_accepts, resamples=200)
        assert result.n == NUMBERS
        gold = result.parts[subset].gold.mean
        assert tuple(np.round([gold[NUMBERS.index(n)] for n in (1, 4, 16, 50)], 3)) == figures, (name, subset)


def test_textnorm_of_a_count_blind_reward_falls_below_chance_on_counting(embedded, judge_accepts):
    result = best_of_n_curves(embedded["mini-countblind"], TextNorm(), gold=judge_accepts, limit=16)
    part = result.subsets["counting"]
    at = result.n.index(16)
    assert part.gain.mean[at] == pytest.approx(-0.184, abs=5e-4)
    # The prototype's interval, (−.328, −.031), came from resamples of its own.
    assert part.gain.low[at] == pytest.approx(-0.328, abs=0.02)
    assert part.gain.high[at] == pytest.approx(-0.031, abs=0.02)
    assert part.peak.inside
    assert part.peak.n == 1


def test_votes_say_the_same(embedded):
    raw, calibrated = (best_of_n_curves(embedded["mini-countblind"], how) for how in (None, TextNorm()))
    assert not raw.overall.peak.inside
    assert calibrated.overall.peak.inside
    assert (calibrated.overall.peak.n, calibrated.limit) == (3, 12)


@pytest.mark.slow
def test_verdicts_are_the_judge_s(judge_accepts):
    from tia2.benchmark import load
    from tia2.miniworld.judge import judge

    benchmark = load("mini")
    rows = np.random.default_rng(0).choice(len(benchmark), 150, replace=False)
    prompts = benchmark.items["prompt"].to_numpy()
    accepted = [judge(image, prompts[row]).accepted for row, image in zip(rows, benchmark.images(rows), strict=True)]
    assert accepted == judge_accepts[rows].astype(bool).tolist()
