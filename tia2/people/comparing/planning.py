"""How many pairs it takes: the width of an interval, and the chance of a verdict, before anyone is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tia2.errors import ResultError
from tia2.people.comparing.clustered import CAUTION, Components, median_unbiased
from tia2.people.comparing.pair_votes import Floats
from tia2.people.comparing.sequence import LEVEL, confidence_sequence

WORST = Components(prompts=0.25, raters=0.0, votes=0.0)
"""Half of the prompts all for one model, half all for the other: no votes spread further, and raters don't help."""
DRAWS = 4000
MOST_PROMPTS = 100_000
_STUDIES, _LONGEST = 100, 1500


@dataclass(frozen=True)
class PairPlan:
    """What a study of one pair of images per prompt gives.

    Attributes:
        prompts: Number of prompts.
        raters: Number of raters, each of whom votes on every pair.
        half_width: Half-width of the interval that half of such studies reach, in shares of the votes.
        half_width_normal: 1.96 standard errors: the half-width if the spread needn't be estimated.
        components: Variances that were planned with.
    """

    prompts: int
    raters: int
    half_width: float
    half_width_normal: float
    components: Components


def plan_for(prompts: int, raters: int = 1, components: Components = WORST, seed: int = 0) -> PairPlan:
    """Return what a study of this size gives.

    The half-width of an interval is itself random. The plan draws the sums of squares that `clustered_mean` will see
    from their chi-squared distributions, and returns the median half-width.

    Args:
        prompts: Number of prompts, each with one pair, at least 2.
        raters: Number of raters, each of whom votes on every pair. The interval of a single one says nothing of others.
        components: Variances of prompts, raters and votes, of worths between 0 and 1.
        seed: Seed of the draws.

    Raises:
        ResultError: Fewer than two prompts or one rater, or variances that votes can't have.

    Example:
        >>> plan = plan_for(200)
        >>> round(100 * plan.half_width, 1), round(100 * plan_for(20).half_width_normal)
        (7.0, 22)
    """
    _check(prompts, raters, components)
    halves = _half_widths(prompts, raters, components, seed)
    return PairPlan(prompts, raters, float(np.median(halves)), 1.96 * _se(prompts, raters, components), components)


def prompts_needed(half_width: float, raters: int = 1, components: Components = WORST, seed: int = 0) -> PairPlan:
    """Return the smallest study whose interval is as narrow as this in half of the cases.

    Args:
        half_width: Half-width to reach, in shares of the votes, between 0 and 0.5.
        raters: Number of raters, each of whom votes on every pair.
        components: Variances of prompts, raters and votes.
        seed: Seed of the draws.

    Raises:
        ResultError: No number of prompts does, since raters differ too much or too many would be needed.

    Example:
        >>> prompts_needed(0.07).prompts
        199
    """
    if not 0 < half_width < 0.5:
        raise ResultError(f"Expected a half-width above 0 and below 0.5 (50 points), got {half_width:g}.")
    _check(2, raters, components)
    least = plan_for(MOST_PROMPTS, raters, components, seed)
    if least.half_width > half_width:
        more = " More raters are needed." if components.raters else ""
        raise ResultError(
            f"No {MOST_PROMPTS:,} prompts give ±{100 * half_width:g} points with {raters} raters: these alone make it "
            f"±{100 * least.half_width:.1f}.{more}"
        )
    low, high = 1, MOST_PROMPTS
    while high - low > 1:
        middle = (low + high) // 2
        if plan_for(middle, raters, components, seed).half_width <= half_width:
            high = middle
        else:
            low = middle
    return plan_for(high, raters, components, seed)


def chance_of_verdict(rate: float, plan: PairPlan, seed: int = 0) -> float:
    """Return the chance that the interval at the end of a study excludes one half.

    Args:
        rate: True win rate, between 0 and 1.
        plan: Size of the study, and the variances.
        seed: Seed of the draws.

    Raises:
        ResultError: The rate is none.

    Example:
        >>> round(chance_of_verdict(0.6, plan_for(200)), 2)
        0.8
    """
    from scipy.special import ndtr

    _check_rate(rate)
    halves = _half_widths(plan.prompts, plan.raters, plan.components, seed)
    se = _se(plan.prompts, plan.raters, plan.components)
    gap = abs(rate - 0.5)
    return float((ndtr((gap - halves) / se) + ndtr((-gap - halves) / se)).mean())


def prompts_until_stop(
    rate: float, raters: int = 1, components: Components = WORST, seed: int = 0, level: float = LEVEL
) -> tuple[float, float, float]:
    """Return after how many prompts a study that stops early would end: quartiles and the median.

    Prompts' means are drawn from the beta distribution with the rate as its mean and the variance of a prompt's mean
    over these raters; where that variance is the largest there is, they are 0 or 1.

    Args:
        rate: True win rate, between 0 and 1.
        raters: Number of raters.
        components: Variances of prompts, raters and votes.
        seed: Seed of the draws.
        level: Chance of a wrong verdict at most.

    Returns:
        The 25 %, 50 % and 75 % quantiles; infinity beyond 1,500 prompts.

    Raises:
        ResultError: The rate or the variances are none.
    """
    _check_rate(rate)
    _check(2, raters, components)
    rng = np.random.default_rng(seed)
    variance = max(components.prompts, 0.0) + components.votes / raters
    ratio = rate * (1 - rate) / variance - 1
    # What a long study would decide: the quick ones need no long simulation.
    longest = 250 if abs(rate - 0.5) > 0.1 else _LONGEST
    shape = (_STUDIES, longest)
    if ratio <= 0.01:
        means = (rng.random(shape) < rate).astype(np.float64)
    else:
        means = rng.beta(rate * ratio, (1 - rate) * ratio, shape)
    low, high = confidence_sequence(means, level, points=201)
    outside = (low > 0.5) | (high < 0.5)
    ends = np.where(outside.any(axis=1), outside.argmax(axis=1) + 1.0, np.inf)
    first, median, last = np.quantile(ends, [0.25, 0.5, 0.75], method="lower")
    return float(first), float(median), float(last)


def _check(prompts: int, raters: int, components: Components) -> None:
    if prompts < 2 or raters < 1:
        raise ResultError(f"A study has two prompts and one rater or more, got {prompts} and {raters}.")
    parts = (components.raters, components.votes, max(components.prompts, 0.0))
    if not np.isfinite(parts).all() or min(parts) < 0 or not 0 < sum(parts) <= 0.2501:
        raise ResultError("Variances of votes between 0 and 1 are not below 0, and add up to 0.25 at most.")


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise ResultError(f"Expected a win rate above 0 and below 1, got {rate:g}.")


def _se(prompts: int, raters: int, components: Components) -> float:
    """Return the standard error of the win rate."""
    variance = components.prompts / prompts + components.raters / raters + components.votes / (prompts * raters)
    return float(np.sqrt(max(variance, 0.0)))


@lru_cache(maxsize=64)
def _half_widths(prompts: int, raters: int, components: Components, seed: int) -> Floats:
    """Return half-widths of the intervals of many such studies, shape (draws,); as `clustered_mean` makes them."""
    from scipy.special import chdtri, stdtrit

    rng = np.random.default_rng(seed)
    # Quantiles of the same uniform numbers, so that the width falls smoothly with the number of prompts.
    uniform = rng.random((3, DRAWS))
    votes = prompts * raters
    of_rows = (raters * components.prompts + components.votes) / votes * chdtri(prompts - 1, uniform[0]) / (prompts - 1)
    if raters == 1:
        alone: Floats = stdtrit(prompts - 1, 0.975) * np.sqrt(of_rows)
        return alone
    crossed = (prompts - 1) * (raters - 1)
    of_columns = (
        (prompts * components.raters + components.votes) / votes * chdtri(raters - 1, uniform[1]) / (raters - 1)
    )
    within = components.votes / votes * chdtri(crossed, uniform[2]) / crossed
    extra = np.maximum(of_columns - within, 0.0) * median_unbiased(raters)
    variance = of_rows + extra
    parts = of_rows**2 / (prompts - 1)
    parts += np.where(extra > 0, (extra + within) ** 2 / (raters - 1) + within**2 / crossed, 0.0)
    parts += CAUTION * of_rows / variance * extra**2 / (raters - 1)
    freedom = np.maximum(variance**2 / parts, 1.0)
    halves: Floats = stdtrit(freedom, 0.975) * np.sqrt(variance)
    return halves
