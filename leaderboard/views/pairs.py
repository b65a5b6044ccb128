"""Two entries side by side: which to offer, the comparison itself, and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import LeaderboardError
from tia2.evaluation.comparing.verdict import verdict

from ..data.board import Board, BoardEntry
from .doors import items_door
from .formats import difference, number, p_value
from .sheets import Column, Sheet, sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.evaluation import Comparison
    from tia2.evaluation.comparing.comparison import Difference

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
    ordered = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.id))
    times = Counter(entry.name for entry in ordered)
    return [(entry.name if times[entry.name] == 1 else f"{entry.name} ({entry.id})", entry.id) for entry in ordered]


def comparable(board: Board) -> list[BoardEntry]:
    """Return the entries that can be compared: those that have a value for every item."""
    return [entry for entry in board.entries if entry.complete]


def suggested(board: Board, metric: str = "auroc") -> list[str]:
    """Return the ids of two entries worth comparing: the best with a rank, and the best of another model.

    Args:
        board: The board.
        metric: Metric to order by, over all subsets.

    Returns:
        Fewer than two ids where there are fewer entries to compare.
    """
    means = np.nan_to_num(board.estimate(board.usual_scope, board.metric_called(metric)), nan=-np.inf)
    order = sorted(
        (number for number, entry in enumerate(board.entries) if entry.complete),
        key=lambda number: (not board.entries[number].ranked, -means[number], board.entries[number].id),
    )
    best_first = [board.entries[number] for number in order]
    if len(best_first) < 2:
        return [entry.id for entry in best_first]
    best, rest = best_first[0], best_first[1:]
    other = next((entry for entry in rest if entry.listing is None or entry.listing != best.listing), rest[0])
    return [best.id, other.id]


def comparison(board: Board, a: str, b: str, metric: str) -> Comparison:
    """Compare two entries, or take the comparison of a moment ago; `adjusted` is the board's correction.

    On a board, p-values are corrected for the models that rank below the better entry (`Board.p_worse`), as those of
    the table are, so that table and comparison never contradict one another.

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

    def compare() -> Comparison:
        alone = board.compare(a, b, metric)
        rows = [
            row.model_copy(update={"adjusted": board.p_worse(a, b, row.subset, metric)}) for row in alone.differences
        ]
        return alone.model_copy(update={"differences": rows})

    return board.remember("comparison", keys, compare, COMPARISONS)


def in_scope(comparison: Comparison, scope: str, board: Board) -> Comparison:
    """Return a comparison on one scope alone: its prompts, and its difference as the main one.

    Args:
        comparison: A comparison as `comparison` returns it.
        scope: One of the board's scopes.
        board: The board.

    Raises:
        LeaderboardError: The entries have no prompt in common there.
    """
    rows = [row for row in comparison.differences if row.subset == scope]
    if not rows:
        raise LeaderboardError(f"The two entries have no prompt in {scope} that can be compared.")
    if scope == board.usual_scope:
        return comparison
    prompts = [prompt for prompt in comparison.prompts if prompt["subset"] == scope]
    rest = [row for row in comparison.differences if row.subset != scope]
    return comparison.model_copy(update={"prompts": prompts, "differences": [*rest, *rows]})


def prompt_door(board: Board, prompt: Mapping[str, str | float], a: str, b: str) -> str:
    """Return the address of the images of a prompt, as the entry orders them that agrees less with people there.

    Args:
        board: The board.
        prompt: One of the prompts of a comparison.
        a: Id of the first entry.
        b: Id of the second entry.
    """
    worse, better = (b, a) if float(prompt["difference"]) > 0 else (a, b)
    return items_door(board, str(prompt["prompt_id"]), worse, better)


def verdict_of(comparison: Comparison, row: Difference, board: Board) -> str:
    """Return the answer on one subset in a sentence or two, by the board's corrected p.

    Args:
        comparison: A comparison as `comparison` returns it.
        row: One of its differences.
        board: The board.
    """
    return verdict(comparison.paired(row, row.adjusted), board.metric_titles[comparison.metric])


def differences_sheet(comparison: Comparison) -> Sheet:
    """Return the paired differences as a table, one row per subset."""
    rows = comparison.differences
    return sheet(
        [
            Column("Subset", [row.subset for row in rows]),
            Column("A", [row.a for row in rows], number()),
            Column("B", [row.b for row in rows], number()),
            Column("A − B", [row.difference for row in rows], number(signed=True)),
            Column("95 % interval", [f"{difference(row.low)} to {difference(row.high)}" for row in rows]),
            Column("p", [row.p for row in rows], p_value),
            Column("p corrected", [row.adjusted for row in rows], p_value),
            Column("P(A better)", [row.probability for row in rows], number()),
            Column("A wins", [row.wins for row in rows]),
            Column("B wins", [row.losses for row in rows]),
            Column("Prompts", [row.prompts for row in rows]),
        ]
    )


def disagreements(comparison: Comparison, count: int = SHOWN) -> tuple[Sheet, Sheet]:
    """Return the prompts on which A is furthest ahead of B, and those on which B is, furthest first.

    Args:
        comparison: The comparison.
        count: Largest number of prompts per table; one on which both do equally well is in neither.

    Returns:
        Two tables, whose ids are positions in the comparison's prompts.
    """
    gaps = np.array([float(prompt["difference"]) for prompt in comparison.prompts])
    order = np.argsort(-gaps, kind="stable")
    ahead, behind = order[gaps[order] > 0][:count], order[::-1][gaps[order[::-1]] < 0][:count]
    return _prompts(comparison, ahead), _prompts(comparison, behind)


def _prompts(comparison: Comparison, positions: NDArray[np.intp]) -> Sheet:
    rows = [comparison.prompts[position] for position in positions]
    shown = sheet(
        [
            Column("Prompt", [row["prompt"] for row in rows]),
            Column("A − B", [row["difference"] for row in rows], number(signed=True)),
            Column("A", [row["a"] for row in rows], number()),
            Column("B", [row["b"] for row in rows], number()),
            Column("Subset", [row["subset"] for row in rows]),
        ]
    )
    return replace(shown, ids=[str(position) for position in positions])
