"""Two entries side by side: which to offer, the comparison itself, and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..data.board import Board, BoardEntry
from .formats import difference, number, p_value
from .sheets import Column, Sheet, sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.evaluation import Comparison

SHOWN = 10
"""How many prompts a table of disagreements holds."""
COMPARISONS = 48
"""Comparisons that stay in memory."""


def choices(entries: Iterable[BoardEntry]) -> list[tuple[str, str]]:
    """Return (label, id) of entries, by name; where two share a name, the label gives the id too.

    Example:
        >>> choices(board.entries)[0]  # doctest: +SKIP
        ('mini-countblind', 'mini-countblind')
    """
    found = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.id))
    times = Counter(entry.name for entry in found)
    return [(entry.name if times[entry.name] == 1 else f"{entry.name} ({entry.id})", entry.id) for entry in found]


def comparable(board: Board) -> list[BoardEntry]:
    """Return the entries that can be compared: those that have a value for every item."""
    return [entry for entry in board.entries if entry.complete]


def suggested(board: Board, metric: str = "auroc") -> list[str]:
    """Return the ids of two entries worth comparing: the best with a rank, and the best of another model.

    Args:
        board: The board.
        metric: By which to order, over all subsets.

    Returns:
        Fewer than two ids where there are fewer entries to compare.
    """
    means = np.nan_to_num(board.estimate(board.usual_scope, metric), nan=-np.inf)
    order = sorted(
        (number for number, entry in enumerate(board.entries) if entry.complete),
        key=lambda number: (not board.entries[number].ranked, -means[number], board.entries[number].id),
    )
    found = [board.entries[number] for number in order]
    if len(found) < 2:
        return [entry.id for entry in found]
    others = [entry for entry in found[1:] if entry.listing is None or entry.listing != found[0].listing]
    return [found[0].id, (others or found[1:])[0].id]


def comparison(board: Board, a: str, b: str, metric: str) -> Comparison:
    """Compare two entries, or take the comparison of a moment ago.

    Args:
        board: The board.
        a: Id of an entry.
        b: Id of another one.
        metric: Name of a metric.

    Raises:
        UnknownNameError: No such entry or metric.
        LeaderboardError: They are one and the same, or one isn't complete.
        ResultError: They can't be compared.
    """
    keys = board.entry(a).key, board.entry(b).key, metric
    return board.remember("comparison", keys, lambda: board.compare(a, b, metric), COMPARISONS)


def differences_sheet(found: Comparison) -> Sheet:
    """Return the paired differences as a table, one row a subset."""
    rows = found.differences
    return sheet(
        [
            Column("Subset", [one.subset for one in rows]),
            Column("A", [one.a for one in rows], number()),
            Column("B", [one.b for one in rows], number()),
            Column("A − B", [one.difference for one in rows], number(signed=True)),
            Column("95 % interval", [f"{difference(one.low)} to {difference(one.high)}" for one in rows]),
            Column("p", [one.p for one in rows], p_value),
            Column("p corrected", [one.adjusted for one in rows], p_value),
            Column("P(A better)", [one.probability for one in rows], number()),
            Column("A wins", [one.wins for one in rows]),
            Column("B wins", [one.losses for one in rows]),
            Column("Prompts", [one.prompts for one in rows]),
        ]
    )


def disagreements(found: Comparison, count: int = SHOWN) -> tuple[Sheet, Sheet]:
    """Return the prompts on which A is furthest ahead of B, and those on which B is, furthest first.

    Args:
        found: The comparison.
        count: How many prompts each at most; one on which both do equally well is in neither.
    """
    gaps = np.array([float(prompt["difference"]) for prompt in found.prompts])
    order = np.argsort(-gaps, kind="stable")
    ahead, behind = order[gaps[order] > 0][:count], order[::-1][gaps[order[::-1]] < 0][:count]
    return _prompts(found, ahead), _prompts(found, behind)


def _prompts(found: Comparison, places: NDArray[np.intp]) -> Sheet:
    rows = [found.prompts[place] for place in places]
    return sheet(
        [
            Column("Prompt", [row["prompt"] for row in rows]),
            Column("A − B", [row["difference"] for row in rows], number(signed=True)),
            Column("A", [row["a"] for row in rows], number()),
            Column("B", [row["b"] for row in rows], number()),
            Column("Subset", [row["subset"] for row in rows]),
        ]
    )
