"""Intervals from a seeded bootstrap over prompts.

The prompt is the unit of uncertainty: its 50 images share its wording and difficulty, so resampling images would give
intervals that are far too narrow. Whole prompts are drawn with replacement, as counts that every entry on one
benchmark shares: differences between entries are then paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 10_000
BLOCK_CELLS = 2**20
"""Resamples times prompts that are drawn at a time: 8 MiB, which the system lends again for the next."""
MANY_PROMPTS = 500
"""Prompts from which on resamples are counted one by one, which then takes half the time."""
KEPT_CELLS = 5_000_000
"""Resamples times prompts up to which counts are kept for the next entry on the same benchmark: 40 MiB."""


class Interval(NamedTuple):
    """A figure, or a difference of two, with the ends of its 95 % interval over prompts."""

    mean: float
    low: float
    high: float


UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


class Resampled(NamedTuple):
    """Figures of one subset's prompts, with their means over resamples of the prompts."""

    figures: Floats
    """Shape (prompts, sets), one set for each metric or each entry."""
    means: Floats
    """Shape (resamples, sets)."""


def resample_counts(prompts: int, resamples: int, seed: int, subset: str) -> Floats:
    """Return how often each prompt is drawn in each resample.

    Depends on its arguments alone, on any platform: PCG64 and bounded whole numbers, no floating point. It needs 8
    bytes per prompt and resample: `over_resamples` computes from it within bounded memory.

    Args:
        prompts: Number of prompts.
        resamples: Number of times that as many prompts are drawn with replacement.
        seed: Seed of the draws.
        subset: Name of the subset, so that subsets with equally many prompts are drawn independently.

    Returns:
        Whole numbers, read-only, shape (resamples, prompts). `counts @ figures / prompts` are the resampled means.

    Example:
        >>> counts = resample_counts(4, 3, seed=0, subset="counting")
        >>> counts.shape, counts.sum(axis=1).tolist()
        ((3, 4), [4.0, 4.0, 4.0])
    """
    blocks = list(_blocks(prompts, resamples, seed, subset))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def over_resamples(
    function: Callable[[Floats], Floats], prompts: int, resamples: int, seed: int, subset: str
) -> Floats:
    """Return what a function makes of the counts of `resample_counts`, without holding all of them at a time.

    Args:
        function: Function from counts of some resamples, shape (n, prompts), to an array whose first axis is n.
        prompts: Number of prompts.
        resamples: Number of resamples.
        seed: Seed of the draws.
        subset: Name of the subset.

    Returns:
        The function's arrays, one after another; the same as `function(resample_counts(...))`.

    Example:
        >>> over_resamples(lambda counts: counts.sum(axis=1), 4, 3, 0, "counting").tolist()
        [4.0, 4.0, 4.0]
    """
    parts = [function(counts) for counts in _blocks(prompts, resamples, seed, subset)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _blocks(prompts: int, resamples: int, seed: int, subset: str) -> Iterator[Floats]:
    """Yield the counts of some resamples at a time, drawn one after another from one generator."""
    if prompts * resamples <= KEPT_CELLS:
        yield _kept_counts(prompts, resamples, seed, subset)
        return
    rng = _generator(seed, subset)
    rows = max(1, BLOCK_CELLS // prompts)
    for start in range(0, resamples, rows):
        yield _drawn(rng, prompts, min(rows, resamples - start))


@lru_cache(maxsize=12)
def _kept_counts(prompts: int, resamples: int, seed: int, subset: str) -> Floats:
    counts = _drawn(_generator(seed, subset), prompts, resamples)
    counts.flags.writeable = False
    return counts


def _generator(seed: int, subset: str) -> np.random.Generator:
    name = int.from_bytes(hashlib.sha256(subset.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, name])))


def _drawn(rng: np.random.Generator, prompts: int, resamples: int) -> Floats:
    """Return counts of the next resamples. In blocks of whole resamples, the numbers are those of one call."""
    if prompts >= MANY_PROMPTS:
        counts = np.empty((resamples, prompts))
        for row in counts:
            row[:] = np.bincount(rng.integers(0, prompts, prompts), minlength=prompts)
        return counts
    drawn = rng.integers(0, prompts, (resamples, prompts))
    drawn += np.arange(0, resamples * prompts, prompts)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * prompts).reshape(resamples, prompts).astype(np.float64)


def resampled(figures: Floats, resamples: int, seed: int, subset: str) -> Resampled:
    """Return the means of figures over resamples of their prompts.

    Args:
        figures: Figures of a subset's prompts, shape (prompts, sets).
        resamples: Number of resamples.
        seed: Seed of the resamples.
        subset: Name of the subset.

    Example:
        >>> resampled(np.array([[0.5], [0.5]]), 3, 0, "counting").means.ravel().tolist()
        [0.5, 0.5, 0.5]
    """
    prompts = len(figures)
    if not prompts:
        return Resampled(figures, np.zeros((resamples, figures.shape[1])))
    means = over_resamples(lambda counts: counts @ figures, prompts, resamples, seed, subset)
    means /= prompts
    return Resampled(figures, means)


def averaged(parts: Sequence[Resampled]) -> list[Interval]:
    """Return the mean of the subsets' means with its interval, for each set of figures; one subset's own if alone.

    Subsets without a prompt are in no mean. Each subset is resampled on its own, so that every resample has as many
    prompts of it as there are.

    Args:
        parts: Figures of each subset, with the same sets.

    Example:
        >>> low, high = (resampled(np.full((2, 1), share), 3, 0, "a") for share in (0.25, 0.75))
        >>> averaged([low, high])
        [Interval(mean=0.5, low=0.5, high=0.5)]
    """
    kept = [part for part in parts if len(part.figures)]
    if not kept:
        return [UNKNOWN] * parts[0].figures.shape[1]
    draws = kept[0].means if len(kept) == 1 else np.mean([part.means for part in kept], axis=0)
    means = np.mean([part.figures.mean(axis=0) for part in kept], axis=0)
    return [
        Interval(float(mean), *interval(draws[:, number], [part.figures[:, number] for part in kept]))
        for number, mean in enumerate(means)
    ]


def interval(means: Floats, strata: list[Floats], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the expanded percentile interval of a mean, or of the mean of several subsets' means.

    The plain percentile interval is too narrow for few prompts. Hesterberg's cure moves to wider percentiles: those at
    which a normal distribution leaves as much outside as Student's t does for the unbiased variance, Φ(−t √(n/(n−1))).
    It stays within the values that resamples take, so within a metric's range. Over several subsets the degrees of
    freedom are Welch and Satterthwaite's.

    Args:
        means: Resampled means, shape (resamples,).
        strata: Figures of the prompts, one array per subset.
        confidence: Coverage to aim for.

    Returns:
        Low and high end; NaN when a subset has fewer than two prompts.

    Measured coverage of 95 % over 1,500 simulated sets of 20 prompts: normal figures 94.9 % (plain percentile 92.5 %,
    BCa 92.6 %), AUROC 94.9 % (91.9 %, 92.7 %), AUPRC 95.1 % (93.1 %, 94.3 %), Kendall 95.1 % (93.0 %, 93.5 %), AP@5,
    whose figures are skewed by −1.6, 93.1 % (90.9 %, 92.7 %). With 50 prompts or more all are between 94.7 and 95.8 %.
    Means of three subsets of 20: 95.3 and 94.6 % (plain percentile 93.8 and 93.5 %).

    Source: Hesterberg 2015, What Teachers Should Know About the Bootstrap, https://doi.org/10.1080/00031305.2015.1089789
    """
    sizes = np.array([len(figures) for figures in strata])
    if sizes.min(initial=2) < 2:
        return float("nan"), float("nan")
    return expanded(means, np.array([figures.var(ddof=1) / len(figures) for figures in strata]), sizes, confidence)


def expanded(
    means: Floats, variances: Floats, sizes: NDArray[np.intp], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the expanded percentile interval, as `interval`, of anything that was resampled over prompts.

    Args:
        means: Resampled figures, shape (resamples,).
        variances: Sampling variance of the subsets' figures, shape (subsets,).
        sizes: Number of prompts of each subset.
        confidence: Coverage to aim for.

    Returns:
        Low and high end; NaN when a subset has fewer than two prompts.
    """
    from scipy.special import ndtr, stdtrit

    if sizes.min(initial=2) < 2:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    if variances.sum() > 0:
        shares = variances / variances.sum()
        freedom = 1 / (shares**2 / (sizes - 1)).sum()
        widening = 1 / np.sqrt((shares * (sizes - 1) / sizes).sum())
        tail = float(ndtr(stdtrit(freedom, tail) * widening))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
