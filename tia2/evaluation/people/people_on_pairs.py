"""How well people agree on pairs: Krippendorff's alpha, one annotator against the others, and the noise ceiling.

Which of two items is listed first means nothing, so each pair is in alpha both ways round.

The noise ceiling is what values would reach that know of each pair which item most people would prefer. Model: the
chance p of a vote for the first item comes from a beta distribution that is symmetric about 1/2, whose intraclass
correlation ρ is fitted to the decided votes of a subset by maximum likelihood on a grid. A vote that ties says nothing
about p. It needs pairs with two decided votes, and is fitted again to each resample of the prompts. The shape is an
assumption that the interval doesn't cover: three votes fix one moment of a symmetric distribution, no more. Simulated
with 300 prompts of 3 pairs with 3 votes each, 40 data sets each, the bias of the accuracy is +.002 where p is beta,
−.007 where it is logit-normal, and −.070 where it is .15 or .85.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import UNKNOWN, Interval, Resampled, averaged, expanded, over_resamples, resampled
from tia2.evaluation.metrics.pair_metrics import ACCURACY, AGREEMENT, PAIR_METRICS, WITH_TIES
from tia2.evaluation.pairs.measures import TIE
from tia2.evaluation.people.agreement import AlphaPart, alpha_part, combine_agreement
from tia2.evaluation.result import Estimate, People
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    from tia2.evaluation.pairs.compared import ComparedPairs
    from tia2.evaluation.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CORRELATIONS = 1 / (1 + np.exp(-np.linspace(-9, 9, 181)))
"""Intraclass correlations to choose from: the more, the more pairs on which all agree."""
REFITS = 1000
"""Resamples that are fitted at most: more change an end of the interval by less than .001."""
_QUANTILES = (np.arange(200) + 0.5) / 200


class _Ceiling(NamedTuple):
    """The ceiling of one subset: its figures by metric, and those of resamples, shape (resamples, 2)."""

    figures: Floats
    draws: Floats
    prompts: int


def people_on_pairs(panel: Panel) -> dict[str, People] | None:
    """Return how well people agree on every subset, and on all.

    Args:
        panel: Panel of the pairs.

    Returns:
        The figures by subset, and `overall` where there are several; None where no pair has two votes. They are kept,
        since all entries on one benchmark share them.
    """
    pairs = compared(panel)
    digest = hashlib.sha256(repr((panel.subsets, panel.seed, panel.resamples, pairs.votes.shape)).encode())
    for array in (pairs.votes, pairs.rows, *(panel.rows(subset) for subset in panel.subsets)):
        digest.update(np.ascontiguousarray(array).data)
    outcome = _measured(_Asked(digest.hexdigest(), panel))
    return None if outcome is None else dict(outcome)


def compared(panel: Panel) -> ComparedPairs:
    """Return the pairs of a panel.

    Raises:
        ResultError: It has none.
    """
    if panel.pairs is None:
        raise ResultError("The benchmark has no comparisons of two items.")
    return panel.pairs


@dataclass(frozen=True)
class _Asked:
    """A panel of pairs, equal to another one whose pairs, votes and resamples are the same."""

    digest: str
    panel: Panel = field(compare=False)


@lru_cache(maxsize=4)
def _measured(asked: _Asked) -> dict[str, People] | None:
    panel, pairs = asked.panel, compared(asked.panel)
    several = np.isfinite(pairs.votes).sum(axis=1) > 1
    if not several.any():
        return None
    subsets = [subset for subset in panel.subsets if (panel.rows(subset)[pairs.rows] & several).any()]
    alphas = {subset: _alpha(panel, subset, several) for subset in subsets}
    annotators = {subset: _annotator(panel, subset, several) for subset in subsets}
    ceilings = {subset: _ceiling(panel, subset) for subset in subsets}
    groups = {subset: [subset] for subset in subsets}
    if len(panel.subsets) > 1:
        groups[OVERALL] = subsets
    return {
        name: People(
            agreement=combine_agreement([alphas[subset] for subset in members]),
            annotator=_annotator_estimates([annotators[subset] for subset in members]),
            ceiling=_ceiling_estimates([ceilings[subset] for subset in members]),
        )
        for name, members in groups.items()
    }


def _alpha(panel: Panel, subset: str, several: NDArray[np.bool_]) -> AlphaPart:
    pairs = compared(panel)
    chosen = np.flatnonzero(panel.rows(subset)[pairs.rows] & several)
    rows, numbers = np.unique(pairs.rows[chosen], return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    columns = np.arange(len(numbers)) - np.searchsorted(numbers, numbers)
    votes = pairs.votes[chosen][order]
    worths = np.full((len(rows), 2 * (int(columns.max()) + 1), votes.shape[1]), np.nan)
    worths[numbers, 2 * columns], worths[numbers, 2 * columns + 1] = votes, 1 - votes
    return alpha_part(subset, worths, panel.seed, panel.resamples)


def _annotator(panel: Panel, subset: str, several: NDArray[np.bool_]) -> dict[str, tuple[Resampled, float]]:
    """Return each vote judged against the others on its pair, by metric: figures of prompts, and the pooled one."""
    pairs = compared(panel)
    chosen = panel.rows(subset)[pairs.rows] & several
    votes, rows = pairs.votes[chosen], pairs.rows[chosen]
    counts, total = np.isfinite(votes).sum(axis=1), np.nansum(votes, axis=1)
    hits = {name: np.zeros(len(votes)) for name in PAIR_METRICS}
    weights = {name: np.zeros(len(votes)) for name in PAIR_METRICS}
    for column in range(votes.shape[1]):
        vote, there = np.nan_to_num(votes[:, column]), np.isfinite(votes[:, column])
        mean = (total - vote) / (counts - 1)
        others = np.where(mean > TIE, 1.0, np.where(mean < TIE, 0.0, TIE))
        decided = there & (others != TIE)
        hits[ACCURACY] += np.where(decided, 1 - np.abs(vote - others), 0.0)
        weights[ACCURACY] += decided
        hits[WITH_TIES] += there & (vote == others)
        weights[WITH_TIES] += there
        apart = np.nansum(np.abs(votes - vote[:, None]), axis=1) / (counts - 1)
        hits[AGREEMENT] += np.where(there, 1 - apart, 0.0)
        weights[AGREEMENT] += there
    parts = {}
    for name in PAIR_METRICS:
        sums, totals = (np.bincount(rows, part[name], minlength=len(panel.prompts)) for part in (hits, weights))
        kept = totals > 0
        figures = (sums[kept] / totals[kept])[:, None]
        pooled = float(sums.sum() / totals.sum()) if kept.any() else float("nan")
        parts[name] = resampled(figures, panel.resamples, panel.seed, subset), pooled
    return parts


def _annotator_estimates(parts: list[dict[str, tuple[Resampled, float]]]) -> dict[str, Estimate]:
    from tia2.evaluation.assembly import estimate

    estimates = {}
    for name in PAIR_METRICS:
        figures = [part[name][0] for part in parts]
        pooled = float(np.mean([part[name][1] for part in parts]))
        prompts = sum(len(part.figures) for part in figures)
        estimates[name] = estimate(averaged(figures)[0], Interval(pooled, float("nan"), float("nan")), prompts)
    return estimates


def _ceiling(panel: Panel, subset: str) -> _Ceiling | None:
    """Return the ceiling of one subset, None where no pair has two decided votes."""
    pairs = compared(panel)
    rows = np.flatnonzero(panel.rows(subset))
    chosen = panel.rows(subset)[pairs.rows]
    votes = pairs.votes[chosen]
    numbers = np.searchsorted(rows, pairs.rows[chosen])
    decided, ties = ((votes == 1) | (votes == 0)).sum(axis=1), (votes == TIE).sum(axis=1)
    if decided.max(initial=0) < 2:
        return None
    codes, code_of = np.unique(np.column_stack([decided, (votes == 1).sum(axis=1), ties]), axis=0, return_inverse=True)
    table = np.zeros((len(rows), len(codes)))
    np.add.at(table, (numbers, code_of.ravel()), 1)
    likelihood = _likelihood(codes[:, 0], codes[:, 1])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    right, weight, agreed = _reached(codes[:, 0], codes[:, 2])

    def figures(counts: Floats) -> Floats:
        best = (counts @ table @ likelihood).argmax(axis=1)
        codes_of = counts @ shares
        accuracy = (codes_of * right.T[best]).sum(axis=1) / (codes_of * weight.T[best]).sum(axis=1)
        agreement = (codes_of * agreed.T[best]).sum(axis=1) / codes_of.sum(axis=1)
        return np.stack([accuracy, agreement], axis=1)

    draws = over_resamples(figures, len(rows), min(panel.resamples, REFITS), panel.seed, subset)
    return _Ceiling(figures(np.ones((1, len(rows))))[0], draws, len(rows))


def _ceiling_estimates(parts: list[_Ceiling | None]) -> dict[str, Estimate]:
    from tia2.evaluation.assembly import estimate

    fitted = [part for part in parts if part is not None]
    if not fitted:
        return {}
    means = np.mean([part.figures for part in fitted], axis=0)
    draws = np.mean([part.draws for part in fitted], axis=0)
    sizes = np.array([part.prompts for part in fitted])
    estimates = {}
    for column, name in enumerate((ACCURACY, AGREEMENT)):
        variances = np.array([part.draws[:, column].var() for part in fitted])
        ends = expanded(draws[:, column], variances, sizes)
        estimates[name] = estimate(Interval(float(means[column]), *ends), UNKNOWN, int(sizes.sum()))
    return estimates


def _shapes() -> Floats:
    """Return the parameter of the symmetric beta distribution of each correlation."""
    return np.asarray((1 / CORRELATIONS - 1) / 2)


def _likelihood(decided: Ints, first: Ints) -> Floats:
    """Return the log-likelihood of the votes of each code under each correlation, shape (codes, correlations)."""
    from scipy.special import betaln

    a = _shapes()
    return np.asarray(betaln(a + first[:, None], a + (decided - first)[:, None]) - betaln(a, a))


def _reached(decided: Ints, ties: Ints) -> tuple[Floats, Floats, Floats]:
    """Return, by code and correlation: how often values that know p are right, pairs are decided, votes agree."""
    from scipy.special import betaincinv
    from scipy.stats import binom

    a = _shapes()[:, None]
    better = np.maximum(chances := betaincinv(a, a, _QUANTILES[None, :]), 1 - chances)
    right, weight, agreed = (np.empty((len(decided), len(a))) for _ in range(3))
    for code, (count, tied) in enumerate(zip(decided, ties, strict=True)):
        most = binom.sf(count // 2, count, better) if count else np.zeros_like(better)
        level = binom.pmf(count / 2, count, better) if count % 2 == 0 else np.zeros_like(better)
        right[code], weight[code] = most.mean(axis=1), (1 - level).mean(axis=1)
        agreed[code] = (count * better.mean(axis=1) + TIE * tied) / max(count + tied, 1)
    return right, weight, agreed
