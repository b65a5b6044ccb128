"""Groups of entries that can't be told apart, for more entries than pairs can be resampled of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.comparing.letters import group_name, joined
from tia2.evaluation.comparing.simultaneous import LEVEL, ROUNDING, Floats, Stratum, holm, ratio

Bools = NDArray[np.bool_]

CANCELLED = 1e-6
"""Share of two entries' squares below which their difference's has lost too many digits to come by subtraction."""


def separable_pairs(strata: list[Stratum]) -> Bools:
    """Say which pairs of entries differ at 5 %, corrected by Holm for the number of pairs.

    Args:
        strata: Figures of the same entries on one or several subsets, which count equally; at least two prompts each.

    Returns:
        True where two entries are separable, symmetric, shape (entries, entries).

    Example:
        >>> figures = np.random.default_rng(0).normal(size=50)
        >>> separable_pairs([Stratum("counting", np.stack([figures + 1, figures, figures]))]).tolist()
        [[False, True, True], [True, False, False], [True, False, False]]
    """
    entries = strata[0].figures.shape[0]
    separable = np.zeros((entries, entries), dtype=np.bool_)
    separable[np.triu_indices(entries, 1)] = holm(paired_p(strata)) <= LEVEL
    separable |= separable.T
    return separable


def paired_p(strata: list[Stratum]) -> Floats:
    """Compare every entry with every later one by a paired t-test over prompts.

    Args:
        strata: Figures of the same entries on one or several subsets, which count equally; at least two prompts each.

    Returns:
        Two-sided p-values, each on its own, shape (comparisons,), in the order of `np.triu_indices(entries, 1)`. With
        d the difference of the means, averaged over S subsets, and vₛ the variance of subset s's mean difference,
        t = d / (√(Σ vₛ) / S); its degrees of freedom are Welch and Satterthwaite's, (Σ vₛ)² / Σ (vₛ² / (prompts − 1)).
        1 for identical entries, 0 for entries that differ by the same on every prompt.

    Source: `scipy.stats.ttest_rel` for one subset; Satterthwaite 1946, https://doi.org/10.2307/3002019

    Example:
        >>> figures = np.array([[0.9, 0.7, 0.8, 0.8], [0.6, 0.7, 0.6, 0.7]])
        >>> paired_p([Stratum("counting", figures)]).round(3).tolist()
        [0.103]
    """
    from scipy.special import stdtr

    pairs = np.triu_indices(strata[0].figures.shape[0], 1)
    total, shares = np.zeros(len(pairs[0])), np.zeros(len(pairs[0]))
    for part in strata:
        variance = difference_variances(part.figures)[pairs]
        total += variance
        shares += variance**2 / (part.figures.shape[1] - 1)
    means = np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
    size = ROUNDING * np.max([np.abs(part.figures).max(axis=1) for part in strata], axis=0)
    difference = np.abs(means[pairs[0]] - means[pairs[1]])
    t = ratio(difference, np.sqrt(total) / len(strata), np.maximum(size[pairs[0]], size[pairs[1]]))
    # Without any variance t is 0 or infinite, and its p-value the same whatever the degrees of freedom.
    freedom = np.divide(total**2, shares, out=np.ones_like(total), where=shares > 0)
    p: Floats = 2 * stdtr(freedom, -t)
    return p


def runs(separable: Bools) -> list[str]:
    """Return the letters of each entry, one for each longest run of consecutive entries that can't be told apart.

    The letters of `tie_groups`, which say of every pair whether it is separable, can be
    exponentially many. These are at most as many as entries, and say less: entries that share a letter are never
    separable, but entries that share none need not be separable either, when a pair between them is. Where the entries
    that can't be told apart from any one are consecutive, both give the same letters.

    Args:
        separable: True where two entries differ, symmetric, best entry first, shape (entries, entries).

    Returns:
        Letters, "a" for the first group. With more than 26 groups, those past "z" are named "aa", "ab", … and an
        entry's names have spaces between them.

    Example:
        >>> runs(np.array([[False, False, True], [False, False, False], [True, False, False]]))
        ['a', 'ab', 'b']
    """
    entries = len(separable)
    positions = np.arange(entries)
    earlier = separable & (positions[:, None] < positions)
    # A run that holds an entry starts after the last earlier one that is separable from it or from one before it.
    after = np.where(earlier, positions[:, None] + 1, 0).max(axis=0, initial=0)
    starts = np.maximum.accumulate(after)
    ends = np.flatnonzero(np.append(starts[1:] != starts[:-1], [True] * (entries > 0)))
    names = [group_name(number) for number in range(len(ends))]
    # Both starts and ends increase from run to run, so an entry's runs are consecutive.
    first = np.searchsorted(ends, positions)
    last = np.searchsorted(starts[ends], positions, side="right")
    return [joined(names[low:high], len(names)) for low, high in zip(first, last, strict=True)]


def difference_variances(figures: Floats) -> Floats:
    """Return the variance of the mean difference of any two entries, shape (entries, entries)."""
    prompts = figures.shape[1]
    centred = figures - figures.mean(axis=1, keepdims=True)
    squares = -2 * (centred @ centred.T)
    alone = squares.diagonal() / -2
    both = alone[:, None] + alone
    squares += both
    lost = squares <= CANCELLED * both
    for entry in range(len(figures)):
        close = np.flatnonzero(lost[entry])
        squares[entry, close] = ((centred[close] - centred[entry]) ** 2).sum(axis=1)
    variances: Floats = squares / (prompts * (prompts - 1))
    return variances
