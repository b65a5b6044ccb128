"""Which models are surely worse than a better one: one correction for a board and for every pair on it.

Letters for all pairs can't be both honest and stable. Among pairs of equal models far below, each is one more chance of
a false claim; so whoever bounds that chance over all pairs must claim less at the top when equal models join at the
bottom. Here the family is that of one reference instead, the best model or the better of two that are compared:
everything that ranks below it. A model that is separable from the reference leaves the family, so that it changes no
other claim, whatever it is equal to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.evaluation.comparing.many_entries import difference_variances
from tia2.evaluation.comparing.simultaneous import ROUNDING, Floats, Stratum, ratio, resampled_means, studentised_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS_TIMES_RESAMPLES = 400_000_000
"""Differences that are looked at: with more than 280 models that might be the best, fewer resamples are used."""
FEWEST = 1000
"""Resamples that are used at least; the error of a share near 5 % is then 0.7 %."""
AT_ONCE = 128
"""Pairs that are tested on their own at once, which bounds the memory that it takes."""
CELLS = 2**16
"""Differences that are computed at once: 256 KiB, which a processor's own memory holds."""


def p_from_reference(
    strata: Sequence[Stratum],
    reference: int,
    family: Sequence[int],
    others: Sequence[int],
    resamples: int,
    seed: int,
    means: Floats | None = None,
) -> Floats:
    """Return p-values of the differences of entries from a better one, corrected for the models that rank below it.

    With z the normal deviate that has the tail of Student's t of a paired difference, a family K and a resample's
    centred differences d* - d, divided by their standard error, p is the share of resamples in which the largest
    |z*| of all pairs in K ∪ {reference} is at least z. All pairs, not those with the reference alone: that it came out
    best was seen in the same data. In step-down order, models with a larger z leave K. No p is below that of the
    studentised test of its pair alone, so that one pair is judged by that test.

    Further entries, such as second calibrations of the family's models, are held against all entries; they enlarge no
    model's family, and a model is held against one entry per model alone.

    Args:
        strata: Figures of the same entries on one or several subsets, which count equally; at least two prompts each.
        reference: Position of the entry that the others are compared with.
        family: Positions of the entries that stand for the other models, one per model, none above the reference.
        others: Positions of further entries, none above the reference.
        resamples: Number of resamples of the prompts.
        seed: Seed of the resamples, shared with all intervals.
        means: Means of all entries over these resamples, as `resampled_means` gives them; computed if None.

    Returns:
        Two-sided p-values, shape (entries,), NaN for entries that weren't asked for. None is below
        1 / (resamples + 1).

    Source: Westfall and Young 1993, algorithm 2.8; Hansen, Lunde and Nason 2011, The Model Confidence Set,
    https://doi.org/10.3982/ECTA5771, whose elimination this is.

    Example:
        >>> good = np.random.default_rng(0).normal(size=50)
        >>> strata = [Stratum("counting", np.stack([good + 1, good, good + 1]))]
        >>> p_from_reference(strata, 0, [1, 2], [], resamples=999, seed=0).tolist()
        [nan, 0.001, 1.0]
    """
    p = np.full(strata[0].figures.shape[0], np.nan)
    for members, asked in ((list(family), list(family)), ([*family, *others], list(others))):
        if asked:
            adjusted = _adjusted(strata, reference, np.array(members, np.intp), resamples, seed, means)
            p[asked] = adjusted[-len(asked) :]
    return p


def _adjusted(
    strata: Sequence[Stratum],
    reference: int,
    family: NDArray[np.intp],
    resamples: int,
    seed: int,
    means: Floats | None,
) -> Floats:
    gaps = [part.figures[reference] - part.figures[family] for part in strata]
    tails = _t_tails(gaps)
    deviates = _deviates(tails)
    least = 1 / (1 + resamples)
    left = _not_sure(tails, least)
    adjusted, alone = np.full((2, len(family)), least)
    shares = _shares(strata, reference, family[left], deviates[left], resamples, seed, means)
    # No model can be claimed to be worse before one whose deviate is larger.
    order = np.argsort(-deviates[left], kind="stable")
    adjusted[left[order]] = np.maximum.accumulate(shares[order])
    names = [part.subset for part in strata]
    for start in range(0, len(left), AT_ONCE):
        some = left[start : start + AT_ONCE]
        alone[some] = studentised_p([gap[some] for gap in gaps], names, resamples, seed)
    larger: Floats = np.maximum(adjusted, alone)
    return larger


def _t_tails(gaps: Sequence[Floats]) -> Floats:
    """Return two-sided p-values of paired t-tests, with Welch and Satterthwaite's degrees of freedom."""
    from scipy.special import stdtr

    variances = np.stack([gap.var(axis=1, ddof=1) / gap.shape[1] for gap in gaps])
    weights = np.array([gap.shape[1] - 1 for gap in gaps])[:, None]
    total, parts = variances.sum(axis=0), (variances**2 / weights).sum(axis=0)
    freedom = np.divide(total**2, parts, out=np.ones_like(total), where=parts > 0)
    means = np.mean([gap.mean(axis=1) for gap in gaps], axis=0)
    rounding = ROUNDING * np.max([np.abs(gap).max(axis=1) for gap in gaps], axis=0)
    tails: Floats = 2 * stdtr(freedom, -ratio(np.abs(means), np.sqrt(total) / len(gaps), rounding))
    return tails


def _deviates(tails: Floats) -> Floats:
    from scipy.special import ndtri

    deviates: Floats = -ndtri(np.maximum(tails, np.finfo(np.float64).tiny) / 2)
    return deviates


def _not_sure(tails: Floats, least: float) -> NDArray[np.intp]:
    """Return the positions that resamples are needed for: not those that even Bonferroni's bound rules out.

    A bound on the share of resamples is enough where it is no larger than the least p-value that they can give.
    """
    order = np.argsort(tails, kind="stable")
    remaining = np.arange(len(tails), 0, -1)
    ruled_out = remaining * (remaining + 1) / 2 * tails[order] <= least
    # In step-down order: nobody leaves after the first that stays.
    count = len(tails) if ruled_out.all() else int(ruled_out.argmin())
    return np.sort(order[count:])


def _shares(
    strata: Sequence[Stratum],
    reference: int,
    family: NDArray[np.intp],
    deviates: Floats,
    resamples: int,
    seed: int,
    means: Floats | None,
) -> Floats:
    """Return the share of resamples whose largest deviate is at least each entry's.

    The largest is taken over all pairs of the reference and those entries whose deviate is no larger.
    """
    pairs = len(family) * (len(family) + 1) // 2
    used = min(resamples, max(FEWEST, PAIRS_TIMES_RESAMPLES // max(pairs, 1)))
    ascending = np.argsort(deviates, kind="stable")
    rows = np.array([reference, *family[ascending]], np.intp)
    kept = [Stratum(part.subset, part.figures[rows]) for part in strata]
    observed = np.mean([part.figures.mean(axis=1) for part in kept], axis=0)
    resampled = resampled_means(kept, resamples, seed)[:used] if means is None else means[:used, rows]
    centred = np.ascontiguousarray((resampled - observed).astype(np.float32).T)
    with np.errstate(divide="ignore"):
        inverse = 1 / _resampled_errors(kept)
    # Entries that differ by nothing but a constant have nothing to resample.
    scale = np.where(np.isfinite(inverse), inverse, 0).astype(np.float32)
    largest = np.zeros(used, np.float32)
    shares = np.ones(len(family))
    for entry, position in enumerate(ascending, start=1):
        np.maximum(largest, _largest(centred, scale[entry, :entry], entry), out=largest)
        shares[position] = (1 + (largest >= deviates[position]).sum()) / (1 + used)
    return shares


def _largest(centred: NDArray[np.float32], scale: NDArray[np.float32], entry: int) -> NDArray[np.float32]:
    """Return the largest deviate between an entry and all before it, shape (resamples,)."""
    largest = np.empty(centred.shape[1], np.float32)
    width = max(1, CELLS // entry)
    for start in range(0, centred.shape[1], width):
        block = centred[: entry + 1, start : start + width]
        gaps = block[:entry] - block[entry]
        np.abs(gaps, out=gaps)
        gaps *= scale[:, None]
        gaps.max(axis=0, out=largest[start : start + width])
    return largest


def _resampled_errors(strata: Sequence[Stratum]) -> Floats:
    """Return the standard error that a difference has over resamples, shape (entries, entries)."""
    parts = [difference_variances(part.figures) * (1 - 1 / part.figures.shape[1]) for part in strata]
    errors: Floats = np.sqrt(np.sum(parts, axis=0)) / len(strata)
    return errors
