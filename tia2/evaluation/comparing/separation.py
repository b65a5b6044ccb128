"""Ranks, rank intervals and groups of few or many entries on one subset, or on the mean of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.comparing.letters import tie_groups
from tia2.evaluation.comparing.many_entries import runs, separable_pairs
from tia2.evaluation.comparing.rank_intervals import rank_intervals
from tia2.evaluation.comparing.simultaneous import LEVEL, Floats, Stratum, differences, resampled_means

Ints = NDArray[np.intp]

EXACT = 40
"""Most entries whose pairs are all compared on the resamples: 780 pairs times 10,000 resamples take 62 MB per array."""


@dataclass(frozen=True)
class Separation:
    """Where each entry stands, in the order in which the entries were given.

    Attributes:
        mean: Mean over prompts, averaged over subsets, shape (entries,).
        rank: 1 for the best entry; of entries with the same mean, the one given first is the better.
        rank_low: Best rank that holds in 95 % of the resamples.
        rank_high: Worst rank that does.
        group: Letters; entries that share one are not separable at 5 % over all comparisons.
    """

    mean: Floats
    rank: Ints
    rank_low: Ints
    rank_high: Ints
    group: list[str]


def separation(strata: list[Stratum], resamples: int, seed: int) -> Separation:
    """Rank entries, and say which can be told apart, corrected for the number of comparisons.

    Args:
        strata: Figures of the same entries on one or several subsets, which count equally.
        resamples: Number of resamples of the prompts.
        seed: Seed of the resamples.

    Returns:
        Ranks, their intervals and groups. Up to `EXACT` entries, pairs are compared by the step-down max-T procedure
        on the resamples, and two entries share a letter exactly when they are not separable. With more, they are
        compared by paired t-tests with Holm's correction, and letters stand for `runs` of consecutive entries: two
        entries that share one are never separable, but two that share none need not be separable either. One entry
        alone has rank 1 and letter "a"; without entries, all is empty.

    Raises:
        ResultError: A subset has fewer than two prompts, and there are entries to compare.

    Example:
        >>> figures = np.random.default_rng(0).normal(size=50)
        >>> standing = separation([Stratum("counting", np.stack([figures, figures + 1]))], 1000, seed=0)
        >>> standing.rank.tolist(), standing.group
        ([2, 1], ['b', 'a'])
    """
    entries = strata[0].figures.shape[0] if strata else 0
    if entries < 2:
        alone = np.ones(entries, dtype=np.intp)
        return Separation(_means(strata) if entries else np.empty(0), alone, alone, alone, ["a"] * entries)
    check_prompts(strata)
    means = _means(strata)
    order = np.argsort(-means, kind="stable")
    best_first = [Stratum(part.subset, part.figures[order]) for part in strata]
    low, high = rank_intervals(resampled_means(best_first, resamples, seed))
    given_order = np.argsort(order)
    letters = _groups(best_first, resamples, seed)
    return Separation(
        means, given_order + 1, low[given_order], high[given_order], [letters[rank] for rank in given_order]
    )


def check_prompts(strata: list[Stratum]) -> None:
    """Raise where a subset has too few prompts to compare by.

    Raises:
        ResultError: A subset has fewer than two prompts.
    """
    small = [part.subset for part in strata if part.figures.shape[1] < 2]
    if small:
        raise ResultError(f"{', '.join(small)} has fewer than two prompts whose labels differ; a comparison needs two.")


def _means(strata: list[Stratum]) -> Floats:
    means: Floats = np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
    return means


def _groups(strata: list[Stratum], resamples: int, seed: int) -> list[str]:
    entries = strata[0].figures.shape[0]
    if entries > EXACT:
        return runs(separable_pairs(strata))
    compared = differences(strata, resamples, seed)
    separable = compared.pairs[compared.adjusted <= LEVEL]
    return tie_groups(entries, [(int(first), int(second)) for first, second in separable])
