"""TextNorm with another temperature, recomputed from a model's rewards while one waits.

What depends on the benchmark alone is grouped once, and the curve over all temperatures is kept in the index. The
figures are those of `tia2.evaluate`: same functions, same prompts, same resamples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.judge import Judge
from tia2.calibration._textnorm import textnorm, textnorm_minmax
from tia2.calibration.ensembles import mean_ensemble, uncertainty_regularised
from tia2.evaluation.bootstrap import interval, resample_counts
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Prompts
from tia2.evaluation.summary import OVERALL

from ..data.board import Board
from ..data.index import SEED
from ..data.memo import Recent
from .tunables import Tunable, members, tunable

Floats = NDArray[np.float64]
Rewards = Sequence[NDArray[np.float32]]

LOWEST, HIGHEST, STEP = -4.0, 4.0, 0.25
"""Of the slider: the factor's logarithm to base 2."""
FACTORS = tuple(2.0 ** (half / 2) for half in range(int(2 * LOWEST), int(2 * HIGHEST) + 1))
"""Of the curve."""


@dataclass(frozen=True)
class Tuned:
    """What one setting gives.

    Attributes:
        factor: What the documented temperatures are multiplied by.
        levels: The temperatures, or min-max scales, one a member.
        mean: Mean over the prompts whose labels differ.
        low: Lower end of its 95 % interval.
        high: Upper end.
        pooled: The metric over all items of a subset at once.
    """

    factor: float
    levels: tuple[float, ...]
    mean: float
    low: float
    high: float
    pooled: float


@dataclass(frozen=True)
class Sweep:
    """The curve over `FACTORS`, and the raw reward's level.

    Attributes:
        means: One a factor, as are the next two.
        lows: Lower ends of the 95 % intervals.
        highs: Upper ends.
        raw: Mean of the raw reward; for an ensemble, of the member that is best raw.
        raw_name: That member's name.
    """

    means: Floats
    lows: Floats
    highs: Floats
    raw: float
    raw_name: str


_judges: Recent[tuple[str, ...], Judge] = Recent(size=6)
_tuned: Recent[tuple[Any, ...], Tuned] = Recent(size=1024)
_sweeps: Recent[tuple[Any, ...], Sweep] = Recent(size=256)


def recompute(board: Board, model_id: str, scope: str, metric: str, factor: float) -> Tuned:
    """Return what a model's TextNorm gives with its documented temperature times a factor.

    Args:
        board: The board.
        model_id: One of `tunables`.
        scope: A subset, or `overall`.
        metric: Name of a metric.
        factor: Above 0; for min-max, of the scale c.

    Raises:
        UnknownNameError: No such model, subset or metric.
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
        ResultError: The factor isn't above 0.
    """
    model = tunable(board, model_id)
    key = (*_key(board, model, scope, metric), scope, float(factor))
    return _tuned.get(key, lambda: _recompute(board, model, scope, metric, float(factor)))


def sweep(board: Board, model_id: str, scope: str, metric: str) -> Sweep:
    """Return the curve over `FACTORS`; its figures are kept in the index, since they take a second or two.

    Args:
        board: The board.
        model_id: One of `tunables`.
        scope: A subset, or `overall`.
        metric: Name of a metric.

    Raises:
        UnknownNameError: No such model, subset or metric.
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    model = tunable(board, model_id)
    key = _key(board, model, scope, metric)

    def make() -> Sweep:
        found = board.index.arrays(["sweep", key, FACTORS], lambda: _sweep(board, model, metric))
        judge = _judge(board, found["scored"])
        means, lows, highs = _estimates(board, judge, found["figures"], scope)
        raw = np.nan_to_num(_estimates(board, judge, found["raw"], scope)[0], nan=-np.inf)
        best = int(raw.argmax())
        level = float(raw[best]) if np.isfinite(raw[best]) else float("nan")
        return Sweep(means, lows, highs, level, members(board, model).names[best])

    return _sweeps.get((*key, scope), make)


def _key(board: Board, model: Tunable, scope: str, metric: str) -> tuple[Any, ...]:
    board.check(scope, metric)
    about = board.benchmark.fingerprint, board.benchmark.votes_fingerprint, board.index.resamples
    how = model.scaling, model.ensemble, model.penalty, *members(board, model).levels
    return (*about, *model.listing.tables, *how, metric)


def _recompute(board: Board, model: Tunable, scope: str, metric: str, factor: float) -> Tuned:
    rewards, scored = _rewards(board, model)
    judge = _judge(board, scored)
    prompts = judge.prompts
    rows = np.ones(len(prompts.frame), np.bool_) if scope == OVERALL else prompts.rows(scope)
    values = np.zeros(len(board.items))
    at = judge.places[rows][prompts.mask[rows]]
    levels = tuple(factor * level for level in members(board, model).levels)
    values[at] = _values(model, [one[at] for one in rewards], levels)
    figures = np.full(len(rows), np.nan)
    figures[rows] = _figures(judge, rows, values, metric)
    mean, low, high = _estimates(board, judge, figures[None], scope)[:, 0].tolist()
    return Tuned(factor, levels, mean, low, high, _pooled(board, judge, values, scope, metric))


def _sweep(board: Board, model: Tunable, metric: str) -> dict[str, NDArray[Any]]:
    rewards, scored = _rewards(board, model)
    judge = _judge(board, scored)
    every = np.ones(len(judge.prompts.frame), np.bool_)
    known = [one[scored] for one in rewards]
    values = np.zeros(len(scored))

    def figures(of_scored: NDArray[Any]) -> Floats:
        values[scored] = of_scored
        return _figures(judge, every, values, metric)

    base = members(board, model).levels
    curve = [figures(_values(model, known, [factor * level for level in base])) for factor in FACTORS]
    return {"figures": np.stack(curve), "raw": np.stack([figures(one[:, 0]) for one in known]), "scored": scored}


def _rewards(board: Board, model: Tunable) -> tuple[Rewards, NDArray[np.bool_]]:
    """Return every member's rewards, (items, texts), and which items all of them have rewards for."""
    rewards = [board.index.rewards(board.benchmark, digest) for digest in model.listing.tables]
    return rewards, np.asarray(np.all([~np.isnan(one[:, 0]) for one in rewards], axis=0))


def _judge(board: Board, scored: NDArray[np.bool_]) -> Judge:
    key = board.benchmark.fingerprint, board.benchmark.votes_fingerprint, hashlib.sha256(scored.tobytes()).hexdigest()

    def make() -> Judge:
        places = np.flatnonzero(scored)
        return Judge(Prompts.of(board.items.iloc[places], places.astype(np.float64)))

    return _judges.get(key, make)


def _values(model: Tunable, rewards: Rewards, levels: Sequence[float]) -> Floats:
    mask = ~np.isnan(rewards[0])
    share = textnorm if model.scaling == "temperature" else textnorm_minmax
    shares = [share(one, level, mask=mask) for one, level in zip(rewards, levels, strict=True)]
    if model.ensemble is None:
        return shares[0]
    return mean_ensemble(shares) if model.penalty is None else uncertainty_regularised(shares, model.penalty)


def _figures(judge: Judge, rows: NDArray[np.bool_], values: Floats, metric: str) -> Floats:
    """Return the metric within each of these prompts, as `Prompts.figures` does; NaN where labels are equal."""
    prompts = judge.prompts
    mask = prompts.mask[rows]
    own = np.where(mask, values[judge.places[rows]], 0.0)
    found = METRICS[metric].function(
        prompts.labels[rows], prompts.human_scores[rows], own, None if mask.all() else mask
    )
    return np.where(prompts.used[rows], np.nan_to_num(found), np.nan)


def _subsets(judge: Judge, board: Board, scope: str) -> list[str]:
    """Return the subsets whose mean a scope's figure is; none if one isn't covered."""
    if scope != OVERALL or OVERALL not in board.scopes:
        return [scope] if judge.rows(scope).any() else []
    subsets = judge.prompts.subsets
    complete = set(subsets) == set(board.scopes) - {OVERALL}
    return [subset for subset in subsets if judge.rows(subset).any()] if complete else []


def _estimates(board: Board, judge: Judge, figures: Floats, scope: str) -> Floats:
    """Return mean, low and high of several sets of figures, shape (sets, prompts) -> (3, sets)."""
    subsets = _subsets(judge, board, scope)
    if not subsets:
        return np.full((3, len(figures)), np.nan)
    strata = [figures[:, judge.rows(subset)] for subset in subsets]
    drawn = [
        resample_counts(part.shape[1], board.index.resamples, SEED, subset) @ part.T / part.shape[1]
        for subset, part in zip(subsets, strata, strict=True)
    ]
    resampled = np.mean(drawn, axis=0)
    ends = [interval(resampled[:, one], [part[one] for part in strata]) for one in range(len(figures))]
    means = np.mean([part.mean(axis=1) for part in strata], axis=0)
    found: Floats = np.stack([means, *np.transpose(ends)])
    return found


def _pooled(board: Board, judge: Judge, values: Floats, scope: str, metric: str) -> float:
    prompts, found = judge.prompts, []
    for subset in _subsets(judge, board, scope):
        at = prompts.rows(subset)[:, None] & prompts.mask
        labels, human, own = (array[at][None] for array in (prompts.labels, prompts.human_scores, values[judge.places]))
        figure = float(METRICS[metric].function(labels, human, own, None)[0])
        found.append(float(np.nan_to_num(figure)) if 0 < labels.sum() < labels.size else figure)
    return float(np.mean(found)) if found else float("nan")
