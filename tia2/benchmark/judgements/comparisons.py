"""Comparisons of two items of a prompt: what people preferred, kept with one of the two items.

Of a benchmark of pairs each item lists the items that it was compared with, one per vote, and what the vote says: 1
where the item itself is the better one, 0 where the other is, 0.5 for a tie. A comparison is listed by one of its two
items.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from tia2.errors import BenchmarkError, Tia2Error

FIRST, SECOND, TIE = 1.0, 0.0, 0.5
COMPARED, PREFERENCES = COMPARISON_COLUMNS = ("compared_with", "preferences")
RULE = "preferred in more than half of the votes on its pairs"
"""What the label of an item says on a benchmark of pairs."""
_WORTHS = {"a": FIRST, "0": FIRST, "b": SECOND, "1": SECOND, "tie": TIE, "equal": TIE, "0.5": TIE, "": None}


def votes_on_pair(cell: Any, row: int, error: type[Tia2Error]) -> list[float]:
    """Return the votes on one pair as numbers: 1 for the first item, 0 for the second, 0.5 for a tie.

    Args:
        cell: A preference, "a", "b" or "tie" (or 0, 1, "equal"), or a list of them, one per vote.
        row: Number of the pair, for the error.
        error: Class of the error.

    Example:
        >>> votes_on_pair(["a", "tie", None], 0, BenchmarkError)
        [1.0, 0.5]
    """
    is_list = isinstance(cell, list | tuple) or getattr(cell, "ndim", None) == 1
    given: list[Any] = list(cell) if is_list else [cell]
    worths = []
    for vote in given:
        text = "" if vote is None or vote != vote else str(vote).strip().lower().removesuffix(".0")
        if text not in _WORTHS:
            raise error(f"Pair {row}: expected the preference as a, b or tie, got {vote!r:.40}.")
        worth = _WORTHS[text]
        if worth is not None:
            worths.append(worth)
    if not worths:
        raise error(f"Pair {row} has no preference: expected a, b or tie.")
    return worths


def check_comparisons(values: Mapping[str, Sequence[Any]], name: str) -> tuple[list[list[str]], list[list[float]]]:
    """Return each item's comparisons, checked.

    Args:
        values: The columns item_id, prompt_id, compared_with and preferences.
        name: The benchmark's name, for errors.

    Raises:
        BenchmarkError: A column is absent, the two don't fit, an item is compared with itself, with one of another
            prompt or one that isn't there, a preference is none of 1, 0 and 0.5, or an item is in no comparison.
    """
    absent = [column for column in COMPARISON_COLUMNS if column not in values]
    if absent:
        raise BenchmarkError(
            f"Benchmark {name!r} lacks {absent[0]}: comparisons need both {COMPARED} and {PREFERENCES}."
        )
    prompt_of = dict(zip(values["item_id"], values["prompt_id"], strict=True))
    compared: list[list[str]] = []
    preferences: list[list[float]] = []
    for item, others, votes in zip(values["item_id"], values[COMPARED], values[PREFERENCES], strict=True):
        where = f"Benchmark {name!r}, item {item!r}"
        others, votes = list(others or []), list(votes or [])
        if len(others) != len(votes):
            raise BenchmarkError(f"{where}: {len(others)} items in {COMPARED}, {len(votes)} votes in {PREFERENCES}.")
        for other, vote in zip(others, votes, strict=True):
            if other == item:
                raise BenchmarkError(f"{where} is compared with itself.")
            if prompt_of.get(other) != prompt_of[item]:
                raise BenchmarkError(f"{where} is compared with {other!r}, which is no item of its prompt.")
            if isinstance(vote, bool) or not isinstance(vote, Real) or vote not in (FIRST, SECOND, TIE):
                raise BenchmarkError(f"{where}: expected preferences of 1, 0 or 0.5 (tie), got {vote!r:.40}.")
        compared.append(others)
        preferences.append([float(vote) for vote in votes])
    _check_all_compared(values["item_id"], compared, name)
    return compared, preferences


def preferred_shares(
    items: Sequence[str], compared: Sequence[Sequence[str]], preferences: Sequence[Sequence[float]]
) -> list[float]:
    """Return each item's human score: its share of the votes on its pairs, ties as one half.

    Args:
        items: Ids of the items.
        compared: Ids of the items that each was compared with, one per vote.
        preferences: The votes.

    Example:
        >>> preferred_shares(["x", "y"], [["y", "y"], []], [[1.0, 0.5], []])
        [0.75, 0.25]
    """
    worths: dict[str, list[float]] = {item: [] for item in items}
    for item, others, votes in zip(items, compared, preferences, strict=True):
        for other, vote in zip(others, votes, strict=True):
            worths[item].append(vote)
            worths[other].append(1 - vote)
    return [math.fsum(worths[item]) / len(worths[item]) for item in items]


def with_comparisons(rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of items with the comparisons that a list of pairs holds.

    Args:
        rows: Rows with an item_id each.
        pairs: Pairs: item_a, item_b and preference, as `votes_on_pair` reads it.
    """
    compared: dict[str, list[str]] = {str(row["item_id"]): [] for row in rows}
    preferences: dict[str, list[float]] = {item: [] for item in compared}
    for number, pair in enumerate(pairs):
        given = votes_on_pair(pair["preference"], number, BenchmarkError)
        compared[pair["item_a"]] += [pair["item_b"]] * len(given)
        preferences[pair["item_a"]] += given
    return [
        {**row, COMPARED: compared[str(row["item_id"])], PREFERENCES: preferences[str(row["item_id"])]} for row in rows
    ]


def _check_all_compared(items: Sequence[str], compared: Sequence[Sequence[str]], name: str) -> None:
    inside = {item for item, others in zip(items, compared, strict=True) if others}
    inside.update(other for others in compared for other in others)
    alone = [item for item in items if item not in inside]
    if alone:
        raise BenchmarkError(
            f"Benchmark {name!r}: {len(alone):,} items are in no comparison, first {alone[0]!r}; leave them out."
        )
