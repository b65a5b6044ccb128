"""Agreement of judges and of people, alpha, and pairs in dispute, against literal counts."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tia2.errors import ResultError
from tia2.evaluation.people.agreement import krippendorff_alpha
from tia2.people.comparing.disputes import disputed_pairs
from tia2.people.comparing.judges import judged_contest, people_agree
from tia2.people.comparing.people_alpha import contest_alpha


@pytest.fixture
def contest(votes):
    return votes.between("ours", "theirs")


@pytest.fixture
def differences(contest) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return {item: float(rng.normal(0.3)) for item in sorted(set(contest.items))}


def test_agreement_is_the_share_of_votes_for_the_judges_side(contest, differences):
    judged = judged_contest(contest, "proxy", differences)
    sided = [(item, worth) for item, worth in zip(contest.items, contest.worths, strict=True) if worth != 0.5]
    hits = [(differences[item] > 0) == (worth == 1) for item, worth in sided]
    assert judged.agreement.mean == pytest.approx(np.mean(hits))
    assert judged.agreement.votes == len(sided)
    assert judged.rate.mean == pytest.approx(np.mean([gap > 0 for gap in differences.values()]))
    assert judged.pairs == 40


def test_the_mirror_changes_no_agreement(contest, differences):
    judged = judged_contest(contest, "proxy", differences)
    mirrored = judged_contest(contest.swapped(), "proxy", {item: -gap for item, gap in differences.items()})
    assert mirrored.agreement == judged.agreement
    assert mirrored.people == judged.people
    assert mirrored.rate.mean == pytest.approx(1 - judged.rate.mean)


def test_people_are_compared_with_most_of_the_others(contest):
    hits = []
    for row, worth in enumerate(contest.worths):
        others = [contest.worths[k] for k, item in enumerate(contest.items) if item == contest.items[row] and k != row]
        if worth != 0.5 and np.mean(others) != 0.5:
            hits.append((np.mean(others) > 0.5) == (worth == 1))
    assert people_agree(contest).mean == pytest.approx(np.mean(hits))


def test_a_judge_that_ties_agrees_by_half(contest):
    judged = judged_contest(contest, "flat", dict.fromkeys(contest.items, 0.0))
    assert judged.agreement.mean == 0.5
    assert judged.rate.mean == 0.5


def test_judges_without_scores_are_refused(contest):
    with pytest.raises(ResultError, match="proxy has a score for none"):
        judged_contest(contest, "proxy", {})
    with pytest.raises(ResultError, match="isn't finite"):
        judged_contest(contest, "proxy", {contest.items[0]: float("nan")})
    judged = judged_contest(contest, "proxy", {contest.items[0]: 1.0})
    assert judged.pairs == 1


def test_alpha_is_that_of_the_benchmark(contest):
    worths = np.array([[contest.worths[row] for row, item in enumerate(contest.items) if item == f"p/{n}/0"]
                       for n in range(40)])  # fmt: skip
    assert contest_alpha(contest, resamples=50).alpha == pytest.approx(krippendorff_alpha(worths[:, None, :]))
    assert contest_alpha(contest.swapped(), resamples=50) == contest_alpha(contest, resamples=50)


def test_disputes_are_counted_by_pairs_of_votes(contest):
    disputed = disputed_pairs(contest)
    assert disputed
    for pair in disputed:
        votes = [1.0] * pair.wins + [0.5] * pair.ties + [0.0] * pair.losses
        assert pair.disagreement == pytest.approx(np.mean([(a - b) ** 2 for a, b in combinations(votes, 2)]))
    assert [pair.disagreement for pair in disputed] == sorted((p.disagreement for p in disputed), reverse=True)
    split = {item for item in contest.items
             if {0.0, 1.0} <= {w for w, i in zip(contest.worths, contest.items, strict=True) if i == item}}  # fmt: skip
    assert {pair.item for pair in disputed} == split
