"""How far best-of-n sampling is from the policy that it samples from, in nats."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import ResultError

from .estimator import checked, checked_n, item_weights, ranked_pool

Floats = NDArray[np.float64]


def best_of_n_kl(n: ArrayLike) -> Floats:
    """Return the KL divergence of best-of-n sampling from its base policy: log n − (n − 1) / n.

    Exact when no two samples tie in the proxy; an upper bound when they can, and 0 in truth when all do. It says
    nothing about the samples themselves, so it needs none.

    Args:
        n: One whole number of at least 1, or an array of them.

    Returns:
        Nats, from 0, in the shape of n.

    Raises:
        ResultError: n is no whole number of at least 1.

    Example:
        >>> best_of_n_kl([1, 2, 4, 16, 64]).round(3).tolist()
        [0.0, 0.193, 0.636, 1.835, 3.175]

    Source: Beirami et al. 2024, Theoretical guarantees on the best-of-n alignment policy,
    https://arxiv.org/abs/2401.01879
    """
    numbers = checked_n(n).astype(np.float64)
    divergence: Floats = np.log(numbers) - (numbers - 1) / numbers
    return divergence[()]


def best_of_n_kl_with_ties(proxy: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return an estimate of the KL divergence of best-of-n sampling that knows which samples tie in the proxy.

    A group of equal proxies among the N samples is taken for one value that the base policy gives as often as here,
    with tied samples equally likely to be taken; a proxy that occurs once is taken for one of a continuum. Where a
    group covers the quantiles a to b of the proxy, it adds

        (bⁿ − aⁿ) · log((bⁿ − aⁿ) / (b − a))

    instead of the integral of n uⁿ⁻¹ log(n uⁿ⁻¹) from a to b. Without ties that is `best_of_n_kl` to the last digit,
    it is never more, and 0 when all tie. A half-precision or rounded reward is far less than the bound from its base.

    Args:
        proxy: Finite rewards, shape (N,) or (prompts, items).
        n: One whole number from 1 to N, or an array of them.
        mask: Whether there is an item, same shape as the proxy; all are there by default.

    Returns:
        Nats, from 0 to log n − (n − 1) / n: one number for one prompt and one n; else of shape n.shape, or
        (prompts, *n.shape).

    Raises:
        ResultError: A reward is missing or infinite, or n is no whole number from 1 to N.

    Example:
        >>> best_of_n_kl_with_ties([1, 2, 3, 4, 5, 6, 7, 7], [2, 4]).round(3).tolist()
        [0.192, 0.616]
    """
    rewards, _, present = checked(proxy, proxy, mask)
    pool = ranked_pool(rewards, present)
    numbers = checked_n(n, int(pool.counts.min()))
    draws = numbers.ravel().astype(np.float64)
    sizes = np.diff(pool.starts, append=rewards.size)
    rows, columns = np.divmod(pool.starts, rewards.shape[1])
    divergence = np.tile(best_of_n_kl(numbers.ravel()), (len(rewards), 1)).reshape(len(rewards), len(draws))
    tied = sizes > 1
    items = pool.counts[rows[tied]].astype(np.float64)
    low, high = columns[tied] / items, (columns[tied] + sizes[tied]) / items
    for column, number in enumerate(draws):
        below, up_to = low**number, high**number
        # A group far below the top has no mass that a float64 can hold, and adds nothing either way.
        mass = up_to - below
        together = _times_log(mass) - mass * np.log(high - low)
        share = (number - 1) / number
        apart = mass * np.log(number) + share * (_times_log(up_to) - _times_log(below) - mass)
        np.subtract.at(divergence[:, column], rows[tied], np.maximum(apart - together, 0))
    divergence = np.maximum(divergence, 0).reshape(len(rewards), *numbers.shape)
    result: Floats = divergence[0] if np.ndim(proxy) == 1 else divergence
    return result[()]


def best_of_n_kl_within_pool(proxy: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the KL divergence of the best of n, drawn without replacement from a pool of N items, from a uniform draw.

    Σᵢ wᵢ log(N wᵢ) with the weights of `best_of_n`, tied items sharing theirs equally. Exact for the pool itself, for
    instance as the weight that best-of-n puts on a data set to fine-tune on. It is not the divergence of the policies
    behind the pool: as n nears N the pool runs out, and it reaches log N, above log n − (n − 1) / n.

    Args:
        proxy: Finite rewards, shape (N,) or (prompts, items).
        n: One whole number from 1 to N, or an array of them.
        mask: Whether there is an item, same shape as the proxy; all are there by default.

    Returns:
        Nats, from 0 to log N: one number for one prompt and one n; else of shape n.shape, or (prompts, *n.shape).

    Raises:
        ResultError: A reward is missing or infinite, or n is no whole number from 1 to N.

    Example:
        >>> best_of_n_kl_within_pool([1, 2, 3, 4], [1, 2, 4]).round(3).tolist()
        [0.0, 0.375, 1.386]
    """
    rewards, _, present = checked(proxy, proxy, mask)
    pool = ranked_pool(rewards, present)
    numbers = checked_n(n, int(pool.counts.min()))
    divergence = np.empty((len(rewards), numbers.size))
    sizes = np.diff(pool.starts, append=rewards.size)
    for row, items in enumerate(pool.counts.tolist()):
        groups = (pool.starts >= row * rewards.shape[1]) & (pool.starts < row * rewards.shape[1] + items)
        starts, members = pool.starts[groups] - row * rewards.shape[1], sizes[groups]
        mass = np.add.reduceat(item_weights(items, numbers.ravel()), starts, axis=1)
        divergence[row] = (_times_log(mass) + mass * np.log(items / members)).sum(axis=1)
    divergence = np.maximum(divergence, 0).reshape(len(rewards), *numbers.shape)
    result: Floats = divergence[0] if np.ndim(proxy) == 1 else divergence
    return result[()]


def draws_at_kl(kl: float) -> float:
    """Return the n, not rounded, at which log n − (n − 1) / n reaches a divergence.

    Args:
        kl: Nats, at least 0.

    Returns:
        At least 1.

    Raises:
        ResultError: The divergence is below 0, or so large that there is no such n in float64.

    Example:
        >>> round(draws_at_kl(best_of_n_kl(16)), 6)
        16.0
    """
    from scipy.optimize import brentq

    if not 0 <= kl <= 700:
        raise ResultError(f"Expected a divergence from 0 to 700 nats, got {kl!r}.")
    # In x = log n the divergence is x + e^(−x) − 1, which lies between x − 1 and x.
    return float(np.exp(brentq(lambda x: x + np.expm1(-x) - kl, 0, kl + 2)))


def _times_log(values: Floats) -> Floats:
    """Return v log v, 0 at 0."""
    from scipy.special import xlogy

    result: Floats = xlogy(values, values)
    return result
