"""Differences between several entries at once: intervals, and p-values corrected for their number.

All entries of a benchmark are resampled together, prompt by prompt, so that every comparison is paired. The correction
is the step-down max-T procedure of Westfall and Young on studentised resamples: it keeps the chance of a single false
claim among all comparisons at the nominal level, and loses less power than Holm's where comparisons are correlated.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import interval, resampled

Floats = NDArray[np.float64]

LEVEL = 0.05
"""The chance of a false claim that verdicts and groups keep to."""

ROUNDING = 1e-12
"""Relative size below which a difference is taken for a rounding error."""


@dataclass(frozen=True)
class Stratum:
    """The figures of all entries on one subset.

    Attributes:
        subset: Name of the subset, which makes its resamples.
        figures: Figures of the prompts used, shape (entries, prompts).
    """

    subset: str
    figures: Floats


@dataclass(frozen=True)
class Differences:
    """What is known of the differences between all pairs of entries.

    Attributes:
        pairs: Positions of the two entries, first minus second, shape (comparisons, 2).
        difference: Difference of the means, shape (comparisons,).
        low: Lower ends of the 95 % intervals, each on its own.
        high: Upper ends.
        probability: Share of the resamples in which the first is better, ties counted half.
        p: Two-sided p-values, each on its own.
        adjusted: p-values corrected for the number of comparisons.
    """

    pairs: NDArray[np.intp]
    difference: Floats
    low: Floats
    high: Floats
    probability: Floats
    p: Floats
    adjusted: Floats


def resampled_means(strata: list[Stratum], resamples: int, seed: int) -> Floats:
    """Return the means of all entries over resamples, averaged over subsets: shape (resamples, entries)."""
    # Added to the first in place: with a thousand entries, each copy takes 80 MB.
    averaged = resampled(strata[0].figures.T, resamples, seed, strata[0].subset).means
    for part in strata[1:]:
        averaged += resampled(part.figures.T, resamples, seed, part.subset).means
    averaged /= len(strata)
    return averaged


def differences(strata: list[Stratum], resamples: int, seed: int) -> Differences:
    """Compare every entry with every later one.

    Args:
        strata: Figures of the same entries on one or several subsets, which count equally.
        resamples: Number of resamples of the prompts.
        seed: Seed of the resamples, shared with the intervals of single entries.

    Returns:
        Differences of the means over prompts, averaged over subsets. The interval is the expanded percentile interval
        of the paired differences. With t = d / se(d), a p-value is the share of resamples whose centred, studentised
        difference |d* - d| / se*(d) is at least |t|; for `adjusted`, in step-down order, the largest of those that are
        not rejected yet. Neither is below 1 / (resamples + 1).

    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> good = rng.normal(size=50)
        >>> paired = differences([Stratum("counting", np.stack([good + 1, good]))], 1000, seed=0)
        >>> paired.difference.round(6).tolist(), paired.probability.tolist()
        ([1.0], [1.0])
    """
    entries = strata[0].figures.shape[0]
    pairs = np.array(list(combinations(range(entries), 2)), dtype=np.intp).reshape(-1, 2)
    gaps = [part.figures[pairs[:, 0]] - part.figures[pairs[:, 1]] for part in strata]
    tested = _studentised(gaps, [part.subset for part in strata], resamples, seed)
    # Unlike the p-values, each interval stands on its own: it is read beside a single figure.
    means = tested.means
    ends = [interval(means[:, number], [gap[number] for gap in gaps]) for number in range(len(pairs))]
    return Differences(
        pairs=pairs,
        difference=tested.observed,
        low=np.array([end[0] for end in ends]),
        high=np.array([end[1] for end in ends]),
        probability=((means > 0) + 0.5 * (means == 0)).mean(axis=0),
        p=tested.p,
        adjusted=_step_down(tested.resampled, tested.t),
    )


def studentised_p(gaps: list[Floats], subsets: list[str], resamples: int, seed: int) -> Floats:
    """Return two-sided p-values of mean differences, each on its own, as `differences` does.

    Args:
        gaps: Differences of each comparison by prompt, one array per subset, shape (comparisons, prompts) each.
        subsets: Names of the subsets, which make their resamples.
        resamples: Number of resamples of the prompts.
        seed: Seed of the resamples.
    """
    if not len(gaps[0]):
        return np.empty(0)
    return _studentised(gaps, subsets, resamples, seed).p


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number by Holm's step-down procedure.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


class _Studentised(NamedTuple):
    """Differences divided by their standard errors: as observed, and centred over resamples."""

    means: Floats
    observed: Floats
    t: Floats
    resampled: Floats

    @property
    def p(self) -> Floats:
        # The observed data count as one resample more, so that no p-value is 0 for lack of resamples.
        p: Floats = (1 + (self.resampled >= self.t).sum(axis=0)) / (1 + len(self.resampled))
        return p


def _studentised(gaps: list[Floats], subsets: list[str], resamples: int, seed: int) -> _Studentised:
    parts = [resampled(gap.T, resamples, seed, subset).means for gap, subset in zip(gaps, subsets, strict=True)]
    means = np.mean(parts, axis=0)
    observed: Floats = np.mean([gap.mean(axis=1) for gap in gaps], axis=0)
    error = np.sqrt(sum(gap.var(axis=1, ddof=1) / gap.shape[1] for gap in gaps)) / len(gaps)
    spread = np.zeros_like(means)
    # Each resample has a standard error of its own, from its mean and mean of squares. Without it, noisy pairs
    # would set the threshold for all others.
    for mean, gap, subset in zip(parts, gaps, subsets, strict=True):
        squares = resampled((gap**2).T, resamples, seed, subset).means
        spread += np.maximum(squares - mean**2, 0) / (gap.shape[1] - 1)
    # What rounding alone leaves of a constant difference counts as nothing.
    rounding = ROUNDING * np.max([np.abs(gap).max(axis=1) for gap in gaps], axis=0)
    # Centred at what was observed: the resamples then show how far apart two equal entries would come out by chance.
    centred = ratio(np.abs(means - observed), np.sqrt(spread) / len(gaps), rounding)
    t = ratio(np.abs(observed), error, rounding)
    return _Studentised(means, observed, t, centred)


def _step_down(studentised: Floats, t: Floats) -> Floats:
    # From the largest t down: a comparison is held against the largest statistic of those not rejected before it, which
    # keeps the chance of any false claim while asking less of the later ones than a single threshold would.
    order = np.argsort(-t, kind="stable")
    # The largest statistic among the comparison itself and all with a smaller one.
    largest = np.maximum.accumulate(studentised[:, order[::-1]], axis=1)[:, ::-1]
    shares = (1 + (largest >= t[order]).sum(axis=0)) / (1 + len(studentised))
    adjusted = np.empty_like(t)
    # A comparison can't be claimed before one with a larger t.
    adjusted[order] = np.maximum.accumulate(shares)
    return adjusted


def ratio(values: Floats, errors: Floats, rounding: Floats) -> Floats:
    """Return values / errors, 0 where the value is nothing but rounding, infinity where only the error is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Floats = np.where(values <= rounding, 0.0, values / np.where(errors <= rounding, 0.0, errors))
    return ratios
