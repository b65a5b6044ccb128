"""What the best of n images by a proxy is worth, estimated without bias from the N that were scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import ResultError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CHUNK = 1 << 22
"""Weights held at a time: 32 MiB."""


class Pool(NamedTuple):
    """Scored items of prompts in ascending order of the proxy, ready for any number of golds and n."""

    order: NDArray[np.intp]
    """Index of the ranked item within its prompt, shape (prompts, items); masked items come last."""
    starts: NDArray[np.intp]
    """Where groups of equal proxies start in the flattened ranked arrays; masked items are groups of their own."""
    counts: NDArray[np.intp]
    """Items per prompt, shape (prompts,)."""

    @property
    def distinct(self) -> NDArray[np.intp]:
        """Distinct proxies per prompt, shape (prompts,)."""
        width = self.order.shape[1]
        groups = np.bincount(self.starts // width, minlength=len(self.order))
        distinct: NDArray[np.intp] = groups - (width - self.counts)
        return distinct

    def ranked(self, column: NDArray[Any]) -> Floats:
        """Bring a column of shape (prompts, items) into ranked order."""
        return np.take_along_axis(column, self.order, axis=1).astype(np.float64)

    def tied_means(self, column: NDArray[Any]) -> Floats:
        """Return a column in ranked order, each item's number replaced by the mean over its ties in the proxy.

        Every order of tied items is equally likely, so each of them takes each of the group's ranks equally often.
        """
        ranked = self.ranked(column)
        if len(self.starts) == ranked.size:
            return ranked
        sizes = np.diff(self.starts, append=ranked.size)
        means: Floats = np.repeat(np.add.reduceat(ranked.ravel(), self.starts) / sizes, sizes)
        return means.reshape(ranked.shape)


def best_of_n(proxy: ArrayLike, gold: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the expected gold of the best of n by the proxy, the mean over all sets of n of the N scored items.

    With g₍ᵢ₎ the gold of the item with the i-th lowest proxy of N:

        Σᵢ C(i−1, n−1) / C(N, n) · g₍ᵢ₎

    the unbiased estimator of what best-of-n sampling gives, with less variance than any grouping of the items into
    sets of n. Items that are tied in the proxy count by expectation over their orders, in closed form, so the answer
    does not depend on the order of the items. It holds for every n up to N, but n = N rests on a single item per
    prompt; n up to N / 4 is what one prompt's items can tell.

    Args:
        proxy: Rewards to choose by, finite, shape (N,) or (prompts, items).
        gold: Trusted judgements, finite, any unit, same shape.
        n: One whole number from 1 to N, or an array of them.
        mask: Whether there is an item, same shape as the proxy; all are there by default. What stands at other
            positions is ignored.

    Returns:
        Expected gold in the unit of the gold and within its range: one number for one prompt and one n; else of shape
        n.shape, or (prompts, *n.shape).

    Raises:
        ResultError: The shapes differ, a number is missing or infinite, or n is no whole number from 1 to N.

    Example:
        >>> import tia2.finetune
        >>> proxy, gold = [0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 1.0, 0.0]
        >>> tia2.finetune.best_of_n(proxy, gold, [1, 2, 3, 4]).round(3).tolist()
        [0.5, 0.5, 0.25, 0.0]

    Source: Nakano et al. 2021, WebGPT, appendix I, https://arxiv.org/abs/2112.09332 (without ties)
    """
    rewards, judgements, present = checked(proxy, gold, mask)
    pool = ranked_pool(rewards, present)
    numbers = checked_n(n, int(pool.counts.min()))
    means = expected_best(pool, judgements, numbers.ravel()).reshape(len(rewards), *numbers.shape)
    result: Floats = means[0] if np.ndim(proxy) == 1 else means
    return result[()]


def expected_best(pool: Pool, column: NDArray[Any], n: Ints) -> Floats:
    """Return the expected value of a column for the best of n, as `best_of_n` does, from items that are ranked.

    Args:
        pool: The ranked items.
        column: Numbers in the order of the items, shape (prompts, items).
        n: Whole numbers from 1 to the fewest items of a prompt, shape (numbers,).

    Returns:
        Shape (prompts, numbers).
    """
    means = pool.tied_means(np.asarray(column))
    expected = np.empty((len(means), len(n)))
    for items in np.unique(pool.counts):
        rows = pool.counts == items
        for part, weights in _in_chunks(int(items), n):
            expected[rows, part] = means[rows, :items] @ weights.T
    return expected


def jackknife_errors(pool: Pool, column: NDArray[Any], n: int, baseline: int = 1) -> Floats:
    """Return the standard error over items of each prompt's gain: expected value at n less that at a smaller n.

    The jackknife: how the gain changes when each item is left out in turn. It errs upwards for estimators of this kind
    (Efron and Stein). Tied items stand in the order they came in.

    Args:
        pool: The ranked items.
        column: Numbers in the order of the items, shape (prompts, items).
        n: Draws, at least 1.
        baseline: Draws that the gain is measured from.

    Returns:
        Shape (prompts,); NaN where a prompt has no more than n items.

    Source: Efron and Stein 1981, The Jackknife Estimate of Variance, https://doi.org/10.1214/aos/1176345462
    """
    ranked = pool.ranked(np.asarray(column))
    errors = np.full(len(ranked), np.nan)
    for items in np.unique(pool.counts):
        if items <= n:
            continue
        rows = pool.counts == items
        values = ranked[rows, :items]
        upper, lower = item_weights(int(items) - 1, np.array([n, baseline]))
        weights = np.append(upper - lower, 0.0)
        # Without item j, those below it keep their rank and those above it move down by one.
        below = np.cumsum(values * weights, axis=1) - values * weights
        shifted = values * np.append(0.0, weights[:-1])
        above = shifted.sum(axis=1, keepdims=True) - np.cumsum(shifted, axis=1)
        errors[rows] = np.sqrt((items - 1) * (below + above).var(axis=1))
    return errors


def item_weights(items: int, n: Ints) -> Floats:
    """Return the chance of each rank to hold the best of n: C(i−1, n−1) / C(N, n) for the i-th lowest of N.

    Args:
        items: N.
        n: Whole numbers from 1 to N, shape (numbers,).

    Returns:
        Shape (numbers, N); each row sums to 1.
    """
    ranks = np.arange(1, items + 1, dtype=np.float64)
    # C(i, n) / C(N, n), the chance that all n are among the lowest i, falls by the factor (i − n) / i with each rank.
    # So no factorial is needed, and nothing overflows or cancels.
    factors = np.maximum(ranks[1:] - n[:, None], 0) / ranks[1:]
    all_below = np.ones((len(n), items))
    all_below[:, :-1] = np.cumprod(factors[:, ::-1], axis=1)[:, ::-1]
    weights: Floats = all_below * n[:, None] / ranks
    return weights


def ranked_pool(proxy: NDArray[Any], mask: Mask) -> Pool:
    """Rank the items of each prompt by the proxy, the lowest first.

    Args:
        proxy: Finite where there is an item, shape (prompts, items).
        mask: True where there is an item.
    """
    # Sorted in its own type: whole numbers above 2⁵³ are distinct, their float64 are not.
    order = np.lexsort((proxy, ~mask), axis=1) if proxy.size else np.zeros(proxy.shape, np.intp)
    ranked, present = (np.take_along_axis(array, order, axis=1) for array in (proxy, mask))
    begins = np.ones(proxy.shape, np.bool_)
    begins[:, 1:] = (ranked[:, 1:] != ranked[:, :-1]) | ~present[:, 1:]
    return Pool(order, np.flatnonzero(begins), np.count_nonzero(mask, axis=1))


def checked(proxy: ArrayLike, gold: ArrayLike, mask: ArrayLike | None) -> tuple[NDArray[Any], Floats, Mask]:
    """Return proxy, gold and mask as arrays of shape (prompts, items), the first two 0 where there is no item.

    Raises:
        ResultError: They don't fit together, or a number is missing.
    """
    rewards, judgements = real_numbers("proxy", proxy), real_numbers("gold", gold)
    if rewards.ndim not in (1, 2):
        raise ResultError(f"The proxy must have shape (items,) or (prompts, items), got {rewards.shape}.")
    if judgements.shape != rewards.shape:
        raise ResultError(f"Proxy and gold must have one shape, got {rewards.shape} and {judgements.shape}.")
    present = np.ones(rewards.shape, np.bool_) if mask is None else np.asarray(mask)
    if present.dtype != np.bool_ or present.shape != rewards.shape:
        raise ResultError(
            f"The mask must hold True or False in the shape of the proxy, {rewards.shape}; "
            f"got {present.dtype} of shape {present.shape}."
        )
    rewards, judgements, present = (np.atleast_2d(array) for array in (rewards, judgements, present))
    if not present.any(axis=1).all():
        where = "" if len(present) == 1 else f" in row {int((~present.any(axis=1)).argmax())}"
        raise ResultError(f"Expected at least one scored item per prompt, got none{where}.")
    for name, array in (("proxy", rewards), ("gold", judgements)):
        bad = ~np.isfinite(array) & present
        if bad.any():
            where = np.argwhere(bad)[0]
            at = f"item {where[1]}" if np.ndim(proxy) == 1 else f"row {where[0]}, item {where[1]}"
            raise ResultError(f"The {name} is NaN or infinite for {int(bad.sum())} items, first at {at}.")
    return np.where(present, rewards, 0), np.where(present, judgements, 0).astype(np.float64), present


def checked_n(n: ArrayLike, items: int | None = None) -> Ints:
    """Return n as an array of whole numbers.

    Args:
        n: Whole number or numbers.
        items: Fewest items of a prompt; None where there is no limit.

    Raises:
        ResultError: One is no whole number from 1 to the number of items.
    """
    try:
        numbers = np.asarray(n)
    except ValueError:
        raise ResultError(f"n must be a whole number or an array of them, got {n!r}.") from None
    # A list that mixes True with whole numbers becomes an array of whole numbers.
    booleans = isinstance(n, (list, tuple)) and any(isinstance(number, (bool, np.bool_)) for number in n)
    if (numbers.dtype.kind not in "iu" and numbers.size) or booleans:
        raise ResultError(f"n must be a whole number or an array of them, got {n!r}.")
    wrong = numbers[(numbers < 1) | (False if items is None else numbers > items)]
    if wrong.size:
        limit = "at least 1" if items is None else f"from 1 to the {items:,} scored items of a prompt"
        raise ResultError(f"n must be {limit}, got {wrong[0]}.")
    whole: Ints = numbers.astype(np.int64)
    return whole


def real_numbers(name: str, given: ArrayLike) -> NDArray[Any]:
    """Return an array of real numbers.

    Raises:
        ResultError: It holds something else.
    """
    try:
        array = np.asarray(given)
    except ValueError:
        raise ResultError(f"The {name} must be an array of numbers: its rows differ in length.") from None
    if array.dtype.kind not in "fiub":
        raise ResultError(f"The {name} must be real numbers, got dtype {array.dtype}.")
    if not array.size:
        raise ResultError(f"The {name} holds no items.")
    return array


def _in_chunks(items: int, n: Ints) -> Iterator[tuple[slice, Floats]]:
    step = max(1, _CHUNK // items)
    for start in range(0, len(n), step):
        part = slice(start, start + step)
        yield part, item_weights(items, n[part])
