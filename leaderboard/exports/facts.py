"""What the board knows of an entry, as plain values, for every format and for the interface for scripts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from tia2.evaluation.summary import ANNOTATOR, CEILING

from ..data.board import Board, BoardEntry
from ..data.references import LONGEST_ADDRESS
from ..data.store import now
from ..data.summaries import COUNTS, ESTIMATES

Facts = dict[str, Any]
SIMULATED = "simulated"
PAGE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/-]*)?")


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
        "model_id": entry.model,
        "description": card.description if card else None,
        "licence": card.licence if card else None,
        "training_data": card.training_data if card else None,
        "contact": card.contact if card else None,
        "paper": card.paper if card else None,
        "organisation": card.organisation or None if card else None,
        "parameters": card.parameters if card else None,
        "code": card.code or None if card else None,
        "weights": card.weights or None if card else None,
        "cost": card.cost.model_dump() if card and card.cost else None,
        "calibration": entry.calibration.model_dump() if entry.calibration else None,
        "tables": list(entry.listing.tables) if entry.listing is not None else [],
        "added": entry.listing.added if entry.listing is not None else None,
        "source": entry.source or None,
    }


def validated(board: Board, entry: BoardEntry) -> dict[str, float] | None:
    """Return what fine-tuning against an entry showed, means over its runs; None where no run was validated.

    Args:
        board: The board.
        entry: One of its entries.
    """
    shown = board.validated.get(entry.id)
    return None if shown is None else shown._asdict()


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
            "model_rank": int(standing.model_rank[position]) or None,
            "p_best": float(standing.p_best[position]),
            "like_best": standing.like_best(position) if standing.rank[position] else None,
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


def permalink(board: Board, scope: str = "", metric: str = "", page: str = "") -> str:
    """Return the address of a view of the board.

    Args:
        board: The board.
        scope: A subset, or `overall`; none if empty.
        metric: Name of a metric; none if empty.
        page: Address of the board's page; anything but a plain http address is left out.

    Example:
        >>> permalink(board, "counting", "kendall", "https://example.org/")  # doctest: +SKIP
        'https://example.org/?benchmark=mini&subset=counting&metric=kendall'
    """
    asked = {"benchmark": board.benchmark.name, "subset": scope, "metric": metric}
    base = page if len(page) <= LONGEST_ADDRESS and PAGE.fullmatch(page) else ""
    return f"{base}?{urlencode({name: text for name, text in asked.items() if text})}"


def provenance(board: Board, scope: str = "", metric: str = "", page: str = "") -> Facts:
    """Return what the figures were computed from and with, when, and where they can be seen.

    Args:
        board: The board.
        scope: Scope that is shown; empty for all.
        metric: Metric that is shown; empty for all.
        page: Address of the board's page, if known.
    """
    from tia2._version import __version__

    from ..data.index import SEED

    record = board.benchmark
    return {
        "date": now()[:10],
        "permalink": permalink(board, scope, metric, page),
        "votes": SIMULATED if record.simulated else "of people",
        "tia2_version": __version__,
        "benchmark": record.name,
        "benchmark_fingerprint": record.fingerprint,
        "votes_fingerprint": record.votes_fingerprint,
        "seed": SEED,
        "resamples": board.index.resamples,
        "confidence": 0.95,
    }
