"""The board over time: who led when, and what has changed since a day, or since a version of tia2 came into use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.board import Board

LONGEST = 50
"""Days that are listed at most, the latest ones."""


@dataclass(frozen=True)
class RankedModel:
    """A model with a rank today.

    Attributes:
        name: Name of the entry that stands for it.
        day: Date on which it came to the board; empty for published results, which have none.
        rank: Its rank among the models today.
    """

    name: str
    day: str
    rank: int


@dataclass(frozen=True)
class Changes:
    """What has changed after a day.

    Attributes:
        new: Models that came since, by rank.
        moved: Models that were there, whose rank is another one today, with the rank that they had; by rank.
    """

    new: list[RankedModel]
    moved: list[tuple[RankedModel, int]]


def ranked_models(board: Board, scope: str, metric: str) -> list[RankedModel]:
    """Return the models that have a rank, best first.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: Name of a metric.
    """
    rank = board.standing(scope, metric).model_rank
    entries = [board.entries[position] for position in sorted(np.flatnonzero(rank), key=lambda number: rank[number])]
    return [
        RankedModel(entry.name, entry.listing.added[:10] if entry.listing else "", number)
        for number, entry in enumerate(entries, start=1)
    ]


def days(models: Sequence[RankedModel]) -> list[str]:
    """Return the days on which models came to the board, the latest first."""
    return sorted({model.day for model in models if model.day}, reverse=True)[:LONGEST]


def versions(board: Board) -> dict[str, str]:
    """Return the day on which each version of tia2 came into use on a board, the latest version first.

    That is when the first model came whose score tables were made with it. The board keeps no other version: its
    figures are computed again by whichever version shows it.

    Args:
        board: The board.
    """
    return board.remember("versions", "tia2", lambda: _versions(board))


def _versions(board: Board) -> dict[str, str]:
    first: dict[str, str] = {}
    for listing in {entry.listing.id: entry.listing for entry in board.entries if entry.listing}.values():
        for version in {board.index.scored_with(digest) for digest in listing.tables} - {""}:
            first[version] = min(listing.added[:10], first.get(version, listing.added[:10]))
    return dict(
        sorted(first.items(), key=lambda item: [int(part) for part in re.findall(r"\d+", item[0])], reverse=True)
    )


def changes(models: Sequence[RankedModel], since: str) -> Changes:
    """Return what has changed after a day, among the models that are still there.

    Their order doesn't change, since each is measured on its own: only who stands between them does.

    Args:
        models: All models of `ranked_models`.
        since: The day, as in 2026-01-31; what came on it isn't new.

    Example:
        >>> old, new = RankedModel("old", "2026-01-01", 2), RankedModel("new", "2026-02-01", 1)
        >>> [(model.name, before) for model, before in changes([new, old], "2026-01-01").moved]
        [('old', 1)]
    """
    before = [model for model in models if model.day <= since]
    moved = [(model, rank) for rank, model in enumerate(before, start=1) if rank != model.rank]
    return Changes([model for model in models if model.day > since], moved)


def over_time(models: Sequence[RankedModel]) -> list[tuple[str, int, str]]:
    """Return each day on which models came, how many models there were after it, and the best of them.

    Args:
        models: All models of `ranked_models`.

    Example:
        >>> old, new = RankedModel("old", "2026-01-01", 2), RankedModel("new", "2026-02-01", 1)
        >>> over_time([new, old])
        [('2026-02-01', 2, 'new'), ('2026-01-01', 1, 'old')]
    """
    rows = []
    for day in days(models):
        there = [model for model in models if model.day <= day]
        rows.append((day, len(there), there[0].name))
    return rows
