"""Ranks of a board's entries and models, and which are surely worse than the best or than one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.comparing.from_reference import p_from_reference
from tia2.evaluation.comparing.rank_intervals import rank_intervals
from tia2.evaluation.comparing.separation import check_prompts
from tia2.evaluation.comparing.simultaneous import LEVEL, Stratum, resampled_means

from .index import SEED

if TYPE_CHECKING:
    from .board_entries import BoardEntry
    from .index import Index

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
VERSION = 2
"""Raised when the same figures would give other ranks or p-values. Version 1 gave letters."""


class RankedBoard(Protocol):
    """What ranks are made of; see `Board`."""

    entries: tuple[BoardEntry, ...]
    index: Index

    @property
    def ranked(self) -> Ints:
        """Positions of the entries that have a rank."""

    def estimate(self, scope: str, metric: str, what: str = "mean") -> Floats:
        """Return one number per entry."""

    def strata(self, positions: Sequence[int] | Ints, scope: str, metric: str) -> list[Stratum]:
        """Return the figures of entries on the subsets of a scope."""


@dataclass(frozen=True)
class Standing:
    """Ranks by one metric in one scope, one value per entry.

    Attributes:
        rank: 1 for the best entry; 0 for entries without a rank, as are the next two.
        low: Better end of the rank interval.
        high: Worse end.
        model_rank: Rank of the entry's model among the models, each with the best of its entries; 0 for all others.
        model_low: Better end of its interval.
        model_high: Worse end.
        p_best: p-value of the difference from the best entry, corrected; 1 for the best, NaN without a rank.
    """

    rank: Ints
    low: Ints
    high: Ints
    model_rank: Ints
    model_low: Ints
    model_high: Ints
    p_best: Floats

    def like_best(self, position: int) -> bool:
        """Whether an entry is the best, or not separable from it at 5 %."""
        return bool(self.p_best[position] > LEVEL)


def standing_of(board: RankedBoard, scope: str, metric: str) -> Standing:
    """Return ranks, from the index if they were computed for these entries before.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: Name of a metric.
    """
    # A published result that is older than the metric has no figures to rank.
    ranked = board.ranked[np.isfinite(board.estimate(scope, metric)[board.ranked])]
    models = [board.entries[position].model for position in ranked]
    keys = [board.entries[position].key for position in ranked]
    arrays = board.index.arrays(
        ["standing", VERSION, keys, models, scope, metric], lambda: _standing(board, ranked, models, scope, metric)
    )
    size = len(board.entries)
    ranks = {name: np.zeros(size, np.intp) for name in arrays if name != "p_best"}
    for name, spread in ranks.items():
        spread[ranked] = arrays[name]
    p_best = np.full(size, np.nan)
    p_best[ranked] = arrays["p_best"]
    for shared in (*ranks.values(), p_best):
        shared.flags.writeable = False
    return Standing(**ranks, p_best=p_best)


def p_worse(board: RankedBoard, better: int, worse: int, scope: str, metric: str) -> float:
    """Return the corrected p-value of the difference of two entries, as `Board.p_worse` does.

    Args:
        board: The board.
        better: Position of the entry with the higher mean.
        worse: Position of another entry.
        scope: One of the board's scopes.
        metric: Name of a metric.
    """
    means = board.estimate(scope, metric)
    if means[worse] > means[better]:
        better, worse = worse, better
    below = [
        int(position)
        for position in board.ranked
        if position != better and np.isfinite(means[position]) and means[position] <= means[better]
    ]
    if worse not in below:
        below.append(worse)  # an upper bound, which has no rank
    rows = [better, *sorted(below, key=lambda position: -means[position])]
    names = [board.entries[position].key for position in rows]
    models = [board.entries[position].model for position in rows]

    def compute() -> dict[str, NDArray[Any]]:
        strata = board.strata(rows, scope, metric)
        check_prompts(strata)
        family, others = _nested(models)
        return {"p": p_from_reference(strata, 0, family, others, board.index.resamples, SEED)}

    p = board.index.arrays(["p below", VERSION, names, models, scope, metric], compute)["p"]
    return float(p[rows.index(worse)])


def _standing(
    board: RankedBoard, ranked: Ints, models: Sequence[str], scope: str, metric: str
) -> dict[str, NDArray[Any]]:
    names = ("rank", "low", "high", "model_rank", "model_low", "model_high")
    ranks = {name: np.zeros(len(ranked), np.intp) for name in names}
    p_best = np.ones(len(ranked))
    if len(ranked):
        means = np.mean([part.figures.mean(axis=1) for part in board.strata(ranked, scope, metric)], axis=0)
        order = np.argsort(-means, kind="stable")
        strata = board.strata(ranked[order], scope, metric)
        family, others = _nested([models[position] for position in order])
        # Ranks of entries, ranks of models and p-values share one set of resamples.
        resampled = resampled_means(strata, board.index.resamples, SEED)
        best_of_model = [0, *family]
        _fill(ranks, names[:3], order, resampled)
        _fill(ranks, names[3:], order[best_of_model], resampled[:, best_of_model])
        if len(ranked) > 1:
            check_prompts(strata)
            p = p_from_reference(strata, 0, family, others, board.index.resamples, SEED, resampled)
            p_best[order] = np.nan_to_num(p, nan=1.0)
    return {**ranks, "p_best": p_best}


def _nested(models: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return which rows stand for the models other than the first row's, and which are further entries of a model.

    Args:
        models: Model of each row, best row first.
    """
    first = {model: row for row, model in reversed(list(enumerate(models)))}
    family = sorted(row for model, row in first.items() if model != models[0])
    return family, [row for row in range(1, len(models)) if row not in set(family)]


def _fill(ranks: dict[str, Ints], names: Sequence[str], order: Ints, means: Floats) -> None:
    rank, low, high = (ranks[name] for name in names)
    rank[order] = np.arange(1, len(order) + 1)
    low[order], high[order] = rank_intervals(means)
