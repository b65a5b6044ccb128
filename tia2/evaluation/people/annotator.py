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

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.aggregate import Part
from tia2.evaluation.bootstrap import resample_counts
from tia2.evaluation.metrics import all_metrics

Floats = NDArray[np.float64]

SHUFFLES = 12
POOLED = 4
"""In how many of them all items of a subset are judged at once."""
COUNTS = ("prompts", "prompts_used", "prompts_constant", "items", "items_scored", "tied", "distinct")


def annotator_part(
    subset: str, worths: Floats, used: NDArray[np.bool_], seed: int, resamples: int, shuffles: int = SHUFFLES
) -> Part:
    """Return the figures of one annotator on one subset.

    A prompt's figure is the mean over the shuffles in which the labels of its items differ; rank correlations with
    values that are all equal count as 0, as they do for an entry.

    Args:
        subset: Its name, which makes its random numbers and resamples.
        worths: Votes as numbers, NaN where there is none, shape (prompts, items, votes); at least two on every item.
        used: The prompts whose labels by all votes differ: those that entries are judged on. Shape (prompts,).
        seed: Same seed, same figures.
        resamples: How many resamples of prompts.
        shuffles: How often to hold out one vote of every item.

    Returns:
        The part for `combine`; its counts are all 0.

    Raises:
        ResultError: If an item has a single vote.

    Example:
        >>> votes = np.array([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
        >>> annotator_part("x", votes, np.array([True, True]), 0, 10).figures[:, 0].tolist()
        [1.0, 1.0]
    """
    worths = np.sort(worths, axis=2)
    counts = np.isfinite(worths).sum(axis=2)
    if (counts == 1).any():
        raise ResultError("To hold out one vote, every item needs at least two.")
    mask = counts > 0
    total = np.nansum(worths, axis=2)
    rng = generator(seed, subset, "annotator")
    figures, pooled = [], []
    for shuffle in range(shuffles):
        place = (rng.random(counts.shape) * counts).astype(np.intp)
        values = np.where(mask, np.take_along_axis(worths, place[:, :, None], axis=2)[:, :, 0], 0.0)
        others = (total - values) / np.maximum(counts - 1, 1)
        figures.append(judged(others[used], values[used], mask[used]))
        if shuffle < POOLED:
            pooled.append(judged(others[mask][None, :], values[mask][None, :], np.ones((1, mask.sum()), np.bool_))[0])
    return part_of(subset, nan_mean(figures), nan_mean(pooled), seed, resamples)


def judged(human_scores: Floats, values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return all figures of values against human scores: NaN where labels don't differ, else 0 where undefined.

    Args:
        human_scores: Shape (prompts, items).
        values: Same shape.
        mask: True where there is an item, same shape.

    Returns:
        Shape (prompts, metrics).

    Raises:
        ResultError: If the arrays don't fit together or numbers are not finite.

    Example:
        >>> judged(np.array([[1.0, 0.0]]), np.array([[0.2, 0.1]]), np.array([[True, True]])).tolist()
        [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    """
    labels = (human_scores > 0.5) & mask
    figures = np.stack(list(all_metrics(labels, human_scores, values, mask).values()), axis=1)
    mixed = labels.any(axis=1) & (labels != mask).any(axis=1)
    return np.where(mixed[:, None], np.nan_to_num(figures), np.nan)


def part_of(subset: str, figures: Floats, pooled: Floats, seed: int, resamples: int) -> Part:
    """Return a part for `combine` from the figures of prompts, those without figures left out.

    Args:
        subset: Its name, which makes its resamples.
        figures: Shape (prompts, metrics).
        pooled: Shape (metrics,).
        seed: Same seed, same resamples.
        resamples: How many.

    Returns:
        The part; its counts are all 0.

    Example:
        >>> part_of("x", np.full((2, 7), 0.5), np.full(7, 0.5), 0, 10).resampled.shape
        (10, 7)
    """
    figures = figures[np.isfinite(figures).all(axis=1)]
    drawn = resample_counts(max(len(figures), 1), resamples, seed, subset)[:, : len(figures)]
    return Part(dict.fromkeys(COUNTS, 0), figures, drawn @ figures / max(len(figures), 1), pooled)


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
    """Return random numbers of a subset's own, for one purpose.

    Args:
        seed: Same seed, same numbers.
        subset: Name of the subset.
        purpose: Any name.

    Returns:
        The generator.

    Example:
        >>> int(generator(0, "counting", "annotator").integers(0, 1))
        0
    """
    name = int.from_bytes(hashlib.sha256(f"{purpose}/{subset}".encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, name])))
