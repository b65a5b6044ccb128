"""What values say of pairs, metric by metric: how much each pair is right, and how much it counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.metrics.pair_metrics import ACCURACY, AGREEMENT, WITH_TIES
from tia2.evaluation.pairs.measures import TIE, accuracy, best_threshold, folds_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEWEST = 2
"""Prompts that cross-validation needs."""


def answered(metric: str, differences: Floats, votes: Floats, prompts: Ints, seed: int) -> tuple[Floats, Floats]:
    """Return a metric as a sum and a weight per pair, whose sums' ratio it is.

    Args:
        metric: One of `PAIR_METRICS`.
        differences: Value of the first item less that of the second, shape (pairs,).
        votes: 1 for the first, 0 for the second, 0.5 for a tie, NaN for no vote, shape (pairs, votes).
        prompts: Number of every pair's prompt, shape (pairs,).
        seed: Seed of the folds.

    Example:
        >>> hits, weights = answered("pair_accuracy", np.array([1.0, -2.0]), np.array([[1.0], [0.5]]), np.arange(2), 0)
        >>> hits.tolist(), weights.tolist()
        ([1.0, 0.0], [1.0, 0.0])
    """
    if metric == ACCURACY:
        return accuracy(differences, preferred_of(votes))
    if metric == AGREEMENT:
        answer = np.where(differences == 0, TIE, differences > 0)
        return 1 - np.nanmean(np.abs(votes - answer[:, None]), axis=1), np.ones(len(votes))
    if metric != WITH_TIES:
        raise KeyError(metric)
    preferred = preferred_of(votes)
    thresholds = thresholds_of(differences, preferred, prompts, seed)
    return (with_threshold(differences, thresholds) == preferred).astype(np.float64), np.ones(len(votes))


def preferred_of(votes: Floats) -> Floats:
    """Return what most votes say: 1 for the first, 0 for the second, 0.5 where as many say one as the other.

    Args:
        votes: Votes, NaN for none, shape (pairs, votes).
    """
    mean = np.nanmean(votes, axis=1)
    return np.where(mean > TIE, 1.0, np.where(mean < TIE, 0.0, TIE))


def thresholds_of(differences: Floats, preferred: Floats, prompts: Ints, seed: int) -> Floats:
    """Return every pair's ε, chosen on the prompts of the other folds, shape (pairs,).

    Args:
        differences: Value of the first item less that of the second, shape (pairs,).
        preferred: 1 for the first, 0 for the second, 0.5 for a tie, shape (pairs,).
        prompts: Number of every pair's prompt, shape (pairs,).
        seed: Seed of the folds.
    """
    thresholds = np.full(len(differences), best_threshold(differences, preferred))
    if len(prompts) and int(prompts.max()) + 1 >= FEWEST:
        folds = folds_of(prompts, seed)
        for fold in np.unique(folds):
            others = folds != fold
            if others.any():
                thresholds[~others] = best_threshold(differences[others], preferred[others])
    return thresholds


def with_threshold(differences: Floats, thresholds: Floats) -> Floats:
    """Return what values say of each pair, 1, 0 or 0.5 for a tie up to ε.

    Args:
        differences: Value of the first item less that of the second, shape (pairs,).
        thresholds: ε of each pair.
    """
    answers: Floats = np.where(np.abs(differences) <= thresholds, TIE, np.where(differences > 0, 1.0, 0.0))
    return answers
