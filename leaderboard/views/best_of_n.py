"""People's mean score of the best of n by entries: which entries to show first, and a table of their peaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.evaluation.summary import OVERALL

from ..data.board import Board, Floats
from ..finetuned.best_of_n import BestOfNPart
from ..finetuned.finetuning import mean_best_of_n
from .formats import NO_VALUE, difference, figure
from .sheets import Column, Sheet, sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

USUAL, MOST = 4, 8
"""Entries that the figure shows on a first visit, and at most."""


def gold_gained(part: BestOfNPart) -> float:
    """Return the gold gained over a random image: at the peak where there is one, at the limit where there is none.

    At a peak, it is measured on prompts that had no part in choosing it, so that it doesn't flatter.

    Args:
        part: An entry's curve.
    """
    if part.inside and not math.isnan(part.gain):
        return part.gain
    means = part.gold[:, 0]
    end = int(np.searchsorted(part.n, part.peak if part.inside else part.limit))
    return float(means[end] - means[0])


def entries_with_curves(board: Board) -> list[str]:
    """Return the ids of the entries that score tables stand behind, best first by AUROC, those without a rank last."""
    means = np.nan_to_num(board.estimate(board.usual_scope, board.usual_metric), nan=-np.inf)
    numbers = [number for number, entry in enumerate(board.entries) if entry.listing is not None]
    return [
        board.entries[number].id
        for number in sorted(numbers, key=lambda number: (not board.entries[number].ranked, -means[number]))
    ]


def usual_entries(board: Board) -> list[str]:
    """Return the ids of the entries that are shown first: the best raw rewards with what TextNorm makes of them."""
    offered = entries_with_curves(board)
    by_model: dict[str, list[str]] = {}
    for name in offered:
        entry = board.entry(name)
        if entry.listing is not None and entry.calibration is not None and entry.calibration.setting == "fixed":
            by_model.setdefault(entry.listing.id, []).append(name)
    pairs = [name for names in by_model.values() for name in names[:2]]
    return pairs[:USUAL] or offered[:USUAL]


def best_possible(board: Board, scope: str, n: NDArray[np.int64]) -> Floats | None:
    """Return people's mean score where people's own scores choose the best of n: what no entry can surpass.

    Args:
        board: The board.
        scope: One of its scopes.
        n: Numbers of images to choose from, ascending; prompts with fewer images than the largest are left out, as of
            entries' curves.

    Returns:
        One mean per number; None where no prompt has that many images.
    """

    def make() -> Floats | None:
        subsets = [name for name in board.scopes if name != OVERALL] if scope == OVERALL else [scope]
        means = [curve for curve in (_of_subset(board, subset, n) for subset in subsets) if curve is not None]
        return np.mean(means, axis=0) if len(means) == len(subsets) else None

    return board.remember("best possible", (scope, *n.tolist()), make)


def _of_subset(board: Board, subset: str, n: NDArray[np.int64]) -> Floats | None:
    items = board.items[board.items["subset"] == subset]
    curves = []
    for _, scores in items.groupby("prompt_id")["human_score"]:
        gold = scores.to_numpy(np.float64)
        if len(gold) >= n[-1] and np.isfinite(gold).all():
            curves.append(mean_best_of_n(gold, gold, n))
    return np.mean(curves, axis=0) if curves else None


def entries_beside(board: Board, entry_id: str) -> list[str]:
    """Return an entry and the best of the best other models, all with curves, to be shown together.

    Args:
        board: The board.
        entry_id: Id of the entry.
    """
    models = {board.entry(entry_id).model}
    listed = [entry_id]
    for name in entries_with_curves(board):
        if board.entry(name).model not in models and len(listed) < USUAL:
            models.add(board.entry(name).model)
            listed.append(name)
    return listed


def best_of_n_sheet(board: Board, scope: str, ids: Sequence[str]) -> Sheet:
    """Return gold at 1, at the peak and at the limit for some entries.

    Args:
        board: The board.
        scope: One of its scopes.
        ids: Ids of entries.
    """
    rows = [(board.entry(name), board.best_of_n(board.positions[name], scope)) for name in ids]
    shown = [(entry, part) for entry, part in rows if part is not None]
    ends = [(part, int(np.searchsorted(part.n, part.limit))) for _, part in shown]
    limits = sorted({part.limit for part, _ in ends})
    limit = f"n = {limits[0]}" if len(limits) == 1 else "n at the limit"
    return sheet(
        [
            Column("Entry", [entry.name for entry, _ in shown]),
            Column("n = 1", [part.gold[0, 0] for part, _ in ends], figure),
            Column(limit, [part.gold[end, 0] for part, end in ends], figure),
            Column("Peak", [_peak(part) for part, _ in ends]),
            Column("Gold gained", [gold_gained(part) for part, _ in ends], difference),
            Column("Drop after the peak", [part.drop if part.inside else math.nan for part, _ in ends], difference),
        ]
    )


def _peak(part: BestOfNPart) -> str:
    if math.isnan(part.peak):
        return NO_VALUE
    return f"{part.peak:.0f} ({part.peak_low:.0f} to {part.peak_high:.0f})" if part.inside else f"none to {part.limit}"
