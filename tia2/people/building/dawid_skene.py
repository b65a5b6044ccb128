"""Dawid and Skene's rater model: each rater errs in a way of his own, which the votes of all tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tia2.errors import StudyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS, TOLERANCE = 500, 1e-10
"""Steps of expectation maximisation at most, and the change of the mean log-likelihood at which it ends."""


class RaterModel(NamedTuple):
    """What the model makes of the votes.

    Attributes:
        posteriors: Probability of each class for each item, shape (items, classes).
        classes: Share of each class, shape (classes,).
        confusion: Probability that a rater answers so about an item of a class, shape (raters, classes, answers).
        log_likelihood: Log-likelihood of the votes.
        steps: Steps that were taken.
    """

    posteriors: NDArray[np.float64]
    classes: NDArray[np.float64]
    confusion: NDArray[np.float64]
    log_likelihood: float
    steps: int


def dawid_skene(
    items: NDArray[np.intp],
    raters: NDArray[np.intp],
    answers: NDArray[np.intp],
    meaning: NDArray[np.float64],
    prior: float = 0.0,
) -> RaterModel:
    """Estimate the true class of each item, and how each rater errs, by expectation maximisation.

    P(class k | votes of i) ∝ p_k Π_j Π_l π_jkl^(n_ijl), where n_ijl counts the answers l of rater j about item i, p_k
    is the share of class k, and π_jkl the probability that rater j answers l about an item of class k. Begins with the
    votes' own shares.

    Args:
        items: Number of the item of each vote, shape (votes,).
        raters: Number of the rater of each vote.
        answers: Number of the answer of each vote.
        meaning: Share of each class that an answer speaks for at the beginning, shape (answers, classes): the identity
            where answers are classes; one half each for an answer such as "unsure".
        prior: Votes that each rater is taken to have given to each answer about each class beforehand; 0 for the
            maximum of the likelihood. A little keeps raters with few votes from an error of exactly 0.

    Returns:
        The model.

    Raises:
        StudyError: There are no votes.

    Example:
        >>> table = [(0, 0, 1), (0, 1, 1), (0, 2, 0), (1, 0, 0), (1, 1, 0), (1, 2, 0), (2, 0, 1), (2, 1, 1), (2, 2, 0)]
        >>> model = dawid_skene(*np.array(table).T, np.eye(2))
        >>> model.posteriors[:, 1].round().tolist()
        [1.0, 0.0, 1.0]

    Source: Dawid and Skene 1979, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm,
    https://doi.org/10.2307/2346806
    """
    if not len(items):
        raise StudyError("A rater model needs votes, and there are none.")
    counts = np.zeros((int(items.max()) + 1, int(raters.max()) + 1, len(meaning)))
    np.add.at(counts, (items, raters, answers), 1)
    posteriors = counts.sum(axis=1) @ meaning
    posteriors /= np.maximum(posteriors.sum(axis=1, keepdims=True), 1e-300)
    flat = counts.reshape(len(counts), -1)
    before = -np.inf
    steps = 0
    while steps < STEPS:
        steps += 1
        classes = posteriors.mean(axis=0)
        confusion = (flat.T @ posteriors).reshape(*counts.shape[1:], -1).transpose(0, 2, 1) + prior
        confusion /= np.maximum(confusion.sum(axis=2, keepdims=True), 1e-300)
        with np.errstate(divide="ignore"):
            logs = np.log(classes) + flat @ _finite(np.log(confusion)).transpose(0, 2, 1).reshape(flat.shape[1], -1)
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        totals = shares.sum(axis=1, keepdims=True)
        posteriors = shares / totals
        likelihood = float((top + np.log(totals)).sum())
        if likelihood - before < TOLERANCE * len(items):
            break
        before = likelihood
    return RaterModel(posteriors, classes, confusion, likelihood, steps)


def _finite(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms with a number in the place of minus infinity, which times no votes would be no number."""
    return np.maximum(logs, -1e9)
