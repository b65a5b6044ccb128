"""The entries that a figure shows, with their figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tia2.evaluation.metrics import METRICS

from ..data.board import Board, BoardEntry
from ..data.index import ESTIMATES


@dataclass(frozen=True)
class EntryRow:
    """An entry by one metric in one scope.

    Attributes:
        entry: Entry of the board.
        mean: Mean over prompts.
        low: Lower end of the mean's interval, NaN where unknown.
        high: Upper end of the mean's interval.
        pooled: Metric over all items at once.
        pooled_low: Lower end of the pooled figure's interval.
        pooled_high: Upper end of the pooled figure's interval.
        rank: Rank, 0 without one.
        rank_low: Better end of the rank interval.
        rank_high: Worse end of the rank interval.
        group: Letters of its groups, as tables show them.
        groups: Names of its groups, one each.
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


def rows_of(board: Board, scope: str, metric: str, positions: Iterable[int]) -> list[EntryRow]:
    """Return entries by their positions on the board.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    standing = board.standing(scope, metric)
    names = group_names(standing.group)
    estimates = np.stack([board.estimate(scope, metric, name) for name in ESTIMATES], axis=1)
    return [
        EntryRow(
            entry=board.entries[position],
            **dict(zip(ESTIMATES, estimates[position].tolist(), strict=True)),
            rank=int(standing.rank[position]),
            rank_low=int(standing.low[position]),
            rank_high=int(standing.high[position]),
            group=standing.group[position],
            groups=names[position],
        )
        for position in positions
    ]


def ranked_rows(board: Board, scope: str, metric: str, top: int | None = None) -> list[EntryRow]:
    """Return the ranked entries, best first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rank = board.standing(scope, metric).rank
    estimated = np.isfinite(board.estimate(scope, metric))
    order = [int(position) for position in board.ranked[np.argsort(rank[board.ranked])] if estimated[position]]
    return rows_of(board, scope, metric, order[:top])


def bound_rows(board: Board, scope: str, metric: str, top: int | None = None) -> list[EntryRow]:
    """Return the upper bounds, highest first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    board.check(scope, metric)
    means = board.estimate(scope, metric)
    positions = [
        position
        for position, entry in enumerate(board.entries)
        if entry.upper_bound and entry.complete and np.isfinite(means[position])
    ]
    positions.sort(key=lambda position: -means[position])
    return rows_of(board, scope, metric, positions[:top])


def group_names(letters: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the names of every entry's groups, given the letters of all entries of a board.

    Up to 26 groups have one letter each, written together; with more, names are two letters long and spaces part them.

    Example:
        >>> group_names(["a", "ab"]), group_names(["a", "z aa", "ab"])
        ([('a',), ('a', 'b')], [('a',), ('z', 'aa'), ('ab',)])
    """
    # The name after "z" is "aa", which no single letters written together give.
    spaced = any(" " in group or len(set(group)) < len(group) for group in letters)
    return [tuple(group.split() if spaced else group) for group in letters]


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
