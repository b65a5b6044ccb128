"""The noise ceiling: what a scorer that knows each image's true vote probability would reach against the votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.aggregate import Part
from tia2.evaluation.annotator import COUNTS, generator, judged, nan_mean
from tia2.evaluation.bootstrap import resample_counts

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MEANS = 1 / (1 + np.exp(-np.linspace(-5, 5, 17)))
CORRELATIONS = np.array([1e-4, 0.005, 0.02, 0.05, 0.1, 0.18, 0.27, 0.37, 0.48, 0.6, 0.71, 0.8, 0.88, 0.95, 0.99, 1 - 1e-9])
STEPS = 100
ROWS = 5_000
FLOOR = 4
POOLED = 4


def ceiling_part(subset: str, worths: Floats, used: NDArray[np.bool_], seed: int, resamples: int) -> Part:
    """Return the noise ceiling of one subset.

    Args:
        subset: Its name, which makes its random numbers and resamples.
        worths: Votes, 0, 0.5 (unsure) or 1, NaN where there is none, shape (prompts, items, votes).
        used: The prompts whose labels differ, shape (prompts,).
        seed: Same seed, same figures.
        resamples: How many resamples of prompts.

    Returns:
        The part for `combine`; its counts are all 0, and its figures are what each prompt adds to the mean, to first
        order, which for a single prompt can be above 1. Without a used prompt there are none.

    Raises:
        ResultError: If a vote is none of 0, 0.5 and 1.

    Example:
        >>> votes = np.tile([[0.0, 0.0], [1.0, 1.0]], (40, 5, 1))
        >>> ceiling_part("x", votes, np.full(40, True), 0, 10).figures[:, 0].mean().round(3).item()
        1.0
    """
    aligned, unsure, against = ((worths == worth).sum(axis=2) for worth in (1.0, 0.5, 0.0))
    decided = aligned + against
    if (decided + unsure != np.isfinite(worths).sum(axis=2)).any():
        raise ResultError("Votes must be worth 0, 0.5 or 1.")
    likelihood = _likelihood(decided, aligned)
    path = _fit(likelihood)
    rng = generator(seed, subset, "ceiling")
    pooled = nan_mean([_pooled(likelihood * path[-1], decided, unsure, rng) for _ in range(POOLED)])
    prompts = len(worths) if used.any() else 0
    mixed, sums = _table(path[-1], decided, unsure, rng)
    chance = max(float(path[-1] @ mixed), 1e-300)
    mean = path[-1] @ sums / chance
    slope = (sums - mixed[:, None] * mean) / chance
    figures = (mean + _influence(likelihood, path, slope))[:prompts]
    drawn = resample_counts(len(worths), resamples, seed, subset)[:, :prompts]
    return Part(dict.fromkeys(COUNTS, 0), figures, np.minimum(drawn @ figures / len(worths), 1.0), pooled)


def _beta(cells: Ints) -> tuple[Floats, Floats]:
    """Return the parameters of the beta distributions of some cells of the grid."""
    mean = MEANS[cells // len(CORRELATIONS)]
    total = 1 / CORRELATIONS[cells % len(CORRELATIONS)] - 1
    return mean * total, (1 - mean) * total


def _likelihood(decided: Ints, aligned: Ints) -> Floats:
    """Return how likely each prompt's decided votes are in each cell, up to a factor, shape (prompts, cells)."""
    from scipy.special import betaln

    width = int(decided.max()) + 1
    codes, place = np.unique(decided * width + aligned, return_inverse=True)
    rows = np.arange(len(decided))[:, None] * len(codes)
    seen = np.bincount((rows + place.reshape(decided.shape)).ravel(), minlength=len(decided) * len(codes))
    n, k = np.divmod(codes, width)
    a, b = (parameter[:, None] for parameter in _beta(np.arange(len(MEANS) * len(CORRELATIONS))))
    logs = seen.reshape(len(decided), -1) @ (betaln(a + k, b + n - k) - betaln(a, b)).T
    likelihood: Floats = np.exp(logs - logs.max(axis=1, keepdims=True))
    return likelihood


def _fit(likelihood: Floats) -> list[Floats]:
    """Return the weights of the cells after each step of expectation maximisation, from equal ones."""
    path = [np.full(likelihood.shape[1], 1 / likelihood.shape[1])]
    for _ in range(STEPS):
        path.append(path[-1] * (1 / (likelihood @ path[-1]) @ likelihood) / len(likelihood))
    return path


def _influence(likelihood: Floats, path: list[Floats], slope: Floats) -> Floats:
    """Return what each prompt adds to a quantity with a given slope in the fitted weights: `_fit` differentiated.

    Shapes (prompts, cells) and (cells, metrics) to (prompts, metrics), with mean 0 over the prompts.
    """
    figures = np.zeros((len(likelihood), slope.shape[1]))
    for weights in path[-2::-1]:
        share = 1 / (likelihood @ weights)[:, None]
        posterior = likelihood @ (weights[:, None] * slope) * share
        figures += posterior - posterior.mean(axis=0)
        slope = (slope * (likelihood.T @ share) - likelihood.T @ (posterior * share)) / len(likelihood)
    return figures


def _table(weights: Floats, decided: Ints, unsure: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return how often a simulated prompt of each cell has labels that differ, and its mean figures times that."""
    cells = np.repeat(np.arange(len(weights)), FLOOR + np.ceil(ROWS * weights).astype(np.intp))
    designs = rng.integers(0, len(decided), len(cells))
    figures = judged(*_draw(cells, decided[designs], unsure[designs], rng))
    defined = np.isfinite(figures[:, :1])
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    sums = np.add.reduceat(np.hstack([defined, np.where(defined, figures, 0.0)]), starts)
    means = sums / np.bincount(cells)[:, None]
    return means[:, 0], means[:, 1:]


def _pooled(posterior: Floats, decided: Ints, unsure: Ints, rng: np.random.Generator) -> Floats:
    """Return the figures of all items at once, each prompt in a cell drawn from its posterior."""
    levels = np.cumsum(posterior, axis=1)
    cells = (levels < rng.random((len(levels), 1)) * levels[:, -1:]).sum(axis=1)
    human_scores, values, mask = _draw(cells, decided, unsure, rng)
    figures: Floats = judged(human_scores[mask][None, :], values[mask][None, :], mask[mask][None, :])[0]
    return figures


def _draw(
    cells: Ints, decided: Ints, unsure: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the human scores of simulated votes, the probabilities they come from, and where there are items."""
    a, b = (parameter[:, None] for parameter in _beta(cells))
    values = rng.beta(a, b, decided.shape)
    votes = decided + unsure
    return (rng.binomial(decided, values) + unsure / 2) / np.maximum(votes, 1), values, votes > 0
