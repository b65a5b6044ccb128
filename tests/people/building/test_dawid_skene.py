"""The rater model against the authors' own example, another library's answer, and raters whose errors are known."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tia2.errors import StudyError
from tia2.people.building.dawid_skene import dawid_skene

_PATH = Path(__file__).with_name("anesthetists.py")
_SPEC = importlib.util.spec_from_file_location("anesthetists", _PATH)
ANESTHETISTS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ANESTHETISTS)


@pytest.fixture(scope="module")
def model():
    return dawid_skene(*np.array(ANESTHETISTS.VOTES).T, np.eye(4))


def test_the_published_shares_and_errors(model):
    """Dawid and Skene 1979, tables 2 and 4, to the two decimals that are printed."""
    assert np.round(model.classes, 2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert np.round(model.confusion[0], 2).tolist() == [
        [0.89, 0.11, 0.00, 0.00],
        [0.07, 0.88, 0.05, 0.00],
        [0.00, 0.34, 0.66, 0.00],
        [0.00, 0.00, 0.56, 0.44],
    ]


def test_patients_of_another_library(model):
    """crowd-kit 1.4.2 (Apache-2.0), `DawidSkene(n_iter=100000, tol=1e-13)`, whose likelihood is a little lower."""
    first = {0: 1.0, 2: 0.006932, 6: 0.98197, 14: 0.999997, 29: 0.999211, 41: 0.999819}
    third = {11: 0.979102, 31: 0.999979, 34: 0.048485, 37: 0.977311}
    for patient, share in first.items():
        assert model.posteriors[patient, 0] == pytest.approx(share, abs=0.01)
    for patient, share in third.items():
        assert model.posteriors[patient, 2] == pytest.approx(share, abs=0.03)


def test_it_is_a_maximum_of_the_likelihood(model):
    items, raters, answers = np.array(ANESTHETISTS.VOTES).T

    def likelihood(classes, confusion):
        by_item = np.ones((45, 4))
        for item, rater, answer in zip(items, raters, answers, strict=True):
            by_item[item] *= confusion[rater, :, answer]
        return np.log(by_item @ classes).sum()

    best = likelihood(model.classes, model.confusion)
    assert best == pytest.approx(model.log_likelihood, abs=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(50):
        moved = np.clip(model.confusion + rng.normal(0, 0.02, model.confusion.shape), 1e-9, None)
        moved /= moved.sum(axis=2, keepdims=True)
        assert likelihood(model.classes, moved) < best


def test_errors_of_raters_who_hesitate_are_found_and_a_contrarian_is_read_backwards():
    rng = np.random.default_rng(1)
    truth = rng.random(3000) < 0.4
    errors, unsure = np.array([0.05, 0.1, 0.2, 0.9]), np.array([0.0, 0.1, 0.05, 0.1])
    votes = [
        (item, rater, 2 if rng.random() < unsure[rater] else int(truth[item] != (rng.random() < errors[rater])))
        for item in range(3000)
        for rater in range(4)
    ]
    model = dawid_skene(*np.array(votes).T, np.array([[1, 0], [0, 1], [0.5, 0.5]]), prior=1.0)
    assert model.classes[1] == pytest.approx(0.4, abs=0.03)
    for rater in range(4):
        sure = 1 - unsure[rater]
        assert model.confusion[rater, 1, 2] == pytest.approx(unsure[rater], abs=0.03)
        assert model.confusion[rater, 1, 0] == pytest.approx(errors[rater] * sure, abs=0.04)
    assert ((model.posteriors[:, 1] > 0.5) == truth).mean() > 0.95


def test_no_votes_are_refused():
    nothing = np.zeros(0, dtype=int)
    with pytest.raises(StudyError, match="there are none"):
        dawid_skene(nothing, nothing, nothing, np.eye(2))
