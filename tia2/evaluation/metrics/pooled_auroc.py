"""The pooled AUROC over resamples of prompts, exactly, without pooling the items of each resample.

Pooled AUROC compares every aligned item with every other item of a subset, so it is a ratio of sums over pairs of
prompts. With wins and pairs counted once for each pair of prompts, a resample is a quadratic form in how often each
prompt is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import resample_counts

Floats = NDArray[np.float64]

_COLUMNS = 64
"""How many prompts' items are counted at a time, which bounds the memory."""


def win_matrix(labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return how often an aligned item of one prompt exceeds another item of a second one, ties counted half.

    Args:
        labels: True for an aligned item, shape (prompts, items).
        values: Finite where the mask is True, same shape.
        mask: True where there is an item, same shape.

    Returns:
        Shape (prompts, prompts): row for the aligned items' prompt, column for the others'.

    Example:
        >>> labels, values = np.array([[True, False], [True, False]]), np.array([[0.9, 0.2], [0.5, 0.5]])
        >>> win_matrix(labels, values, np.ones((2, 2), bool)).tolist()
        [[1.0, 1.0], [1.0, 0.5]]
    """
    prompts = len(labels)
    owner, _ = np.nonzero(mask)
    aligned = labels[mask]
    level = np.unique(values[mask], return_inverse=True)[1].ravel()
    levels = int(level.max(initial=-1)) + 1
    wins = np.zeros((prompts, prompts))
    rows, first = np.unique(owner[aligned], return_index=True)
    if not len(rows):
        return wins
    for start in range(0, prompts, _COLUMNS):
        width = min(_COLUMNS, prompts - start)
        others = ~aligned & (owner >= start) & (owner < start + width)
        counts = np.zeros(levels * width, np.int32)
        np.add.at(counts, level[others] * width + owner[others] - start, 1)
        here = counts.reshape(levels, width)
        # Twice the items below a level, plus those on it: whole numbers until the division.
        doubled = 2 * np.cumsum(here, axis=0, dtype=np.int32) - here
        wins[rows, start : start + width] = np.add.reduceat(doubled[level[aligned]], first, axis=0, dtype=np.int64) / 2
    return wins


def pooled_auroc_resamples(
    labels: NDArray[np.bool_], values: Floats, mask: NDArray[np.bool_], resamples: int, seed: int, subset: str
) -> Floats:
    """Return a subset's pooled AUROC over resamples of its prompts, all prompts included.

    A prompt that is drawn twice is two prompts; its copies are not compared with each other, as no prompt is compared
    with a copy of itself in the benchmark either.

    Args:
        labels: True for an aligned item, shape (prompts, items).
        values: Finite where the mask is True, same shape.
        mask: True where there is an item, same shape.
        resamples: Number of resamples.
        seed: Same seed, same resamples, for every entry.
        subset: Name of the subset, which makes its resamples.

    Returns:
        Shape (resamples,); NaN where a resample holds items of one label only.

    Example:
        >>> labels, values = np.array([[True, False], [True, False]]), np.array([[0.9, 0.2], [0.8, 0.5]])
        >>> pooled_auroc_resamples(labels, values, np.ones((2, 2), bool), 3, 0, "a").tolist()
        [1.0, 1.0, 1.0]
    """
    wins = win_matrix(labels, values, mask)
    within = np.diag(wins)
    aligned = (labels & mask).sum(axis=1).astype(np.float64)
    others = mask.sum(axis=1) - aligned
    drawn = resample_counts(len(labels), resamples, seed, f"{subset} pooled")
    # Wins are halves of small whole numbers: single precision holds their sums exactly, or nearly so.
    crossed = drawn.astype(np.float32) @ (wins - np.diag(within)).astype(np.float32)
    won = np.einsum("ij,ij->i", crossed.astype(np.float64), drawn) + drawn @ within
    pairs = (drawn @ aligned) * (drawn @ others) - (drawn * (drawn - 1)) @ (aligned * others)
    shares: Floats = np.divide(won, pairs, out=np.full(resamples, np.nan), where=pairs > 0)
    return shares
