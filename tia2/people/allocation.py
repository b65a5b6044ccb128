"""Who is asked about what, and in which order: pure functions of seeds and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Slot = Literal["item", "gold", "repeat"]

_ORDER, _SLOT, _SIDE = 1, 2, 3
"""Streams of random numbers that share a study's seed."""


def order_of(items: int, rater: int, blocks: int, seed: int) -> NDArray[np.intp]:
    """Return the order in which a rater meets the items.

    A Latin square over blocks: a shuffle of the items, the same for all, is cut into blocks; the r-th rater begins with
    block r, and the order within a block is the rater's own. So each item is early for some raters and late for others,
    and no two raters see the same sequence.

    Args:
        items: Number of items.
        rater: Number of the rater, from 0.
        blocks: Number of blocks, best the number of raters per item.
        seed: Seed of the study.

    Returns:
        Numbers of the items, shape (items,).

    Example:
        >>> sorted(number for rater in range(3) for number in order_of(6, rater, 3, 0)[:2].tolist())
        [0, 1, 2, 3, 4, 5]
    """
    shuffled = np.random.default_rng([seed, _ORDER]).permutation(items)
    parts = np.array_split(shuffled, max(1, min(blocks, items)))
    shuffles = np.random.default_rng([seed, _ORDER, 1 + rater])
    turned = parts[rater % len(parts) :] + parts[: rater % len(parts)]
    return np.concatenate([shuffles.permutation(part) for part in turned]).astype(np.intp)


def slot_of(rater: int, position: int, gold_share: float, repeat_share: float, seed: int) -> Slot:
    """Return what a rater is shown at a position: an item, one with a known answer, or one that he has seen.

    Args:
        rater: Number of the rater.
        position: Position in what the rater sees, from 0.
        gold_share: Share with a known answer.
        repeat_share: Share that is seen again.
        seed: Seed of the study.

    Example:
        >>> shown = [slot_of(0, position, 0.1, 0.1, 0) for position in range(1000)]
        >>> 70 < shown.count("gold") < 130, 70 < shown.count("repeat") < 130
        (True, True)
    """
    drawn = np.random.default_rng([seed, _SLOT, rater, position]).random()
    if drawn < gold_share:
        return "gold"
    return "repeat" if drawn < gold_share + repeat_share else "item"


def is_swapped(item: int, before: int, seed: int) -> bool:
    """Return whether B stands left, in turns over the raters of an item, so that sides are balanced.

    Args:
        item: Number of the item.
        before: Raters that were asked about it before.
        seed: Seed of the study.

    Example:
        >>> [is_swapped(7, before, 0) for before in range(4)].count(True)
        2
    """
    return bool((np.random.default_rng([seed, _SIDE, item]).integers(2) + before) % 2)


def certainty(total: float, count: int) -> float:
    """Return how sure it is whether an item's share of yes is above or below one half.

    The share has Jeffreys' posterior, Beta(Σw + ½, n − Σw + ½) for votes of worths w; its mass on the larger side of
    one half.

    Args:
        total: Sum of the worths, an unsure vote counting one half.
        count: Number of votes.

    Returns:
        From 0.5 (nothing known) to 1.

    Example:
        >>> [round(certainty(total, count), 3) for total, count in ((0, 0), (2, 2), (1, 2), (4, 5))]
        [0.5, 0.924, 0.5, 0.912]

    Source: Brown, Cai and DasGupta 2001, Interval Estimation for a Binomial Proportion,
    https://doi.org/10.1214/ss/1009213286
    """
    from scipy.special import betainc

    below = float(betainc(total + 0.5, count - total + 0.5, 0.5))
    return max(below, 1 - below)


def votes_wanted(count: int, sureness: float, least: int, most: int, confidence: float) -> int:
    """Return the number of votes that an item shall have: one more while it is in doubt.

    Args:
        count: Votes that it has.
        sureness: Its `certainty`, the lowest over what is asked apart.
        least: Votes that every item gets.
        most: Votes that an item gets at most.
        confidence: Credibility of the two-sided interval that shall leave out one half.

    Example:
        >>> votes_wanted(3, 0.924, 2, 7, 0.8), votes_wanted(3, 0.6, 2, 7, 0.8), votes_wanted(7, 0.6, 2, 7, 0.8)
        (3, 4, 7)
    """
    if count < least:
        return least
    decided = sureness >= (1 + confidence) / 2
    return count if decided else min(most, count + 1)


def choose(
    candidates: NDArray[np.intp], ranks: NDArray[np.intp], beyond: NDArray[np.bool_], sureness: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return items in the order in which a rater gets them: those that lack votes, then those most in doubt.

    Args:
        candidates: Numbers of the items that want a vote, and that the rater hasn't seen.
        ranks: Position of each candidate in the rater's order.
        beyond: Whether a candidate has the least number of votes.
        sureness: Certainty of each candidate.

    Example:
        >>> choose(np.array([4, 9]), np.array([1, 0]), np.array([False, True]), np.array([0.5, 0.5])).tolist()
        [4, 9]
    """
    return candidates[np.lexsort((ranks, np.where(beyond, sureness, 0.0), beyond))]
