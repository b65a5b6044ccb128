"""Counting the pairs that two rankings order differently."""

from __future__ import annotations

import numpy as np

from tia2.evaluation.metrics.ranks import Ints, Ranking, groups, tied_pairs

_SHORT = 255
"""Up to this many items comparing all pairs, a byte each, is faster than sorting."""


def concordance(a: Ranking, b: Ranking) -> Ints:
    """Return concordant less discordant pairs of each prompt, shape (prompts,).

    Args:
        a: Ranking of the items by one quantity.
        b: Ranking of the same items by another.

    Returns:
        Whole numbers between minus and plus items * (items - 1) / 2; a pair tied in either ranking counts 0.
    """
    bits = int(a.first.shape[1]).bit_length()
    keys = (a.first << bits) | b.in_item_order(b.first).take(a.order)
    keys.sort(axis=1)
    both = tied_pairs(*groups(keys), a.counts)
    pairs = a.counts * (a.counts - 1) // 2
    untied: Ints = pairs - a.tied_pairs() - b.tied_pairs() + both
    # Equal in a, sorted by b: a pair out of order is discordant, never tied.
    return untied - 2 * inversions(keys & ((1 << bits) - 1))


def inversions(keys: Ints) -> Ints:
    """Count the pairs i < j with keys[i] > keys[j] in each row.

    Args:
        keys: Whole numbers from 0 to the row length, shape (rows, items).

    Returns:
        Counts, shape (rows,).
    """
    return _compare_all(keys) if keys.shape[1] <= _SHORT else _split_by_bits(keys)


def _compare_all(keys: Ints) -> Ints:
    """Compare every key with every later one, all rows at once: O(items²) bytes, but no sort."""
    columns = np.ascontiguousarray(keys.T.astype(np.uint8))
    smaller_later = np.zeros_like(columns)
    for lag in range(1, len(columns)):
        smaller_later[:-lag] += (columns[:-lag] > columns[lag:]).view(np.uint8)
    counts: Ints = smaller_later.sum(axis=0, dtype=np.intp)
    return counts


def _split_by_bits(keys: Ints) -> Ints:
    """Count by the highest bit in which a pair differs, one stable split a bit: O(items log items).

    Two keys that agree above a bit stand in one run in their original order, so there the pairs out of order are the
    ones before a zero.
    """
    prompts, items = keys.shape
    offsets = np.arange(0, prompts * items, items)[:, None]
    counts = np.zeros(prompts, np.intp)
    for bit in reversed(range(int(keys.max(initial=0)).bit_length())):
        first, _ = groups(keys >> (bit + 1))
        ones = (keys >> bit) & 1
        before = np.cumsum(ones, axis=1) - ones
        counts += ((before - before.take(first + offsets)) * (1 - ones)).sum(axis=1)
        keys = keys.take(np.argsort(keys >> bit, axis=1, kind="stable") + offsets)
    return counts
