"""Figures of values on pairs: accuracy, tie-calibrated accuracy, log-loss; each as a sum and a weight per pair.

Δ is the value of a pair's first item less that of its second. With a threshold ε, values tie where |Δ| ≤ ε.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIE = 0.5
FOLDS = 5
TEMPERATURES = np.geomspace(0.02, 50, 80)
"""Candidates for τ, in units of the spread of Δ."""


def accuracy(differences: Floats, preferred: Floats) -> tuple[Floats, Floats]:
    """Return the accuracy on pairs that people don't tie: (C + T / 2) / (C + D + T).

    C are pairs that values order as people do, D those that they order the other way, T those on which values tie.

    Args:
        differences: Δ, shape (pairs,).
        preferred: 1 for the first, 0 for the second, 0.5 for a tie, shape (pairs,).

    Returns:
        Sum and weight of each pair: the accuracy is the sum of the first over that of the second.

    Example:
        >>> hits, weights = accuracy(np.array([1.0, -1.0, 0.0, 2.0]), np.array([1.0, 1.0, 0.0, 0.5]))
        >>> float(hits.sum() / weights.sum())
        0.5
    """
    decided = preferred != TIE
    right = np.where(differences == 0, 0.5, (differences > 0) == (preferred > TIE))
    return np.where(decided, right, 0.0), decided.astype(np.float64)


def accuracy_with_ties(differences: Floats, preferred: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Return the accuracy with ties: (C + T_hm) / (C + D + T_h + T_m + T_hm).

    T_hm are pairs that people and values tie, T_h and T_m those that only people, only values tie. A tie is a third
    answer, right where people tie as well.

    Args:
        differences: Δ, shape (pairs,).
        preferred: 1 for the first, 0 for the second, 0.5 for a tie, shape (pairs,).
        threshold: ε up to which values tie.

    Returns:
        Sum and weight of each pair.

    Source: Deutsch, Foster and Freitag 2023, Ties Matter, https://arxiv.org/abs/2305.14324
    """
    answer = np.where(np.abs(differences) <= threshold, TIE, np.where(differences > 0, 1.0, 0.0))
    return (answer == preferred).astype(np.float64), np.ones(len(preferred))


def best_threshold(differences: Floats, preferred: Floats) -> float:
    """Return the ε of the highest accuracy with ties, the lowest of several: 0 or one of the |Δ|.

    Args:
        differences: Δ, shape (pairs,).
        preferred: 1 for the first, 0 for the second, 0.5 for a tie, shape (pairs,).

    Example:
        >>> best_threshold(np.array([3.0, 0.1, -2.0]), np.array([1.0, 0.5, 0.0]))
        0.1
    """
    size = np.abs(differences)
    order = np.argsort(size, kind="stable")
    right = np.where(differences == 0, False, np.where(differences > 0, 1.0, 0.0) == preferred)
    tied = preferred == TIE
    # Up to a pair's own size it ties: it is right where people tie, no longer where values ordered it rightly.
    gain = np.cumsum(tied[order].astype(np.int64) - right[order].astype(np.int64))
    last = np.append(np.diff(size[order]) > 0, True)
    thresholds = np.concatenate([[0.0], size[order][last]])
    zero = size == 0
    at_zero = int(tied[zero].sum() - right[zero].sum())
    gains = np.concatenate([[at_zero], gain[last]])
    return float(thresholds[int(gains.argmax())])


def log_loss(differences: Floats, shares: Floats, temperature: Floats | float) -> Floats:
    """Return the log-loss of σ(Δ/τ) as the chance that a vote is for the first item, in nats, shape (pairs,).

    Args:
        differences: Δ, shape (pairs,).
        shares: Share of the votes for the first item, a tie as one half, shape (pairs,).
        temperature: τ, one or one per pair.

    Example:
        >>> round(log_loss(np.array([0.0]), np.array([1.0]), 1.0)[0].item(), 4)
        0.6931
    """
    logits = differences / temperature
    loss: Floats = np.logaddexp(0.0, -logits) * shares + np.logaddexp(0.0, logits) * (1 - shares)
    return loss


def best_temperature(differences: Floats, shares: Floats) -> float:
    """Return the τ of the lowest mean log-loss, among 80 between 0.02 and 50 times the root mean square of Δ.

    Args:
        differences: Δ, shape (pairs,).
        shares: Share of the votes for the first item, shape (pairs,).
    """
    spread = float(np.sqrt(np.mean(differences**2))) or 1.0
    losses = [float(log_loss(differences, shares, spread * factor).mean()) for factor in TEMPERATURES]
    return spread * float(TEMPERATURES[int(np.argmin(losses))])


def folds_of(prompts: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Return the fold of every pair; all pairs of a prompt are in one.

    Args:
        prompts: Number of every pair's prompt, shape (pairs,).
        seed: Seed of the folds.
    """
    count = int(prompts.max()) + 1
    folds = np.random.default_rng(seed).permutation(count) % min(FOLDS, count)
    fold_of_pair: NDArray[np.intp] = folds[prompts]
    return fold_of_pair
