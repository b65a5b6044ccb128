"""The noise ceiling for ratings: what a scorer that knows each image's true rating would reach against the ratings.

Model: a rating is a latent number, rounded to the scale's steps and cut off at its ends. The latent number is the
image's true one plus a rater's error, true ones vary about their prompt's mean, and all are normal. The error variance
is the subset's; prompts differ in the variance of their true ratings, whose distribution is fitted. Each image's true
number is drawn from its posterior given its ratings, as many new ratings are drawn from it as there are, and the
figures are those of the true numbers against the new ratings. Drawing from the posterior, rather than taking its mean,
keeps true numbers as spread as they are.

Raters are taken to be exchangeable: where one is stricter than another, that difference counts as error, as it does in
an item's mean.

Measured against known truths, scale 1 to 5, the rule "4 or more", AUROC: its value, and the bias of the ceiling.

| truth | 160 prompts of 5 items, 3 ratings | 100 prompts of 20 items, 5 ratings |
|---|---|---|
| as the model, prompts alike in variance | .935, +.009 | .963, −.000 |
| as the model, prompts very different in variance | .900, +.027 | .933, +.007 |
| ratings binomial, their chance from a beta distribution | .953, +.004 | .970, −.001 |
| many ratings at the ends of the scale | .983, +.003 | .989, +.002 |

Bias for Spearman and Kendall is alike, at most +.048 in the second row with 5 items: few items say little of a
prompt's variance, and then the ceiling is too high. The interval is over prompts, and doesn't cover what the fit is
unsure of: with 5 items per prompt it holds the truth less often than it says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.evaluation.measuring import measured
from tia2.evaluation.people.annotator import generator, nan_mean, with_means
from tia2.evaluation.people.estimates import SubsetFigures

Floats = NDArray[np.float64]

DRAWS = 24
"""Simulations of every prompt; more move a subset's figure by less than .002."""
CELLS = 16
"""Variances in the grid."""
STEPS = 60
"""Steps of expectation maximisation; more change nothing."""
POOLED = 6
"""In how many of them all items of a subset are judged at once."""
MOST_STEPS = 40
"""A scale with more distinct ratings than this is taken for a continuous one, whose ratings aren't rounded."""


def rating_ceiling_part(
    subset: str, ratings: Floats, used: NDArray[np.bool_], seed: int, resamples: int, scale: RatingScale
) -> SubsetFigures:
    """Return the noise ceiling of one subset's ratings.

    Args:
        subset: Name of the subset, which makes its random numbers and resamples.
        ratings: Ratings from 0 to 1, NaN for gaps, shape (prompts, items, ratings).
        used: The prompts whose labels differ, shape (prompts,).
        seed: Seed of the random numbers and of the resamples.
        resamples: Number of resamples of the prompts.
        scale: Scale of the ratings, with the rule for labels.

    Returns:
        The figures, for `combine_figures`.

    Example:
        >>> ratings = np.tile([[0.0, 0.0], [1.0, 1.0]], (40, 5, 1))
        >>> part = rating_ceiling_part("x", ratings, np.full(40, True), 0, 10, RatingScale(low=1, high=5))
        >>> part.figures[:, 0].mean().round(3).item()
        1.0
    """
    counts = np.isfinite(ratings).sum(axis=2)
    mask = counts > 0
    means = np.nansum(ratings, axis=2) / np.maximum(counts, 1)
    step = step_of(ratings)
    error = _error_variance(ratings, counts, step)
    noise = error / np.maximum(counts, 1)
    variances, posteriors = _within_variances(means, noise, mask)
    rng = generator(seed, subset, "rating ceiling")
    figures, pooled = [], []
    for draw in range(DRAWS):
        chosen = (np.cumsum(posteriors, axis=1) < rng.random((len(means), 1))).sum(axis=1)
        true = _true_ratings(means, noise, mask, variances[np.minimum(chosen, len(variances) - 1)], rng)
        drawn = true[:, :, None] + np.sqrt(error) * rng.standard_normal(ratings.shape)
        again = np.where(np.isfinite(ratings), _rounded(drawn, step), np.nan)
        scores = np.nansum(again, axis=2) / np.maximum(counts, 1)
        labels = scale.aligned(scores, again)
        figures.append(measured(scores[used], true[used], mask[used], labels[used]))
        if draw < POOLED:
            every = np.ones((1, int(mask.sum())), np.bool_)
            pooled.append(measured(scores[mask][None, :], true[mask][None, :], every, labels[mask][None, :])[0])
    return with_means(subset, nan_mean(figures), nan_mean(pooled), seed, resamples)


def step_of(ratings: Floats) -> float | None:
    """Return the distance of neighbouring levels of a scale, None for a continuous one.

    Args:
        ratings: Ratings from 0 to 1, NaN for gaps.

    Example:
        >>> step_of(np.array([0.0, 0.25, 1.0, 0.5])), step_of(np.random.default_rng(0).random(100))
        (0.25, None)
    """
    levels = np.unique(np.round(ratings[np.isfinite(ratings)], 9))
    if len(levels) < 2:
        return None
    step = float(np.diff(levels).min())
    whole = levels / step
    regular = np.allclose(whole, np.round(whole), atol=1e-6) and round(1 / step) <= MOST_STEPS
    return step if regular else None


def _error_variance(ratings: Floats, counts: NDArray[np.intp], step: float | None) -> float:
    """Return the variance of a rater's latent error: that within items, without what rounding adds."""
    paired = counts > 1
    if not paired.any():
        return 0.0
    total, squares = np.nansum(ratings, axis=2), np.nansum(ratings**2, axis=2)
    within = (squares - total**2 / np.maximum(counts, 1))[paired].sum() / (counts[paired] - 1).sum()
    rounding = 0.0 if step is None else step**2 / 12
    return float(max(within - rounding, 0.0))


def _within_variances(means: Floats, noise: Floats, mask: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return variances of true ratings about their prompt's mean, and each prompt's posterior over them.

    Prompts differ in their variance; how it is distributed is fitted by expectation maximisation over a grid
    (nonparametric maximum likelihood), from the squares of item means about their prompt's mean.

    Returns:
        Shapes (cells,) and (prompts, cells).
    """
    items = mask.sum(axis=1)
    centre = np.where(mask, means, 0.0).sum(axis=1) / np.maximum(items, 1)
    squares = np.where(mask, (means - centre[:, None]) ** 2, 0.0).sum(axis=1)
    error = np.where(mask, noise, 0.0).sum(axis=1) / np.maximum(items, 1)
    grid = np.concatenate([[0.0], np.geomspace(0.01, 0.75, CELLS - 1)]) ** 2
    freedom = np.maximum(items - 1, 0)
    # A prompt's squares over their variance are chi-squared; a floor keeps a prompt without noise finite.
    variance = grid[None, :] + np.maximum(error, 1e-6)[:, None]
    logs = -freedom[:, None] / 2 * np.log(variance) - squares[:, None] / (2 * variance)
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights = np.full(len(grid), 1 / len(grid))
    for _ in range(STEPS):
        weights = weights * (1 / (likelihood @ weights) @ likelihood) / len(likelihood)
    posteriors = likelihood * weights
    return grid, posteriors / posteriors.sum(axis=1, keepdims=True)


def _true_ratings(
    means: Floats, noise: Floats, mask: NDArray[np.bool_], within: Floats, rng: np.random.Generator
) -> Floats:
    """Return a draw of every item's true rating given its ratings, 0 where there is no item."""
    total = within[:, None] + noise
    centre = _weighted(means, 1 / np.maximum(total, 1e-12), mask)
    share = np.where(total > 0, within[:, None] / np.maximum(total, 1e-12), 1.0)
    spread = np.sqrt(within[:, None] * (1 - share))
    drawn = centre[:, None] + share * (means - centre[:, None]) + spread * rng.standard_normal(means.shape)
    return np.where(mask, drawn, 0.0)


def _weighted(means: Floats, weights: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return each prompt's mean, items weighted by how sure their means are."""
    kept = np.where(mask & np.isfinite(weights), weights, 0.0)
    total = kept.sum(axis=1)
    plain = np.where(mask, means, 0.0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
    centre: Floats = np.where(total > 0, (kept * means).sum(axis=1) / np.maximum(total, 1e-300), plain)
    return centre


def _rounded(latent: Floats, step: float | None) -> Floats:
    rounded = latent if step is None else np.round(latent / step) * step
    return np.clip(rounded, 0.0, 1.0)
