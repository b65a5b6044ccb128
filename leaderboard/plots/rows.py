"""The entries that a figure shows, with their figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tia2.evaluation.metrics import METRICS

from ..data.board import Board, BoardEntry
from ..data.index import ESTIMATES


@dataclass(frozen=True)
class Row:
    """One entry by one metric in one scope.

    Attributes:
        entry: Which.
        mean: Mean over prompts.
        low: Lower end of its interval, NaN where unknown.
        high: Upper end.
        pooled: The metric over all items at once.
        pooled_low: Lower end of its interval.
        pooled_high: Upper end.
        rank: 0 without one.
        rank_low: Better end of the rank interval.
        rank_high: Worse end.
        group: Letters, as tables show them.
        groups: The same, one name each.
    """

    entry: BoardEntry
    mean: float
    low: float
    high: float
    pooled: float
    pooled_low: float
    pooled_high: float
    rank: int = 0
    rank_low: int = 0
    rank_high: int = 0
    group: str = ""
    groups: tuple[str, ...] = ()


def rows_of(board: Board, scope: str, metric: str, positions: Iterable[int]) -> list[Row]:
    """Return entries by their positions on the board.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    standing = board.standing(scope, metric)
    names = group_names(standing.group)
    found = np.stack([board.estimate(scope, metric, what) for what in ESTIMATES], axis=1)
    return [
        Row(
            entry=board.entries[place],
            **dict(zip(ESTIMATES, found[place].tolist(), strict=True)),
            rank=int(standing.rank[place]),
            rank_low=int(standing.low[place]),
            rank_high=int(standing.high[place]),
            group=standing.group[place],
            groups=names[place],
        )
        for place in positions
    ]


def ranked_rows(board: Board, scope: str, metric: str, top: int | None = None) -> list[Row]:
    """Return the ranked entries, best first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rank = board.standing(scope, metric).rank
    known = np.isfinite(board.estimate(scope, metric))
    order = [int(place) for place in board.ranked[np.argsort(rank[board.ranked])] if known[place]]
    return rows_of(board, scope, metric, order[:top])


def bound_rows(board: Board, scope: str, metric: str, top: int | None = None) -> list[Row]:
    """Return the upper bounds, highest first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    board.check(scope, metric)
    means = board.estimate(scope, metric)
    places = [
        place
        for place, entry in enumerate(board.entries)
        if entry.upper_bound and entry.complete and np.isfinite(means[place])
    ]
    places.sort(key=lambda place: -means[place])
    return rows_of(board, scope, metric, places[:top])


def group_names(letters: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the names of every entry's groups, given the letters of all entries of a board.

    Up to 26 groups have one letter each, written together; with more, names are two letters long and spaces part them.

    Example:
        >>> group_names(["a", "ab"]), group_names(["a", "z aa", "ab"])
        ([('a',), ('a', 'b')], [('a',), ('z', 'aa'), ('ab',)])
    """
    # The name after "z" is "aa", which no single letters written together give.
    spaced = any(" " in one or len(set(one)) < len(one) for one in letters)
    return [tuple(one.split() if spaced else one) for one in letters]


def title_of(metric: str) -> str:
    """Return a metric's name as figures write it."""
    return METRICS[metric].title


def where(scope: str) -> str:
    """Return a scope as sentences write it.

    Example:
        >>> where("overall"), where("counting")
        ('over all subsets', 'on counting')
    """
    return "over all subsets" if scope == "overall" else f"on {scope}"
