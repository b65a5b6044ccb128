"""Copies and leaked votes on a real board: what a reviewer is told of each attack, and of honest models."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.checking.suspicion import PROMPTS, WITHIN
from tia2.leaderboard.submissions.evidence.copies import explained, nearest
from tia2.leaderboard.submissions.evidence.leakage import leakage, votes_given_value
from tia2.leaderboard.submissions.evidence.orders import orders_of

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "attacks.py"
SPEC = importlib.util.spec_from_file_location("benchmarks_attacks", SCRIPT)
attacks = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = attacks
SPEC.loader.exec_module(attacks)

COPY, VOTES = {"copy"}, {"votes"}
CAUGHT = {
    "mini-strong plus 1% noise": COPY,
    "mini-strong plus 5% noise": COPY,
    "mini-strong plus 10% noise": COPY,
    "mini-strong plus 20% noise": COPY,
    "mini-strong, 1% of items moved": COPY,
    "mini-strong, 10% of items moved": COPY,
    "mini-strong as it is": COPY,
    "exponential of mini-strong": COPY,
    "mini-strong, shifted per prompt": COPY,
    "mini-strong, stretched per prompt": COPY,
    "mini-strong, rounded to two digits": COPY,
    "TextNorm of mini-strong as a reward": COPY,
    "mini-strong on every other prompt, else mini-web": COPY,
    "mini-strong on one subset, noise elsewhere": COPY,
    "mini-strong plus mini-web": COPY,
    "mean of four entries": COPY,
    "human score plus 0.05 noise": {"single votes", "votes", "ceiling"},
    "human score plus 0.2 noise": {"single votes", "votes", "ceiling"},
    "human score plus 0.3 noise": {"votes", "ceiling"},
    "human score plus 0.4 noise": VOTES,
    "human score plus 0.5 noise": VOTES,
    "one person's votes plus 0.2 noise": {"one annotator", "votes"},
    "two people's votes plus 0.3 noise": VOTES,
    "mini-web plus the human score": {"votes", "ceiling"},
    "mini-strong plus one person's votes": {"copy", "votes", "ceiling"},
    "human score on half of the prompts, else noise": {"votes of some prompts"},
}
"""What each attack is flagged as, at least."""
MISSED = {"human score of one item in four, else mini-vivid"}
SOMETIMES = {"mean of four entries plus 10% noise", "labels, one in ten wrong, plus 0.1 noise"}
"""Flagged with some seeds; docs/reviewing.md has the rates."""


@pytest.fixture(scope="module")
def board(embedded, tmp_path_factory):
    store = Store(shutil.copytree(embedded, tmp_path_factory.mktemp("attacked") / "store"))
    index = Index(store, resamples=100)
    return index, *attacks.world_of(store)


@pytest.mark.parametrize("name", CAUGHT)
def test_an_attack_is_flagged(board, name):
    index, world, table = board
    rng = np.random.default_rng(1)
    answer = attacks.looked_at(index, table, attacks.ATTACKS[name](world, rng))
    assert {attacks.kind_of(flag) for flag in answer.flags} >= CAUGHT[name], answer
    assert any("nearest entries by correlation within prompts" in line for line in answer.figures)


@pytest.mark.parametrize("name", sorted(MISSED))
def test_what_is_missed_is_known(board, name):
    """A table of attacks that lists successes only would be no help to reviewers; the figures are there to look at."""
    index, world, table = board
    answer = attacks.looked_at(index, table, attacks.ATTACKS[name](world, np.random.default_rng(1)))
    assert answer.flags == []
    assert answer.figures


def test_every_attack_has_its_answer():
    assert {*CAUGHT, *MISSED, *SOMETIMES} == set(attacks.ATTACKS)
    assert len(attacks.ATTACKS) >= 24


@pytest.mark.parametrize("name", attacks.MODELS)
def test_honest_models_are_not_flagged(board, name):
    index, world, table = board
    answer = attacks.looked_at(index, table, world.rewards[name], name)
    assert answer.flags == [], answer
    assert len(answer.figures) == 3


def test_honest_pairs_are_far_from_the_rule(board):
    _, world, _ = board
    orders = {name: orders_of(values, world.prompts) for name, values in world.rewards.items()}
    for name in orders:
        others = [(other, orders[other]) for other in orders if other != name]
        (closest, *_) = nearest(orders[name], others, world.prompts, world.subsets)
        assert closest.within < 0.7 < WITHIN
        assert closest.prompts < 0.1 < PROMPTS
        assert explained(orders[name], [order for _, order in others]) < 0.8


def test_votes_given_an_honest_value_never_look_leaked():
    """A scorer that knows each image's true share of yes, which no model can surpass: 60 worlds, no false alarm."""
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(40), 50)
    lowest = []
    for _ in range(60):
        share = rng.beta(0.5, 0.5, len(prompts))
        votes = (rng.random((len(prompts), 3)) < share[:, None]).astype(float)
        lowest.append(votes_given_value(share, votes, prompts)[1])
    assert min(lowest) > -3
    leaked = votes.mean(axis=1) + rng.normal(size=len(prompts)) * 0.1
    assert votes_given_value(leaked, votes, prompts)[1] < -10


def test_the_limit_is_what_a_scorer_of_the_true_share_reaches():
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(200), 50)
    share = rng.beta(0.5, 0.5, len(prompts))
    votes = (rng.random((len(prompts), 3)) < share[:, None]).astype(float)
    # Ranks of the share lose a little of it, so that the limit is just above.
    measured = leakage(orders_of(share, prompts), [], votes, prompts)
    assert measured.limit == pytest.approx(np.corrcoef(share, votes.mean(axis=1))[0, 1], abs=0.01)
    assert measured.limit - 0.03 < measured.partial <= measured.limit + 0.01
    assert abs(leakage(orders_of(rng.random(len(prompts)), prompts), [], votes, prompts).partial) < 0.05


def test_too_few_prompts_say_nothing():
    prompts = np.repeat(np.arange(8), 10)
    votes = np.ones((80, 3))
    assert np.isnan(leakage(orders_of(np.arange(80.0), prompts), [], votes, prompts).covariance)
