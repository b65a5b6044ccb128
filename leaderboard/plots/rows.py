"""The entries that a figure shows, with their figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tia2.evaluation.metrics.pair_metrics import metric_named

from ..data.board import Board, BoardEntry
from ..data.summaries import ESTIMATES
from ..views.formats import best_text


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
        best: Whether it is the best, not separable from it, or surely worse, in words.
        like_best: Whether it is the best or not separable from it.
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
    best: str = ""
    like_best: bool = False


def rows_of(board: Board, scope: str, metric: str, positions: Iterable[int]) -> list[EntryRow]:
    """Return entries by their positions on the board.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    standing = board.standing(scope, metric)
    estimates = np.stack([board.estimate(scope, metric, name) for name in ESTIMATES], axis=1)
    return [
        EntryRow(
            entry=board.entries[position],
            **dict(zip(ESTIMATES, estimates[position].tolist(), strict=True)),
            rank=int(standing.rank[position]),
            rank_low=int(standing.low[position]),
            rank_high=int(standing.high[position]),
            best=best_text(int(standing.rank[position]), float(standing.p_best[position])),
            like_best=standing.like_best(position),
        )
        for position in positions
    ]


def ranked_rows(board: Board, scope: str, metric: str, top: int | None = None) -> list[EntryRow]:
    """Return the ranked entries, best first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    return rows_of(board, scope, metric, ranked_positions(board, scope, metric)[:top])


def ranked_positions(board: Board, scope: str, metric: str) -> list[int]:
    """Return the positions of the ranked entries that have a figure, best first.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rank = board.standing(scope, metric).rank
    estimated = np.isfinite(board.estimate(scope, metric))
    order = board.ranked[np.argsort(rank[board.ranked])]
    positions: list[int] = order[estimated[order]].tolist()
    return positions


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


def title_of(metric: str) -> str:
    """Return a metric's name as figures write it."""
    return metric_named(metric).title


def where(scope: str) -> str:
    """Return a scope as sentences write it.

    Example:
        >>> where("overall"), where("counting")
        ('over all subsets', 'on counting')
    """
    return "over all subsets" if scope == "overall" else f"on {scope}"
