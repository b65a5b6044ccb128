"""Strengths with ties, against published figures, closed forms and another optimiser of the literal likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated_pairs import simulated_worths, table_of

from tia2.errors import ResultError
from tia2.people.comparing.bradley_terry import bradley_terry, fit_strengths
from tia2.people.comparing.pair_votes import PairVotes

TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WON = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
"""American League 1987: how often the team of the row beat that of the column (Agresti 2002, table 10.10)."""


def literal(theta: np.ndarray, counts: np.ndarray) -> float:
    """Minus the logarithm of Davidson's likelihood, written as in the paper, with products of strengths."""
    pi, nu = np.exp(np.append(theta[:-1], 0.0)), np.exp(theta[-1])
    total = 0.0
    for i in range(len(pi)):
        for j in range(len(pi)):
            even = nu * np.sqrt(pi[i] * pi[j])
            below = pi[i] + pi[j] + even
            chances = np.array([pi[i] / below, even / below, pi[j] / below])
            total -= counts[i, j] @ np.log(chances)
    return total


def test_strengths_are_the_published_ones():
    counts = np.zeros((7, 7, 3))
    counts[:, :, 0] = WON
    fitted = fit_strengths(counts)
    published = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
    assert fitted.strengths - fitted.strengths[-1] == pytest.approx(published, abs=5e-5)
    assert fitted.bounded
    assert fitted.ties == 0


def test_another_optimiser_of_the_literal_likelihood_agrees():
    from scipy.optimize import minimize

    counts = np.random.default_rng(0).integers(0, 6, (4, 4, 3)).astype(float)
    counts[np.arange(4), np.arange(4)] = 0
    fitted = fit_strengths(counts)
    settings = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000, "adaptive": True}
    other = minimize(literal, np.zeros(4), args=(counts,), method="Nelder-Mead", options=settings)
    assert fitted.log_likelihood == pytest.approx(-other.fun, abs=1e-8)
    assert fitted.strengths[:3] - fitted.strengths[3] == pytest.approx(other.x[:3], abs=1e-5)
    assert fitted.ties == pytest.approx(np.exp(other.x[3]), abs=1e-5)


def test_two_models_have_the_closed_form():
    """Three shares and two parameters: the fit is exact, β − β' = ln(wins / losses), ν = ties / √(wins losses)."""
    counts = np.zeros((2, 2, 3))
    counts[0, 1], counts[1, 0] = (9, 3, 2), (1, 4, 5)
    fitted = fit_strengths(counts)
    assert np.diff(fitted.strengths)[0] == pytest.approx(-np.log(14 / 3))
    assert fitted.ties == pytest.approx(7 / np.sqrt(14 * 3))


def test_the_order_of_models_and_of_sides_changes_nothing():
    counts = np.random.default_rng(1).integers(1, 6, (3, 3, 3)).astype(float)
    counts[np.arange(3), np.arange(3)] = 0
    fitted = fit_strengths(counts)
    order = [2, 0, 1]
    assert fit_strengths(counts[np.ix_(order, order)]).strengths == pytest.approx(fitted.strengths[order], abs=1e-6)
    sides = counts.transpose(1, 0, 2)[:, :, ::-1]
    assert fit_strengths(sides).strengths == pytest.approx(fitted.strengths, abs=1e-6)
    turned = fit_strengths(counts[:, :, ::-1])
    assert turned.strengths == pytest.approx(-fitted.strengths, abs=1e-6)


def test_a_model_that_always_wins_is_pulled_and_said_so():
    counts = np.zeros((3, 3, 3))
    counts[0, 1, 0], counts[0, 2, 0], counts[1, 2] = 10, 10, (4, 2, 4)
    fitted = fit_strengths(counts)
    assert not fitted.bounded
    assert fitted.strengths[0] > 2 > fitted.strengths[1]
    assert fitted.strengths[1] == pytest.approx(fitted.strengths[2], abs=1e-6)
    assert np.isfinite(fitted.strengths).all()
    counts[1, 0, 0] = 1  # One loss bounds it again.
    assert fit_strengths(counts).bounded
    counts[1, 0] = (0, 1, 0)  # So does a tie.
    assert fit_strengths(counts).bounded


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({}, "no votes"),
        ({(0, 1): (0, 5, 0)}, "Every vote is a tie"),
        ({(0, 1): (2, 0, 1), (2, 3): (1, 0, 2)}, "never compared with the others"),
    ],
)
def test_what_has_no_strengths_is_refused(cells, message):
    counts = np.zeros((4, 4, 3)) if (2, 3) in cells else np.zeros((2, 2, 3))
    for pair, outcome in cells.items():
        counts[pair] = outcome
    with pytest.raises(ResultError, match=message):
        fit_strengths(counts)


def test_intervals_come_from_resampled_prompts():
    """Three models, 0.8 apart; the intervals have the truth and say who is better."""
    rng = np.random.default_rng(5)
    tables = []
    for pair, gap in ((("a", "b"), 0.8), (("b", "c"), 0.8), (("a", "c"), 1.6)):
        tables.append(table_of(simulated_worths(rng, (1, 60, 2), gap, 0.0, 0.0)[0], models=pair).frame)
    fitted = bradley_terry(PairVotes(pd.concat(tables)), resamples=60)
    assert fitted.models == ("a", "b", "c")
    assert (fitted.low < fitted.strengths).all()
    assert (fitted.strengths < fitted.high).all()
    # Logistic noise and a threshold for ties aren't Davidson's model, but near it.
    assert ((fitted.low < [0.8, 0, -0.8]) & (fitted.high > [0.8, 0, -0.8])).all()
    assert fitted.better[0, 2] == 1
    assert fitted.better + fitted.better.T == pytest.approx(np.ones((3, 3)))
    again = bradley_terry(PairVotes(pd.concat(tables)), resamples=60)
    assert (again.low == fitted.low).all()


def test_all_resamples_together_are_those_fitted_one_by_one():
    from tia2.people.comparing.bradley_terry import _refit

    rng = np.random.default_rng(0)
    tables = rng.integers(0, 5, (12, 3, 3, 3)).astype(float)
    tables[:, np.arange(3), np.arange(3)] = 0
    tables[0, :, :, 1] = 0  # without ties
    tables[1, :, 2], tables[1, 2, :] = 0, 0
    tables[1, 2, :2, 0] = 4  # the last always wins
    tables[2, :, 2], tables[2, 2, :] = 0, 0  # and here it isn't there
    start = fit_strengths(tables.sum(axis=0)).parameters
    together = _refit(tables, start)
    for number, table in enumerate(tables):
        if number == 2:
            assert np.isnan(together[number]).all()
        else:
            assert together[number] == pytest.approx(fit_strengths(table).strengths, abs=1e-5)
