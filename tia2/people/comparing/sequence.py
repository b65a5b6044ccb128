"""A win rate looked at as often as one likes: confidence sequences by betting.

A 95 % confidence interval holds for one look. Whoever looks after every prompt and stops when one half is outside is
wrong far more often than 5 % of the time. A confidence sequence holds at all looks at once. For each possible mean m a
gambler bets on the prompts' means X_t in turn, with K_t(m) = Π (1 ± λ_t (X_t − m)): were m the mean, the capital would
be a nonnegative martingale, which by Ville's inequality ever exceeds 1 / α with probability α at most. The sequence
holds all m against which neither gambler, one betting on more and one on less with half of the capital each, got so
rich.

It asks only that the prompts come in an order that doesn't depend on what people say of them, and holds for the raters
that were asked. Who asks of other raters looks at the interval of `clustered_mean` at the end.

Source: Waudby-Smith & Ramdas 2024, Estimating means of bounded random variables by betting,
https://doi.org/10.1093/jrsssb/qkad009 (hedged capital with predictable plug-in bets)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tia2.people.comparing.pair_votes import Contest, Floats

LEVEL = 0.05
GRID = 1001
"""Possible means that are bet against: every thousandth."""
_MOST_BET = 0.5
"""Share of the capital that a gambler can lose at most in one bet."""


@dataclass(frozen=True)
class Sequence95:
    """A win rate over time, with ends that hold at all times at once.

    Attributes:
        means: Mean of the prompts so far, after each prompt, shape (prompts,).
        low: Lower ends, never falling.
        high: Upper ends, never rising.
        prompts: Names of the prompts in the order in which they were complete.
    """

    means: Floats
    low: Floats
    high: Floats
    prompts: tuple[str, ...] = ()

    def decided_at(self, value: float = 0.5) -> int | None:
        """Return after how many prompts the value was outside for the first time; None if it never was.

        Args:
            value: Win rate to decide about.
        """
        outside = (self.low > value) | (self.high < value)
        return int(outside.argmax()) + 1 if outside.any() else None

    def narrow_at(self, half_width: float) -> int | None:
        """Return after how many prompts the sequence was as narrow as this; None if it never was.

        Args:
            half_width: Half of the distance of its ends, in shares of the votes.
        """
        narrow = (self.high - self.low) / 2 <= half_width
        return int(narrow.argmax()) + 1 if narrow.any() else None


def confidence_sequence(means: Floats, level: float = LEVEL, points: int = GRID) -> tuple[Floats, Floats]:
    """Return the ends of a confidence sequence of the mean of numbers from 0 to 1.

    Bets: λ_t = √(2 ln(2 / α) / (σ̂²_(t−1) t ln(1 + t))), with mean and variance estimated from what came before, from
    1/2 and 1/4 at the beginning; at most half of the capital is at stake. Swapping x for 1 − x mirrors the ends.

    Args:
        means: Numbers from 0 to 1 in the order in which they came, shape (n,) or (studies, n).
        level: Chance that the mean is ever outside, at most.
        points: Number of possible means; fewer take less time, and give wider sequences that hold as well.

    Returns:
        Lower and upper ends after each number, of the shape of the numbers, on the grid of possible means; running
        intersections, so never wider than before.

    Example:
        >>> low, high = confidence_sequence(np.full(40, 0.9))
        >>> bool(low[0] == 0), bool(low[-1] > 0.5)
        (True, True)
    """
    numbers = np.atleast_2d(np.asarray(means, np.float64))
    studies, count = numbers.shape
    steps = np.arange(1, count + 1)
    running = (0.5 + np.cumsum(numbers, axis=1)) / (steps + 1)
    variances = (0.25 + np.cumsum((numbers - running) ** 2, axis=1)) / (steps + 1)
    before = np.concatenate([np.full((studies, 1), 0.25), variances[:, :-1]], axis=1)
    bets = np.sqrt(2 * np.log(2 / level) / (before * steps * np.log1p(steps)))
    grid = np.linspace(0, 1, points)
    with np.errstate(divide="ignore"):
        most_up, most_down = _MOST_BET / grid, _MOST_BET / (1 - grid)
    up, down = np.zeros((studies, points)), np.zeros((studies, points))
    alive = np.ones((studies, points), dtype=np.bool_)
    low, high = np.empty_like(numbers), np.empty_like(numbers)
    for step in range(count):
        gaps = numbers[:, step, None] - grid
        up += np.log1p(np.minimum(bets[:, step, None], most_up) * gaps)
        down += np.log1p(-np.minimum(bets[:, step, None], most_down) * gaps)
        # Half of the capital on each side: the better side alone is compared with twice 1 / level.
        alive &= np.maximum(up, down) < np.log(2 / level)
        some = alive.any(axis=1)
        # With every mean refuted, which happens with probability level at most, the ends stay as they were.
        low[:, step] = np.where(some, grid[alive.argmax(axis=1)], low[:, step - 1])
        high[:, step] = np.where(some, grid[points - 1 - alive[:, ::-1].argmax(axis=1)], high[:, step - 1])
    # A mean between two that are refuted is refuted too, so a step of the grid is added on both sides.
    step_size = 1 / (points - 1)
    low = np.maximum.accumulate(np.maximum(low - step_size, 0), axis=1)
    high = np.minimum.accumulate(np.minimum(high + step_size, 1), axis=1)
    return (low[0], high[0]) if np.ndim(means) == 1 else (low, high)


def sequence_of(
    contest: Contest,
    votes_per_item: int,
    level: float = LEVEL,
    left_out: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Sequence95:
    """Return the confidence sequence of a win rate over the prompts that are complete.

    A prompt is complete when every pair of it has its votes; it stands in the order of the last of them. What is
    incomplete waits, since the votes that come first may be those of quick raters.

    Args:
        contest: Votes on pairs of two models.
        votes_per_item: Number of votes that a pair is to have.
        level: Chance that the win rate is ever outside, at most.
        left_out: Times of votes that don't count, by item: they were given, so nobody waits for them.
    """
    per_item: dict[str, list[int]] = {}
    for row, item in enumerate(contest.items):
        per_item.setdefault(item, []).append(row)
    by_prompt: dict[str, list[str]] = {}
    for item, rows in per_item.items():
        by_prompt.setdefault(contest.prompt_ids[rows[0]], []).append(item)
    complete = []
    for prompt, items in by_prompt.items():
        given = [
            [*((contest.times[row], row) for row in per_item[item]), *((time, -1) for time in left_out.get(item, ()))]
            for item in items
        ]
        if all(len(votes) >= votes_per_item for votes in given):
            # The first votes that an item was to have; more may come where raters disagree, and those aren't alike.
            chosen = [vote for votes in given for vote in sorted(votes)[:votes_per_item]]
            rows = [row for _, row in chosen if row >= 0]
            if rows:
                complete.append((float(max(chosen)[0]), prompt, float(contest.worths[rows].mean())))
    complete.sort()
    values = np.array([mean for _, _, mean in complete])
    names = tuple(prompt for _, prompt, _ in complete)
    if not len(values):
        nothing: Floats = np.empty(0)
        return Sequence95(nothing, nothing, nothing, names)
    low, high = confidence_sequence(values, level)
    return Sequence95(np.cumsum(values) / np.arange(1, len(values) + 1), low, high, names)
