"""What the board knows of an entry, as plain values, for every format and for the interface for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tia2.evaluation.summary import ANNOTATOR, CEILING

from ..data.board import Board, BoardEntry
from ..data.index import COUNTS, ESTIMATES

Facts = dict[str, Any]


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: NaN and infinities become None, all the way down.

    Example:
        >>> plain({"mean": float("nan"), "ranks": (1, 2)})
        {'mean': None, 'ranks': [1, 2]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def kind(entry: BoardEntry) -> str:
    """Return whether an entry is ranked, and if not, why: entry, upper bound, or not complete."""
    if not entry.complete:
        return "not complete"
    return "upper bound" if entry.upper_bound else "entry"


def about(entry: BoardEntry) -> Facts:
    """Return who an entry is: its model, settings and files, without figures."""
    card = entry.listing.card if entry.listing is not None else None
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": kind(entry),
        "chips": list(entry.chips),
        "coverage": entry.coverage,
        "model": card.name if card else None,
        "description": card.description if card else None,
        "licence": card.licence if card else None,
        "training_data": card.training_data if card else None,
        "contact": card.contact if card else None,
        "paper": card.paper if card else None,
        "cost": card.cost.model_dump() if card and card.cost else None,
        "calibration": entry.calibration.model_dump() if entry.calibration else None,
        "tables": list(entry.listing.tables) if entry.listing is not None else [],
        "added": entry.listing.added if entry.listing is not None else None,
        "source": entry.source or None,
    }


def figures(board: Board, scope: str, metric: str, positions: Iterable[int] | None = None) -> list[Facts]:
    """Return entries' figures by one metric in one scope.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        positions: Positions of entries on the board; all of them, in its order, if None.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    standing = board.standing(scope, metric)
    estimates = {name: board.estimate(scope, metric, name).tolist() for name in ESTIMATES}
    return [
        {
            "rank": int(standing.rank[position]) or None,
            "rank_low": int(standing.low[position]) or None,
            "rank_high": int(standing.high[position]) or None,
            "group": standing.group[position] or None,
            **{name: values[position] for name, values in estimates.items()},
        }
        for position in (range(len(board)) if positions is None else positions)
    ]


def counts(board: Board, scope: str) -> list[Facts]:
    """Return every entry's counts in one scope, None where unknown."""
    rows = board.counts[:, board.scopes.index(scope)].tolist()
    return [
        {name: int(number) if math.isfinite(number) else None for name, number in zip(COUNTS, row, strict=True)}
        for row in rows
    ]


def people(board: Board, scope: str, metric: str) -> dict[str, dict[str, float]]:
    """Return how far people get, by one metric in one scope: the noise ceiling, and one annotator."""
    if board.people is None or scope not in board.people:
        return {}
    agreement = board.people[scope]
    both = {CEILING: agreement.ceiling, ANNOTATOR: agreement.annotator}
    return {name: estimates[metric].model_dump() for name, estimates in both.items() if metric in estimates}


def best_first(rows: Iterable[Facts]) -> list[Facts]:
    """Return rows of figures: by rank, then those without one by their mean, those without a mean last."""

    def place(row: Facts) -> tuple[bool, float]:
        if row["rank"]:
            return False, float(row["rank"])
        mean = row["mean"]
        return True, math.inf if mean is None or math.isnan(mean) else -mean

    return sorted(rows, key=place)


def provenance(board: Board) -> Facts:
    """Return what the figures were computed from and with."""
    from tia2._version import __version__

    from ..data.index import SEED

    record = board.benchmark
    return {
        "tia2_version": __version__,
        "benchmark": record.name,
        "benchmark_fingerprint": record.fingerprint,
        "votes_fingerprint": record.votes_fingerprint,
        "seed": SEED,
        "resamples": board.index.resamples,
        "confidence": 0.95,
    }
