"""One annotator as an entry: a single vote as the value of an item, judged against the other votes on it.

Of each item one vote is held out at random. Its worth is the value; the mean of the others is the human score, and the
label is whether that mean is above one half. This is done several times and averaged, since a vote's place among the
votes of an item means nothing: released votes may come sorted. For the same reason the votes are sorted first, so that
the figures don't depend on their order at all.

Two things keep the figures from being those of an entry. The other votes are one fewer, so their label is noisier, and
with two others an item is aligned only when both say so, or one does and the other is unsure. And a vote has three
levels at most, so most pairs of items tie. A model that beats one annotator does not therefore beat people.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.errors import ResultError
from tia2.evaluation.bootstrap import resampled
from tia2.evaluation.measuring import by_width, measured
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.people.estimates import SubsetFigures

Floats = NDArray[np.float64]

SHUFFLES = 12
WIDE = 500
"""Items of a prompt from which on it is simulated apart from narrower ones."""
POOLED = 4
"""In how many of them all items of a subset are judged at once."""


def annotator_part(
    subset: str,
    worths: Floats,
    used: NDArray[np.bool_],
    seed: int,
    resamples: int,
    shuffles: int = SHUFFLES,
    scale: RatingScale | None = None,
) -> SubsetFigures:
    """Return the figures of one annotator on one subset.

    A prompt's figure is the mean over the shuffles in which the labels of its items differ; rank correlations with
    values that are all equal count as 0, as they do for an entry.

    Args:
        subset: Name of the subset, which makes its random numbers and resamples.
        worths: Votes or ratings as numbers from 0 to 1, NaN where there is none, shape (prompts, items, votes); at
            least two on every item.
        used: The prompts whose labels by all votes differ: those that entries are judged on. Shape (prompts,).
        seed: Seed of the random numbers and of the resamples.
        resamples: Number of resamples of the prompts.
        shuffles: Number of times that one vote of every item is held out.
        scale: Scale of the ratings, with the rule that makes labels of the others; None for votes.

    Returns:
        The figures, for `combine_figures`.

    Raises:
        ResultError: If an item has a single vote.

    Example:
        >>> votes = np.array([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
        >>> annotator_part("x", votes, np.array([True, True]), 0, 10).figures[:, 0].tolist()
        [1.0, 1.0]
    """
    mask = np.asarray(np.isfinite(worths).any(axis=2))
    if (np.isfinite(worths).sum(axis=2) == 1).any():
        raise ResultError("To hold out one vote, every item needs at least two.")
    # Prompts of several widths are drawn one width after another only where a wide one would make the others as wide.
    groups = list(by_width(mask)) if mask.shape[1] > WIDE else [(slice(None), mask.shape[1])]
    sorted_votes = [(rows, np.sort(worths[rows, :width], axis=2)) for rows, width in groups]
    rng = generator(seed, subset, "annotator")
    repeats, pooled = [], []
    for shuffle in range(shuffles):
        figures, items = np.full((len(worths), len(METRICS)), np.nan), []
        for rows, votes in sorted_votes:
            drawn, kept = _held_out(votes, rng, scale), used[rows]
            members = np.arange(len(worths))[rows][kept]
            figures[members] = measured(drawn.others[kept], drawn.values[kept], drawn.mask[kept], drawn.labels[kept])
            if shuffle < POOLED:
                items.append([column[drawn.mask] for column in (drawn.others, drawn.values, drawn.labels)])
        repeats.append(figures[used])
        if shuffle < POOLED:
            others, values, labels = (np.concatenate(column)[None, :] for column in zip(*items, strict=True))
            pooled.append(measured(others, values, np.ones(values.shape, np.bool_), labels)[0])
    return with_means(subset, nan_mean(repeats), nan_mean(pooled), seed, resamples)


class _HeldOut(NamedTuple):
    """One vote of each item apart from the others, all of shape (prompts, items)."""

    others: Floats
    """Means of the other votes."""
    values: Floats
    """The votes that are held out."""
    labels: NDArray[np.bool_]
    """Labels by the others."""
    mask: NDArray[np.bool_]
    """Whether there is an item."""


def _held_out(worths: Floats, rng: np.random.Generator, scale: RatingScale | None) -> _HeldOut:
    """Draw one vote of each item at random."""
    counts = np.isfinite(worths).sum(axis=2)
    mask = counts > 0
    chosen = (rng.random(counts.shape) * counts).astype(np.intp)
    values = np.where(mask, np.take_along_axis(worths, chosen[:, :, None], axis=2)[:, :, 0], 0.0)
    others = (np.nansum(worths, axis=2) - values) / np.maximum(counts - 1, 1)
    if scale is None:
        return _HeldOut(others, values, others > 0.5, mask)
    ratings = worths.copy()
    np.put_along_axis(ratings, chosen[:, :, None], np.nan, axis=2)
    return _HeldOut(others, values, scale.aligned(others, ratings), mask)


def nan_mean(repeats: list[Floats]) -> Floats:
    """Return the mean over repeats, without those that are NaN; NaN where all are.

    Args:
        repeats: Arrays of one shape.

    Returns:
        That shape.

    Example:
        >>> nan_mean([np.array([1.0, np.nan]), np.array([0.0, np.nan])]).tolist()
        [0.5, nan]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean: Floats = np.nanmean(repeats, axis=0)
    return mean


def generator(seed: int, subset: str, purpose: str) -> np.random.Generator:
    """Return a generator that only one subset and purpose share.

    Args:
        seed: Seed of the numbers.
        subset: Name of the subset.
        purpose: Any name.

    Returns:
        The generator; equal arguments give equal numbers.

    Example:
        >>> int(generator(0, "counting", "annotator").integers(0, 1))
        0
    """
    name = int.from_bytes(hashlib.sha256(f"{purpose}/{subset}".encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, name])))


def with_means(subset: str, figures: Floats, pooled: Floats, seed: int, resamples: int) -> SubsetFigures:
    """Return the figures of prompts with their means over resamples; prompts without figures are left out.

    Args:
        subset: Name of the subset, which makes its resamples.
        figures: Figures of the prompts, shape (prompts, metrics).
        pooled: Figures of all items at once, shape (metrics,).
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts.
    """
    within = resampled(figures[np.isfinite(figures).all(axis=1)], resamples, seed, subset)
    return SubsetFigures(within.figures, within.means, pooled)
