"""Votes to human score to label."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.benchmark.prompt_sets import prompt_set
from tia2.benchmark.votes import human_score, human_scores, is_aligned, labels
from tia2.errors import BenchmarkError


def test_three_votes_label_is_the_majority_of_sure_votes_for_every_combination():
    for votes in itertools.product((1, 0, -1), repeat=3):
        assert is_aligned(human_score(votes)) == (votes.count(1) > votes.count(0)), votes


@pytest.mark.parametrize(
    ("votes", "score", "label"),
    [
        ([1, 1, 1], 1, True),
        ([1, 0, -1], 0.5, False),
        ([-1], 0.5, False),
        ([1, -1, -1], 2 / 3, True),
        ([0, 0], 0, False),
    ],
)
def test_score_and_label(votes, score, label):
    assert human_score(votes) == pytest.approx(score, abs=1e-15)
    assert is_aligned(human_score(votes)) is label


@given(st.lists(st.lists(st.sampled_from([1, 0, -1]), min_size=1, max_size=9), min_size=1, max_size=20))
def test_many_items_equal_one_by_one_and_mirror(votes):
    scores = human_scores(votes)
    assert scores.tolist() == [human_score(item) for item in votes]
    assert labels(scores).tolist() == [is_aligned(score) for score in scores]
    mirrored = human_scores([[{1: 0, 0: 1, -1: -1}[vote] for vote in item] for item in votes])
    assert all(math.isclose(a + b, 1) for a, b in zip(scores, mirrored, strict=True))


@pytest.mark.parametrize("votes", [[], [2], [1, 0, -2], [1, 3]])
def test_bad_votes_are_refused(votes):
    with pytest.raises(BenchmarkError, match=r"votes? of 1"):
        human_score(votes)


@given(st.text(), st.lists(st.text()))
def test_prompt_set_is_a_set_with_the_prompt_first(prompt, contrastive):
    texts = prompt_set(prompt, contrastive)
    assert texts[0] == prompt
    assert set(texts) == {prompt, *contrastive}
    assert len(texts) == len(set(texts))
    others = texts[1:]
    assert others == sorted(others, key=contrastive.index)
