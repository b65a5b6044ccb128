"""What of the votes a submission knows that no image shows.

Given an image, people's votes differ by chance. A model that saw images only can know how likely a yes is, and nothing
of that chance; one that was made with the votes does. Four measures, each of which an honest model can't exceed but by
chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .orders import CLOSE, FEWEST, Codes, Floats, Orders, by_group, correlation, means_of, orders_of

UNSURE = 0.5
FEWEST_PROMPTS, FEWEST_ITEMS = 20, 400
"""With fewer, chance makes as much of a difference as votes do."""


@dataclass(frozen=True)
class Leakage:
    """What was measured; NaN where the benchmark has no single votes, or the board no other entries.

    Attributes:
        covariance: Covariance of two votes on an image, given the submission's value; an honest one has 0 or more.
        covariance_z: The same in standard errors over prompts.
        annotator_z: Standard errors by which it agrees more with one annotator than the board's entries make likely, at
            the annotator where that is most.
        partial: Correlation within prompts of its ranks with the human score, given the board's entries.
        limit: The most that `partial` can be for a model that knows each image's true share of yes votes.
        partial_z: Standard errors by which `partial` exceeds `limit`.
        prompts: Share of prompts whose items are ordered almost as the human scores order them.
    """

    covariance: float
    covariance_z: float
    annotator_z: float
    partial: float
    limit: float
    partial_z: float
    prompts: float


def leakage(mine: Orders, others: Sequence[Orders], votes: Floats, prompts: Codes, seed: int = 0) -> Leakage:
    """Measure what of the votes a submission knows.

    Args:
        mine: The submission's orders.
        others: The board's entries, those that are this submission's own model left out.
        votes: Votes, (items, annotators): 1, 0, and 0.5 for unsure; NaN where there is none.
        prompts: Prompt of each item, as a number from 0.
        seed: Seed of the order of equal values.
    """
    whole = mine.present & ~np.isnan(votes).any(axis=1)
    enough = len(np.unique(prompts[whole])) >= FEWEST_PROMPTS and np.count_nonzero(whole) >= FEWEST_ITEMS
    if votes.shape[1] < 2 or not enough:
        return Leakage(*[float("nan")] * 7)
    covariance, covariance_z = votes_given_value(mine.values[whole], votes[whole], prompts[whole], seed)
    usable = [other for other in others if (other.present | ~whole).all()]
    columns = np.array([other.within[whole] for other in usable]).reshape(len(usable), np.count_nonzero(whole))
    annotator_z = one_annotator(mine.within[whole], columns, votes[whole], prompts[whole])
    partial, limit, partial_z = beyond_entries(mine.within[whole], columns, votes[whole], prompts[whole])
    human = orders_of(votes[whole].mean(axis=1), prompts[whole]).within
    prompt_shares = by_group(mine.within[whole], human, prompts[whole])[np.bincount(prompts[whole]) >= FEWEST]
    share = float(np.mean(prompt_shares >= CLOSE)) if len(prompt_shares) else 0.0
    return Leakage(covariance, covariance_z, annotator_z, partial, limit, partial_z, share)


def votes_given_value(values: Floats, votes: Floats, prompts: Codes, seed: int = 0) -> tuple[float, float]:
    """Return the covariance of two votes on one image given the submission's value, and its standard errors from 0.

    Votes are independent given the image, so their covariance given an honest value is the variance of the images'
    share of yes among those of that value: 0 or more. A value made with the votes fixes their sum, so that where one
    is yes another must be no: below 0. It is estimated from neighbours in the value's order within a prompt, whose
    differences cancel what the value says.

    Args:
        values: One per item.
        votes: (items, annotators), complete.
        prompts: Prompt of each item.
        seed: Seed of the order of equal values.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(values)), values, prompts))
    steps = np.diff(votes[order], axis=0)
    same = np.diff(prompts[order]) == 0
    steps, of = steps[same], prompts[order][1:][same]
    pairs = votes.shape[1] * (votes.shape[1] - 1)
    products = (steps.sum(axis=1) ** 2 - (steps**2).sum(axis=1)) / (2 * pairs)
    counts = np.bincount(of)
    by_prompt = (np.bincount(of, products) / np.maximum(counts, 1))[counts > 0]
    # Neighbours share an image, so errors are counted over prompts.
    return float(by_prompt.mean()), _errors(by_prompt)


def one_annotator(mine: Floats, others: Floats, votes: Floats, prompts: Codes) -> float:
    """Return by how many standard errors a submission agrees more with one annotator than the entries make likely.

    Annotators differ in care, and every honest model agrees more with the careful ones, in the same proportion.

    Args:
        mine: Ranks within prompts.
        others: The same of the board's entries, (entries, items).
        votes: (items, annotators), complete.
        prompts: Prompt of each item.
    """
    if not len(others):
        return float("nan")
    centred = votes - np.column_stack([means_of(column, prompts)[prompts] for column in votes.T])
    mean = (others / np.maximum(np.linalg.norm(others, axis=1, keepdims=True), 1e-12)).sum(axis=0)
    agreement, expected = (
        np.column_stack([np.bincount(prompts, ranks * column) for column in centred.T]) for ranks in (mine, mean)
    )
    scale = agreement.sum() / expected.sum() if expected.sum() else 0.0
    apart = agreement - scale * expected
    return max(_errors(column) for column in apart.T)


def beyond_entries(mine: Floats, others: Floats, votes: Floats, prompts: Codes) -> tuple[float, float, float]:
    """Return the correlation with the human score given the entries, its limit, and the excess in standard errors.

    The limit is that of a model which knows every image's true share of yes votes: the votes' own reliability, once
    what the entries know is taken off.

    Args:
        mine: Ranks within prompts.
        others: The same of the board's entries, (entries, items).
        votes: (items, annotators), complete.
        prompts: Prompt of each item.
    """
    centred = votes - np.column_stack([means_of(column, prompts)[prompts] for column in votes.T])
    if len(others):
        basis = others.T
        mine = mine - basis @ np.linalg.lstsq(basis, mine, rcond=1e-6)[0]
        centred = centred - basis @ np.linalg.lstsq(basis, centred, rcond=1e-6)[0]
    score = centred.mean(axis=1)
    partial = correlation(mine, score)
    annotators = centred.shape[1]
    variance = float(np.mean(score**2))
    between = float(np.mean(centred.sum(axis=1) ** 2 - (centred**2).sum(axis=1))) / (annotators * (annotators - 1))
    limit = float(np.sqrt(max(between, 0.0) / variance)) if variance else float("nan")
    # Leaving out one prompt at a time says how sure both are together.
    used = np.unique(prompts)
    sums = np.column_stack(
        [np.bincount(prompts, column) for column in (mine * score, mine**2, score**2, _cross(centred))]
    )[used]
    rest = sums.sum(axis=0) - sums
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = rest[:, 0] / np.sqrt(rest[:, 1] * rest[:, 2]) - np.sqrt(np.maximum(rest[:, 3], 0) / rest[:, 2])
    error = float(np.sqrt((len(used) - 1) * np.mean((excess - excess.mean()) ** 2)))
    return partial, limit, (partial - limit) / error if error > 0 else 0.0


def _cross(centred: Floats) -> Floats:
    annotators = centred.shape[1]
    products: Floats = (centred.sum(axis=1) ** 2 - (centred**2).sum(axis=1)) / (annotators * (annotators - 1))
    return products


def _errors(by_prompt: Floats) -> float:
    """Return a mean in standard errors over prompts; 0 where they don't differ."""
    spread = float(by_prompt.std(ddof=1)) / np.sqrt(len(by_prompt)) if len(by_prompt) > 1 else 0.0
    return float(by_prompt.mean()) / spread if spread > 0 else 0.0
