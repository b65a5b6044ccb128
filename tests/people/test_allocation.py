"""Who is asked about what: exact counts, balanced orders, and votes where they pay."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tia2.people.allocation import certainty, is_swapped, order_of, slot_of, votes_wanted


@pytest.mark.parametrize("raters", [3, 20])
def test_every_item_is_early_for_a_third_and_late_for_a_third(raters):
    orders = np.array([order_of(300, rater, 3, 7) for rater in range(raters)])
    assert (np.sort(orders, axis=1) == np.arange(300)).all()
    thirds = np.argsort(orders, axis=1) // 100
    for third in range(3):
        counts = (thirds == third).sum(axis=0)
        assert counts.min() >= raters // 3
        assert counts.max() <= -(-raters // 3)


def test_orders_are_those_of_the_seed_and_of_nobody_else():
    assert (order_of(50, 1, 3, 0) == order_of(50, 1, 3, 0)).all()
    assert (order_of(50, 1, 3, 0) != order_of(50, 1, 3, 1)).any()
    assert (order_of(50, 1, 3, 0) != order_of(50, 4, 3, 0)).any(), "raters of one block differ within it"


def test_known_answers_and_repeats_have_their_shares():
    slots = [slot_of(rater, position, 0.1, 0.2, 5) for rater in range(20) for position in range(200)]
    for slot, share in (("gold", 0.1), ("repeat", 0.2), ("item", 0.7)):
        assert stats.binomtest(slots.count(slot), len(slots), share).pvalue > 0.001


def test_sides_are_balanced_over_the_raters_of_every_item_and_over_items():
    sides = np.array([[is_swapped(item, before, 0) for before in range(4)] for item in range(1000)])
    assert (sides.sum(axis=1) == 2).all()
    assert stats.binomtest(int(sides[:, 0].sum()), 1000, 0.5).pvalue > 0.001


@pytest.mark.parametrize(("total", "count"), [(0, 0), (3, 3), (2.5, 4), (0, 7)])
def test_certainty_is_that_of_the_beta_distribution(total, count):
    below = stats.beta(total + 0.5, count - total + 0.5).cdf(0.5)
    assert certainty(total, count) == pytest.approx(max(below, 1 - below), abs=1e-12)


def test_an_item_gets_votes_while_it_is_in_doubt_and_never_more_than_the_most():
    for count in range(12):
        for total in np.arange(0, count + 0.5, 0.5):
            wanted = votes_wanted(count, certainty(total, count), 3, 9, 0.8)
            low, high = stats.beta(total + 0.5, count - total + 0.5).ppf([0.1, 0.9])
            if count < 3:
                assert wanted == 3
            elif low > 0.5 or high < 0.5:
                assert wanted == count
            else:
                assert wanted == min(9, count + 1)
