"""From values and preferences to figures with intervals over prompts, and differences of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import RESAMPLES, Interval, expanded, over_resamples
from tia2.evaluation.metrics.pair_metrics import ACCURACY, AGREEMENT, WITH_TIES
from tia2.evaluation.pairs.answers import FEWEST, answered
from tia2.evaluation.pairs.measures import (
    accuracy,
    accuracy_with_ties,
    best_temperature,
    best_threshold,
    folds_of,
    log_loss,
)
from tia2.evaluation.pairs.preferences import Preferences

if TYPE_CHECKING:
    from tia2.evaluation.values import Values

Floats = NDArray[np.float64]
SUBSET = "pairs"
TITLES = {
    "accuracy": "accuracy without ties",
    "tie_calibrated": "accuracy with ties, ε on the same pairs (upper bound)",
    "tie_cross_validated": "accuracy with ties, ε cross-validated",
    "log_loss": "log-loss of σ(Δ/τ), τ cross-validated",
    "held_out_vote": "agreement with a vote, ties half",
}


@dataclass(frozen=True)
class PairResult:
    """How well one entry agrees with people's preferences.

    Attributes:
        name: Name of the entry.
        pairs: Number of pairs.
        prompts: Number of prompts.
        ties: Pairs that people tie.
        threshold: ε of the tie-calibrated accuracy.
        temperature: τ of the lowest log-loss on all pairs.
        figures: Intervals by name of the figure.
        annotator: Agreement of a vote with what most of the others on its pair say; None without two votes on a pair.
    """

    name: str
    pairs: int
    prompts: int
    ties: int
    threshold: float
    temperature: float
    figures: dict[str, Interval]
    annotator: Interval | None


def evaluate_pairs(
    preferences: Preferences, values: Values, *, seed: int = 0, resamples: int = RESAMPLES
) -> PairResult:
    """Measure how well values agree with people's preferences.

    Figures are over pairs. Intervals resample prompts, since pairs of a prompt share its wording and their images:
    resampling pairs would give intervals that are too narrow. Thresholds and temperatures stay as they are chosen.

    Args:
        preferences: The preferences.
        values: Values of the items, of one reward model, calibration or ensemble.
        seed: Seed of the resamples and of the folds.
        resamples: Number of resamples of the prompts.

    Raises:
        ResultError: An item of a pair has no value.
    """
    parts, threshold, temperature = _parts(preferences, values, seed)
    return PairResult(
        name=values.name,
        pairs=len(preferences),
        prompts=int(preferences.prompts.max()) + 1,
        ties=int((preferences.preferred == 0.5).sum()),
        threshold=threshold,
        temperature=temperature,
        figures={name: _interval(preferences, *part, seed, resamples) for name, part in parts.items()},
        annotator=_annotator(preferences, seed, resamples),
    )


def compare_pairs(
    preferences: Preferences, first: Values, second: Values, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return the first entry's figures less the second's, on the same resamples of the prompts.

    Args:
        preferences: The preferences.
        first: Values of an entry.
        second: Values of another one.
        seed: Seed of the resamples and of the folds.
        resamples: Number of resamples of the prompts.

    Raises:
        ResultError: An item of a pair has no value.
    """
    a, b = (_parts(preferences, values, seed)[0] for values in (first, second))
    return {
        name: _interval(preferences, hits - b[name][0], weights, seed, resamples) for name, (hits, weights) in a.items()
    }


def errors_correlation(preferences: Preferences, first: Values, second: Values) -> float:
    """Return φ, the correlation of two entries' errors on pairs that people don't tie; NaN where one has none.

    Args:
        preferences: The preferences.
        first: Values of an entry.
        second: Values of another one.

    Raises:
        ResultError: An item of a pair has no value.
    """
    a, b = (_errors(preferences, values) for values in (first, second))
    if not len(a) or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _errors(preferences: Preferences, values: Values) -> Floats:
    differences = preferences.differences(values.items["item_id"].tolist(), values.values)
    hits, weights = accuracy(differences, preferences.preferred)
    errors: Floats = 1 - hits[weights > 0]
    return errors


def _parts(
    preferences: Preferences, values: Values, seed: int
) -> tuple[dict[str, tuple[Floats, Floats]], float, float]:
    """Return every figure's sums and weights per pair, ε and τ."""
    differences = preferences.differences(values.items["item_id"].tolist(), values.values)
    preferred = preferences.preferred
    shares = np.nanmean(preferences.votes, axis=1)
    threshold = best_threshold(differences, preferred)
    temperature = best_temperature(differences, shares)
    folds = folds_of(preferences.prompts, seed)
    temperatures = np.full(len(differences), temperature)
    if int(preferences.prompts.max()) + 1 >= FEWEST:
        for fold in np.unique(folds):
            others = folds != fold
            temperatures[~others] = best_temperature(differences[others], shares[others])
    given = (differences, preferences.votes, preferences.prompts, seed)
    parts = {
        "accuracy": answered(ACCURACY, *given),
        "tie_calibrated": accuracy_with_ties(differences, preferred, threshold),
        "tie_cross_validated": answered(WITH_TIES, *given),
        "log_loss": (log_loss(differences, shares, temperatures), np.ones(len(differences))),
        "held_out_vote": answered(AGREEMENT, *given),
    }
    return (
        {name: (np.asarray(hits, np.float64), weights) for name, (hits, weights) in parts.items()},
        threshold,
        temperature,
    )


def _annotator(preferences: Preferences, seed: int, resamples: int) -> Interval | None:
    """Return how often a vote says what most of the others say; where they are divided or tie, one half."""
    votes = preferences.votes
    counts = np.isfinite(votes).sum(axis=1)
    several = counts > 1
    if not several.any():
        return None
    total = np.nansum(votes, axis=1)
    hits = np.zeros(len(votes))
    for column in range(votes.shape[1]):
        vote = votes[:, column]
        others = (total - np.nan_to_num(vote)) / np.maximum(counts - 1, 1)
        answer = np.where(others > 0.5, 1.0, np.where(others < 0.5, 0.0, 0.5))
        hits += np.where(np.isfinite(vote), 1 - np.abs(np.nan_to_num(vote) - answer), 0.0)
    weights = np.where(several, counts, 0).astype(np.float64)
    return _interval(preferences, np.where(several, hits, 0.0), weights, seed, resamples)


def _interval(preferences: Preferences, hits: Floats, weights: Floats, seed: int, resamples: int) -> Interval:
    """Return a ratio of sums over pairs with its interval over prompts."""
    prompts = preferences.prompts
    count = int(prompts.max()) + 1
    sums, totals = (np.bincount(prompts, column, minlength=count) for column in (hits, weights))
    kept = totals > 0
    if not kept.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    sums, totals = sums[kept], totals[kept]
    ratio = float(sums.sum() / totals.sum())
    means = over_resamples(lambda drawn: (drawn @ sums) / (drawn @ totals), len(sums), resamples, seed, SUBSET)
    # To first order, what each prompt adds to the ratio; prompts differ in their number of pairs.
    influence = (sums - ratio * totals) / totals.mean()
    variance = influence.var(ddof=1) / len(sums) if len(sums) > 1 else 0.0
    low, high = expanded(means, np.array([variance]), np.array([len(sums)]))
    return Interval(ratio, low, high)


def check_distinct(values: list[Values]) -> None:
    """Refuse entries of one name.

    Args:
        values: Values of the entries.

    Raises:
        ResultError: Two have the same name.
    """
    names = [entry.name for entry in values]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ResultError(f"Two entries are called {twice!r}: tell them apart by their names.")
