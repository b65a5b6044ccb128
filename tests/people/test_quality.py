"""How a study goes: agreement against the evaluation's, raters who stand apart, and exact counts."""

from __future__ import annotations

import numpy as np
import pytest
from large_study import voted_study

from tia2.evaluation.people.agreement import krippendorff_alpha
from tia2.people.quality import alpha_of, state_of
from tia2.people.store.study import Study
from tia2.people.store.table import VoteTable


@pytest.fixture(scope="module")
def study(voted):
    opened = Study(voted)
    yield opened
    opened.close()


def test_the_spammer_and_the_contrarian_stand_apart_and_nobody_else(study):
    raters = state_of(study).raters
    assert {rater.name for rater in raters if rater.apart} == {"Spammer", "Contrarian"}
    gold = {rater.name: rater.gold for rater in raters}
    assert gold["Contrarian"] < 0.3
    assert gold["Spammer"] < 0.6
    assert gold["Careful"] > 0.8
    repeated = {rater.name: rater.repeated for rater in raters}
    assert repeated["Spammer"] < 0.6 < repeated["Careful"]


def test_alpha_is_that_of_the_votes_and_leaves_checks_out(study):
    frame = study.votes()
    frame = frame[frame["slot"] == "item"]
    worths = frame["alignment"].map({"yes": 1.0, "no": 0.0, "unsure": 0.5})
    wide = frame.assign(worth=worths).pivot(index="item", columns="rater", values="worth").to_numpy()
    state = state_of(study)
    assert state.alpha["alignment"] == pytest.approx(krippendorff_alpha(wide[None]), abs=1e-12)
    assert state.alphas[-1] == state.alpha["alignment"]
    assert (state.votes, state.wanted, state.finished, state.items) == (576, 576, 144, 144)


def test_items_in_dispute_are_those_whose_votes_are_split(study):
    matrix = VoteTable.of(study).matrix(0)
    for disputed in state_of(study).disputed:
        votes = matrix[disputed.number][np.isfinite(matrix[disputed.number])]
        assert len(votes) == disputed.votes
        assert votes.mean() == pytest.approx(disputed.mean)
        assert 0.3 < disputed.mean < 0.7


def test_a_new_study_has_a_state(new_study):
    study = new_study()
    study.add_rater("Ann")
    state = state_of(study)
    assert (state.votes, state.wanted, state.finished) == (0, 18, 0)
    assert np.isnan(state.alpha["alignment"])
    assert state.disputed == []
    assert np.isnan(alpha_of(np.zeros((0, 0))))


def test_five_thousand_items_get_three_votes_each(tmp_path):
    study = voted_study(tmp_path / "study")
    state = state_of(study)  # benchmarks/dashboard.py says how long this takes
    assert (state.votes, state.finished) == (15_000, 5000)
    counts = study.votes().groupby("item").agg(votes=("rater", "size"), raters=("rater", "nunique"))
    assert (counts == 3).all(axis=None)
    study.close()
