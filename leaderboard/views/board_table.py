"""What the board's tables show, as plain data: which rows in which order, and each cell's value and text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from tia2.calibration.base import TEXTNORM

from ..data.board import Board, BoardEntry
from .best_of_n import gold_gained
from .formats import NO_VALUE, difference, figure, interval, share
from .sheets import Sheet

SETTINGS = ("cv", "oracle")
"""Chips that say how settings were chosen."""
VALIDATED = {
    "validated_gain": "validated: gold gained",
    "validated_kl": "validated: KL of peak",
    "validated_drop": "validated: drop",
}
"""Columns of what fine-tuning against an entry did, with their headings."""
BEST_OF_N = "best_of_n"
PAGE = 50
"""Rows of a page of the table. A browser is slow to take in a thousand at once."""


def column_titles(board: Board) -> dict[str, str]:
    """Return the columns to choose from, with their headings, in the order of the table.

    Args:
        board: The board, whose metrics are among them.
    """
    return {
        "pooled": "pooled",
        **board.metric_titles,
        **VALIDATED,
        BEST_OF_N: "best of n",
        "coverage": "items",
        "licence": "licence",
        "training": "training data",
    }


def sort_titles(board: Board) -> dict[str, str]:
    """Return what the table can be sorted by, as a menu calls it.

    Args:
        board: The board, whose metrics are among them.
    """
    return {
        "rank": "rank",
        "name": "name",
        "pooled": "pooled",
        **board.metric_titles,
        **VALIDATED,
        BEST_OF_N: "best of n: gold gained",
    }


def usual_columns(board: Board) -> list[str]:
    """Return the columns that the table has on a first visit; those of validation where an entry was validated.

    Args:
        board: The board.
    """
    return ["pooled", *(VALIDATED if board.validated else ())]


def columns_beside(board: Board, metric: str, columns: Sequence[str]) -> list[str]:
    """Return the chosen columns that a table has beside those of the metric, in their order.

    Args:
        board: The board.
        metric: Name of the metric that is shown.
        columns: Names among `column_titles`.
    """
    return [name for name in column_titles(board) if name in columns and name != metric]


def incomplete_sheet(
    board: Board,
    scope: str,
    metric: str,
    *,
    search: str = "",
    chips: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> Sheet:
    """Return the first entries that lack values for some items, the best first, without ranks.

    Args:
        board: The board.
        scope: A subset, or `overall`.
        metric: Name of the metric.
        search: Words that an entry's texts contain, as `matching` takes them.
        chips: Chips of the entries to show; all entries if empty.
        columns: Names among `column_titles` to show beside coverage.

    Example:
        >>> incomplete_sheet(board, "overall", "auroc", chips=["cv"]).texts  # doctest: +SKIP
    """
    mean, low, high = (board.estimate(scope, metric, what) for what in ("mean", "low", "high"))
    order = -np.nan_to_num(mean, nan=-np.inf)
    positions = [position for position in matching(board, search, chips) if not board.entries[position].complete]
    positions.sort(key=lambda position: (order[position], _plain(board.entries[position].name)))
    keys = ["coverage", *(name for name in columns_beside(board, metric, columns) if name != "coverage")]
    entries = {position: board.entries[position] for position in positions[:PAGE]}
    rows = [
        [
            _both(entry.name),
            _both(" · ".join(entry.chips)),
            (_number(mean[position]), interval(mean[position], low[position], high[position])),
            *(cell_of(board, position, scope, metric, key) for key in keys),
        ]
        for position, entry in entries.items()
    ]
    titles = column_titles(board)
    return Sheet(
        headers=["entry", "what", titles[metric], *(titles[key] for key in keys)],
        ids=[entry.id for entry in entries.values()],
        values=[[value for value, _ in row] for row in rows],
        texts=[[text for _, text in row] for row in rows],
        muted=[entry.upper_bound for entry in entries.values()],
    )


def matching(board: Board, search: str, chips: Sequence[str]) -> list[int]:
    """Return the positions of the entries that a visitor asked for.

    Args:
        board: The board.
        search: Words that an entry's name, chips, licence, training data, organisation, source or id contain.
        chips: Chips of the entries, see `facets`; all entries if empty.
    """
    if not search and not chips:
        return list(range(len(board)))
    exclusive = facets(board)
    return [number for number, entry in enumerate(board.entries) if _fits(entry, chips, search, exclusive)]


def sort_value(board: Board, scope: str, metric: str, name: str, position: int) -> Any:
    """Return what an entry is sorted by; None where it has no value.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: Name of the metric that is shown.
        name: Name among `sort_titles`, or "in:" with a scope.
        position: Position of the entry.
    """
    if name == "name":
        return _plain(board.entries[position].name)
    if name.startswith("in:"):
        return _number(board.estimate(name.removeprefix("in:"), metric)[position])
    return cell_of(board, position, scope, metric, name)[0]


def cell_of(board: Board, position: int, scope: str, metric: str, key: str) -> tuple[Any, str]:
    """Return an entry's value in one of the columns of `column_titles`, None where it has none, and its text.

    Args:
        board: The board.
        position: Position of the entry.
        scope: One of the board's scopes.
        metric: Name of the metric that is shown.
        key: Name of the column.
    """
    entry = board.entries[position]
    if key == "pooled" or key in board.metrics:
        name, what = (metric, "pooled") if key == "pooled" else (key, "mean")
        value = float(board.estimate(scope, name, what)[position])
        return _number(value), figure(value)
    if key == BEST_OF_N:
        return _best_of_n(board, position, scope)
    if key in VALIDATED:
        return _validated(board, entry, key)
    if key == "coverage":
        return entry.coverage, share(entry.coverage)
    card = entry.listing.card if entry.listing else None
    return _both("" if card is None else card.licence if key == "licence" else card.training_data)


def pages_of(total: int) -> int:
    """Return how many pages entries take; one even if there are none.

    Example:
        >>> pages_of(0), pages_of(PAGE), pages_of(PAGE + 1)
        (1, 1, 2)
    """
    return max(1, -(-total // PAGE))


def all_chips(board: Board) -> list[str]:
    """Return the chips of a board's entries, those of the methods first."""
    chips = {chip for entry in board.entries for chip in entry.chips}
    first = [chip for facet in facets(board) for chip in facet if chip in chips]
    return [*first, *sorted(chips - set(first))]


def facets(board: Board) -> tuple[tuple[str, ...], ...]:
    """Return the chips that exclude one another: those of one facet widen a choice, those of several narrow it.

    Args:
        board: The board.
    """
    bases = {entry.chips[0] for entry in board.entries}
    usual = [chip for chip in ("raw", TEXTNORM) if chip in bases]
    return (*usual, *sorted(bases - set(usual))), SETTINGS


def _fits(entry: BoardEntry, chips: Sequence[str], search: str, exclusive: Sequence[Sequence[str]]) -> bool:
    has, left = set(entry.chips), set(chips)
    for facet in exclusive:
        wanted = left & set(facet)
        if wanted and not wanted & has:
            return False
        left -= wanted
    if not left <= has:
        return False
    words = _plain(search).split()
    return not words or all(word in _text(entry) for word in words)


def _text(entry: BoardEntry) -> str:
    card = entry.listing.card if entry.listing else None
    declared = [card.licence, card.training_data, card.organisation] if card else []
    return _plain("\n".join([entry.name, *entry.chips, entry.source, entry.id, *declared]))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _validated(board: Board, entry: BoardEntry, key: str) -> tuple[Any, str]:
    figures = board.validated.get(entry.id)
    if figures is None:
        return None, NO_VALUE
    value = {"validated_gain": figures.gain, "validated_kl": figures.kl, "validated_drop": figures.drop}[key]
    if key == "validated_kl":
        return _number(value), NO_VALUE if math.isnan(value) else f"{value:.1f} nats"
    runs = f"  ({figures.runs} runs)" if figures.runs > 1 else ""
    return _number(value), f"{difference(value)}{runs}"


def _best_of_n(board: Board, number: int, scope: str) -> tuple[Any, str]:
    part = board.best_of_n(number, scope, make=False)
    if part is None or math.isnan(part.peak):
        return None, NO_VALUE
    gain = gold_gained(part)
    where = f"peak {part.peak:.0f}" if part.inside else f"no peak to {part.limit}"
    return _number(gain), f"{difference(gain)}, {where}"


def _both(text: str) -> tuple[str, str]:
    return text, text or NO_VALUE


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
