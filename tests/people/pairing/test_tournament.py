"""Tournaments are balanced, whatever their size."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from tia2.errors import StudyError
from tia2.people.pairing.tournament import tournament


@pytest.mark.parametrize("models", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("games", [None, 7, 40, 110])
def test_every_pair_of_models_meets_equally_often(models, games):
    names, units = [f"m{number}" for number in range(models)], range(120)
    schedule = tournament(names, units, games, seed=models)
    counts = Counter(frozenset((game.first, game.second)) for game in schedule)
    numbers = [counts[frozenset(pair)] for pair in combinations(names, 2)]
    assert max(numbers) - min(numbers) <= 1
    for pair in combinations(names, 2):
        first = sum((game.first, game.second) == pair for game in schedule)
        assert abs(2 * first - counts[frozenset(pair)]) <= 1, "each is first in half of its games"
    assert len({(game.unit, frozenset((game.first, game.second))) for game in schedule}) == len(schedule)
    asked = Counter(game.unit for game in schedule)
    assert max(asked.values()) - (min(asked.values()) if len(schedule) >= 120 else 0) <= 1


def test_all_games_are_played_when_all_are_wanted():
    schedule = tournament("abc", range(10), 30)
    assert Counter(game.unit for game in schedule) == dict.fromkeys(range(10), 3)


def test_the_seed_is_the_only_chance():
    assert tournament("abcd", range(30), seed=1) == tournament("abcd", range(30), seed=1)
    assert tournament("abcd", range(30), seed=1) != tournament("abcd", range(30), seed=2)


@pytest.mark.parametrize(
    ("models", "games", "message"),
    [("a", None, "needs two models"), ("aa", None, "called 'a'"), ("ab", 11, "1 to 10 pairs"), ("ab", 0, "1 to 10")],
)
def test_what_is_no_tournament_is_refused(models, games, message):
    with pytest.raises(StudyError, match=message):
        tournament(models, range(10), games)
