"""Who is compared with whom on which prompts: every pair of models equally often, each as often first as second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

import numpy as np

from tia2.errors import StudyError

Unit = TypeVar("Unit", bound=Hashable)


@dataclass(frozen=True)
class Game(Generic[Unit]):
    """Two models compared on one unit, such as a prompt and a seed.

    Attributes:
        unit: The unit.
        first: Name of the model whose images come first, as A.
        second: Name of the other model.
    """

    unit: Unit
    first: str
    second: str


def tournament(
    models: Sequence[str], units: Sequence[Unit], games: int | None = None, seed: int = 0
) -> list[Game[Unit]]:
    """Return a balanced tournament.

    Units come in rounds in a seeded order, so that all prompts are asked about before any is asked about twice. In each
    round a unit gets the pair of models that was compared least, of those that it hasn't had. Numbers of games of two
    pairs of models differ by one at most, and so do the times that a model is first in a pair.

    Args:
        models: Names of the models, at least two.
        units: Prompts and seeds, or other things that they are compared on.
        games: Number of games; one per unit if None.
        seed: Seed of the orders.

    Raises:
        StudyError: Fewer than two models or two of one name, no units, or more games than there are.

    Example:
        >>> [(game.unit, game.first, game.second) for game in tournament(["a", "b"], ["cat", "dog"])]
        [('cat', 'a', 'b'), ('dog', 'b', 'a')]
    """
    if len(models) < 2:
        raise StudyError(f"A comparison needs two models, got {len(models)}.")
    if len(set(models)) < len(models):
        twice = next(name for name, count in Counter(models).items() if count > 1)
        raise StudyError(f"Two models are called {twice!r}: name them apart with NAME=FOLDER.")
    pairs = list(combinations(models, 2))
    most = len(units) * len(pairs)
    wanted = len(units) if games is None else games
    if not 0 < wanted <= most:
        raise StudyError(f"Expected 1 to {most:,} pairs, which is what {len(units):,} units give, got {wanted:,}.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(units))
    counts, sides = dict.fromkeys(pairs, 0), dict.fromkeys(pairs, False)
    had: dict[int, set[tuple[str, str]]] = {}
    schedule = []
    for number in range(wanted):
        unit = int(order[number % len(units)])
        free = [pair for pair in pairs if pair not in had.setdefault(unit, set())]
        fewest = min(counts[pair] for pair in free)
        least = [pair for pair in free if counts[pair] == fewest]
        pair = least[int(rng.integers(len(least)))]
        had[unit].add(pair)
        counts[pair] += 1
        first, second = pair[::-1] if sides[pair] else pair
        sides[pair] = not sides[pair]
        schedule.append(Game(units[unit], first, second))
    return schedule
