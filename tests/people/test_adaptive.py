"""What adaptive votes save, on people whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from tia2.people.allocation import certainty, votes_wanted

ITEMS = 4000


def outcome(least: int, most: int, seed: int) -> tuple[float, float]:
    """Return the votes per item, and the share of items whose majority is right."""
    rng = np.random.default_rng(seed)
    truth = rng.random(ITEMS) < 0.5
    # An item is plain to most people, or hard for all.
    error = np.where(rng.random(ITEMS) < 0.7, 0.05, 0.35)
    right = rng.random((ITEMS, most)) >= error[:, None]
    given = np.where(right, truth[:, None], ~truth[:, None]).astype(float)
    used = np.zeros(ITEMS)
    correct = np.zeros(ITEMS)
    for item in range(ITEMS):
        count = least
        while True:
            total = given[item, :count].sum()
            wanted = votes_wanted(count, certainty(total, count), least, most, 0.8)
            if wanted <= count:
                break
            count = wanted
        used[item] = count
        share = total / count
        correct[item] = 0.5 if share == 0.5 else (share > 0.5) == truth[item]
    return float(used.mean()), float(correct.mean())


@pytest.mark.slow
def test_adaptive_votes_are_fewer_for_the_same_agreement_with_the_truth():
    fixed = {votes: outcome(votes, votes, 0)[1] for votes in (3, 5)}
    votes, right = outcome(2, 7, 0)
    assert votes < 3.2
    assert right > fixed[3]
    assert right > fixed[5] - 0.015, "nearly as good as five votes on each"
