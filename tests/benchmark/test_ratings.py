"""Ratings: a scale that is stated, gaps, and rules that make labels of them."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from tia2.benchmark import RatingScale, export, load, summarise
from tia2.errors import BenchmarkError

FIVE = RatingScale(low=1, high=5)


def listing(ratings, **columns):
    return Dataset.from_list(
        [
            {"item_id": f"a/{number}", "subset": "a", "prompt_id": "a/0", "prompt": "a cat", "ratings": row}
            | {name: column[number] for name, column in columns.items()}
            for number, row in enumerate(ratings)
        ]
    )


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (FIVE, [False, False, True, True]),
        (RatingScale(low=1, high=5, aligned_from=3), [False, True, True, True]),
        (RatingScale(low=1, high=5, aligned_from=11 / 3), [False, False, True, True]),
        (RatingScale(low=1, high=5, aligned_above=11 / 3), [False, False, False, True]),
        (RatingScale(low=1, high=5, majority_from=4), [False, False, True, True]),
        (RatingScale(low=1, high=5, majority_from=3), [False, True, True, True]),
        ({"low": 0, "high": 10}, [False, False, False, False]),
    ],
)
def test_scores_and_labels_follow_the_scale(scale, labels):
    rows = [[1.0, None, 2.0], [2.0, 3.0, 4.0], [4.0, 3.0, 4.0], [5.0, 5.0, None]]
    loaded = load(listing(rows), scale=scale)
    low, high = loaded.scale.low, loaded.scale.high
    means = np.array([np.mean([rating for rating in row if rating is not None]) for row in rows])
    assert loaded.items.human_score.to_numpy() == pytest.approx((means - low) / (high - low), abs=1e-15)
    assert loaded.items.label.tolist() == labels
    assert loaded.items.ratings.tolist() == rows


def test_votes_are_the_special_case():
    votes = [[1, 0, 1], [0, 0, 1]]
    rated = load(listing(votes), scale=RatingScale(low=0, high=1))
    voted = load(listing(votes).rename_column("ratings", "votes"))
    assert rated.items[["human_score", "label"]].equals(voted.items[["human_score", "label"]])


def test_other_ratings_with_the_same_mean_are_other_answers():
    first, second = (load(listing([row, [1, 2]]), scale=FIVE) for row in ([2, 4], [3, 3]))
    assert first.scores_fingerprint == second.scores_fingerprint
    assert first.votes_fingerprint != second.votes_fingerprint


@pytest.mark.parametrize(
    ("ratings", "options", "message"),
    [
        ([[3], [4]], {}, "has ratings and no scale. State it at the top"),
        ([[3], [33]], {"scale": FIVE}, "item 'a/1': the rating 33 is outside the scale of 1 to 5"),
        ([[3], [float("inf")]], {"scale": FIVE}, "outside the scale"),
        ([[3], [None]], {"scale": FIVE}, "item 'a/1' has no ratings"),
        ([[3], []], {"scale": FIVE}, "item 'a/1' has no ratings"),
        ([["3"], ["4"]], {"scale": FIVE}, "expected ratings as numbers, got '3'"),
        ([[True], [False]], {"scale": FIVE}, "expected ratings as numbers, got True"),
        ([3, 4], {"scale": FIVE}, "expected ratings as a list, such as [4, None, 5], got 3"),
        ([[3], [3, 4]], {"scale": FIVE.model_copy(update={"raters": ("x",)})}, "2 ratings, and the scale names 1"),
        ([[3], [4]], {"scale": {"low": 5, "high": 1}}, "expected low below high, got 5 and 1"),
        ([[3], [4]], {"scale": {"low": 1, "high": 5, "aligned_from": 6}}, "the threshold 6 is outside 1 to 5"),
        ([[3], [4]], {"scale": {"low": 1, "high": 5, "middle": 3}}, "is no scale of ratings"),
        ([[3], [4]], {"scale": 5}, "expected a scale such as {low: 1, high: 5}, got 5"),
    ],
)
def test_what_is_no_rating_is_refused(ratings, options, message):
    with pytest.raises(BenchmarkError) as raised:
        load(listing(ratings), **options)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"human_score": [0.5, 0.5]}, "the human_score 0.5 contradicts the ratings, whose mean is 0.75"),
        ({"human_score": [0.5, 4.0]}, "the human_score of 'a/1' is outside 0 to 1"),
        (
            {"label": [False, False]},
            "the label false contradicts the human_score 0.75; aligned means: mean rating above 3",
        ),
        ({"votes": [[1], [0]]}, "has votes and ratings"),
    ],
)
def test_columns_that_contradict_the_ratings(columns, message):
    with pytest.raises(BenchmarkError) as raised:
        load(listing([[3], [4]], **columns), scale=FIVE)
    assert message in str(raised.value)


def test_a_card_states_the_scale_and_survives_the_journey(tmp_path):
    scale = RatingScale(low=1, high=5, aligned_from=4, raters=("ann", "bob"))
    first = load(listing([[3, None], [4, 5]]), scale=scale)
    again = load(export(first, tmp_path / "copy", allow_missing=True))
    assert again.scale == scale
    assert again.fingerprint == first.fingerprint
    assert again.votes_fingerprint == first.votes_fingerprint
    card = (tmp_path / "copy" / "README.md").read_text()
    assert "An item is aligned by this rule: mean rating of 4 or more, on a scale of 1 to 5." in card
    assert "in order, those of ann, bob." in card
    assert summarise(again)[0].ratings == 3
    other = load(listing([[3, None], [4, 4]]), scale=scale)
    assert other.votes_fingerprint != first.votes_fingerprint
    (tmp_path / "copy" / "README.md").write_text("---\nratings: 5\n---\n")
    with pytest.raises(BenchmarkError, match=r"README\.md: ratings: expected a scale"):
        load(tmp_path / "copy")


def test_means_alone_follow_the_stated_rule():
    rows = listing([[3], [4]], human_score=[0.5, 0.75]).remove_columns("ratings")
    assert load(rows).items.label.tolist() == [False, True]
    assert load(rows, scale=RatingScale(low=1, high=5, aligned_above=4)).items.label.tolist() == [False, False]
