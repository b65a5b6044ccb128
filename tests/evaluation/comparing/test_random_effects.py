"""Random effects: a published meta-analysis comes out, and what the formulas promise holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tia2.errors import ResultError
from tia2.evaluation.comparing.random_effects import random_effects

# Thirteen trials of a vaccine (Colditz et al. 1994): ill and well of the vaccinated, ill and well of the others.
TRIALS = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
        [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232],
        [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
    ], np.float64,
)  # fmt: skip


def trials() -> tuple[np.ndarray, np.ndarray]:
    """Return log risk ratios with their variances."""
    a, b, c, d = TRIALS.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_a_published_meta_analysis_comes_out():
    """Numbers of statsmodels 0.14, combine_effects(..., method_re="iterated", use_t=True)."""
    together = random_effects(*trials())
    assert together.tau**2 == pytest.approx(0.31806845220502394, rel=1e-9)
    assert together.mean == pytest.approx(-0.7149681534934442, rel=1e-9)
    assert (together.low, together.high) == pytest.approx((-1.10909838, -0.32083793), abs=1e-8)
    assert together.q == pytest.approx(152.2330080823733, rel=1e-12)
    assert together.i2 == pytest.approx(0.9211734685456205, rel=1e-12)
    assert together.p == pytest.approx(stats.chi2.sf(152.2330080823733, 12))


def test_alike_studies_have_no_spread_and_the_usual_standard_error():
    together = random_effects([0.2, 0.21, 0.19], [0.01, 0.02, 0.04])
    assert (together.tau, together.i2) == (0.0, 0.0)
    precision = 1 / 0.01 + 1 / 0.02 + 1 / 0.04
    assert together.high - together.mean == pytest.approx(stats.t.isf(0.025, 2) / np.sqrt(precision))
    assert together.predicted_high - together.mean == pytest.approx(stats.t.isf(0.025, 1) / np.sqrt(precision))


def test_two_studies_predict_nothing():
    together = random_effects([0.0, 1.0], [0.01, 0.01])
    assert together.mean == pytest.approx(0.5)
    assert together.tau**2 == pytest.approx(0.5 - 0.01)
    assert np.isnan([together.predicted_low, together.predicted_high]).all()


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(1e-4, 1)), min_size=2, max_size=8),
    st.floats(-2, 2),
    st.floats(0.1, 10),
)
def test_shifting_and_scaling_the_estimates_shifts_and_scales_the_answer(studies, shift, scale):
    y, v = np.array(studies).T
    plain, moved = random_effects(y, v), random_effects(shift + scale * y, scale**2 * v)
    assert moved.mean == pytest.approx(shift + scale * plain.mean, abs=1e-6)
    assert moved.high - moved.low == pytest.approx(scale * (plain.high - plain.low), rel=1e-5, abs=1e-9)
    assert moved.i2 == pytest.approx(plain.i2, abs=1e-6)
    assert plain.low <= plain.mean <= plain.high


def test_intervals_cover_the_mean_and_the_next_study():
    rng = np.random.default_rng(0)
    covered = predicted = 0
    for _ in range(600):
        v = rng.uniform(0.005, 0.02, 6)
        true = rng.normal(0.1, 0.3, 7)
        together = random_effects(rng.normal(true[:6], np.sqrt(v)), v)
        covered += together.low <= 0.1 <= together.high
        predicted += together.predicted_low <= true[6] <= together.predicted_high
    assert 0.93 < covered / 600 < 0.98
    assert 0.91 < predicted / 600 < 0.98


@pytest.mark.parametrize(
    ("y", "v"), [([0.1], [0.1]), ([0.1, 0.2], [0.1]), ([0.1, 0.2], [0.1, 0.0]), ([0.1, np.nan], [0.1, 0.1]), (0.1, 0.1)]
)
def test_what_cannot_be_combined_is_refused(y, v):
    with pytest.raises(ResultError, match="Expected"):
        random_effects(y, v)
