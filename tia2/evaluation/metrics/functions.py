"""How well values order a prompt's items as people do: seven figures, for all prompts at once.

Every function takes arrays of shape (prompts, items) and returns one figure a prompt, in float64, NaN where it is
undefined. Prompts of unequal length are padded, with a boolean `mask` that is True where there is an item. The figures
equal those of scikit-learn and SciPy to 1e-12, without a loop over prompts.

Ties: AUROC, AUPRC, Spearman and Kendall follow the rules of scikit-learn and SciPy. Average precision at k is the
expected value over all orders of tied items, at the cut and above it, since "the k best" needs an order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import ResultError
from tia2.evaluation.metrics.checks import check_human_scores, check_labels, check_values
from tia2.evaluation.metrics.inversions import concordance
from tia2.evaluation.metrics.ranks import Ints, Ranking, rank
from tia2.evaluation.metrics.top_k import expected_precision_at_k

Floats = NDArray[np.float64]


def auroc(labels: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the area under the ROC curve: the chance that an aligned item's value exceeds another item's.

    AUROC = P(v⁺ > v⁻) + P(v⁺ = v⁻) / 2 over pairs of an aligned and another item of the prompt. From 0 to 1; a value
    that orders nothing gives 0.5.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, or values are not finite.

    Example:
        >>> auroc([[True, False, False], [True, True, True]], [[0.9, 0.1, 0.9], [1, 2, 3]]).tolist()
        [0.75, nan]

    Source: Hanley & McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747
    """
    return _auroc(_rank_labels(labels, *check_values(values, mask)))


def auprc(labels: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return the area under the precision-recall curve, as average precision.

    AUPRC = Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the thresholds, each distinct value being one; steps, not interpolated. From just
    above 0 to 1; the level of chance is the prompt's share of aligned items.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, or values are not finite.

    Example:
        >>> auprc([[True, False, True, False]], [[4, 3, 2, 1]]).round(4).tolist()
        [0.8333]

    Source: `sklearn.metrics.average_precision_score`
    """
    return _auprc(_rank_labels(labels, *check_values(values, mask)))


def average_precision_at_k(labels: ArrayLike, values: ArrayLike, k: int, mask: ArrayLike | None = None) -> Floats:
    """Return the average precision of the k items with the largest values.

    AP@k is the mean of (aligned among the best i) / i over the positions i ≤ k that hold an aligned item: the sum is
    divided by the number of aligned items *among those k*, not in the prompt. From 0, when none of the k is aligned,
    to 1, when no other item stands ahead of an aligned one.

    Tied values have no order. The figure is then the expected value over all orders of the tied items, whether they
    lie at the cut or wholly above it, computed in closed form. So for k at or past the number of items it is the
    expected average precision, which differs from `auprc` where values are tied: there a group of tied items is one
    threshold. Without ties both agree.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        values: Higher for items that should be aligned, finite, same shape, any unit.
        k: How many of the best items to judge, at least 1; a prompt with fewer items is judged on all of them.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all labels are equal.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, values are not finite, or k < 1.

    Example:
        >>> average_precision_at_k([[False, True, True, True]], [[4, 3, 2, 1]], k=3).round(4).tolist()
        [0.5833]
        >>> average_precision_at_k([[True, False]], [[1, 1]], k=1).tolist()
        [0.5]
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ResultError(f"k must be a whole number of at least 1, got {k!r}.")
    return _at_k(_rank_labels(labels, *check_values(values, mask)), (int(k),))[0]


def spearman(human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return Spearman's ρ: Pearson's correlation of the ranks, tied items sharing their average rank.

    From −1 to 1; 0 is no monotone relation.

    Args:
        human_scores: Finite, shape (prompts, items).
        values: Finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all human scores or all values of the prompt are equal.

    Raises:
        ResultError: If the arrays don't fit together or hold numbers that aren't finite.

    Example:
        >>> spearman([[0.0, 0.5, 1.0, 1.0]], [[1, 2, 4, 3]]).round(4).tolist()
        [0.9487]

    Source: `scipy.stats.spearmanr`
    """
    array, where = check_values(values, mask)
    scores = check_human_scores(human_scores, array.shape, where)
    return _spearman(rank(scores, where), rank(array, where))


def kendall(human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Return Kendall's τ-b: concordant less discordant pairs, over the pairs that aren't tied.

    τ-b = (C − D) / √((n₀ − n₁)(n₀ − n₂)), with n₀ all pairs, n₁ and n₂ those tied in the human scores and in the
    values. From −1 to 1; 0 is no monotone relation.

    Args:
        human_scores: Finite, shape (prompts, items).
        values: Finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        Shape (prompts,); NaN where all human scores or all values of the prompt are equal.

    Raises:
        ResultError: If the arrays don't fit together or hold numbers that aren't finite.

    Example:
        >>> kendall([[0.0, 0.5, 1.0, 1.0]], [[1, 2, 4, 3]]).round(4).tolist()
        [0.9129]

    Source: Kendall 1945, https://doi.org/10.1093/biomet/33.3.239; `scipy.stats.kendalltau`
    """
    array, where = check_values(values, mask)
    scores = check_human_scores(human_scores, array.shape, where)
    return _kendall(rank(scores, where), rank(array, where))


class Metric(NamedTuple):
    """A figure that `evaluate` reports."""

    title: str
    """How tables and figures name it."""
    function: Callable[[ArrayLike, ArrayLike, ArrayLike, ArrayLike | None], Floats]
    """From (labels, human_scores, values, mask) to one figure a prompt."""


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "auroc": Metric("AUROC", lambda labels, _, values, mask: auroc(labels, values, mask)),
        "auprc": Metric("AUPRC", lambda labels, _, values, mask: auprc(labels, values, mask)),
        "ap5": Metric("AP@5", lambda labels, _, values, mask: average_precision_at_k(labels, values, 5, mask)),
        "ap10": Metric("AP@10", lambda labels, _, values, mask: average_precision_at_k(labels, values, 10, mask)),
        "ap25": Metric("AP@25", lambda labels, _, values, mask: average_precision_at_k(labels, values, 25, mask)),
        "spearman": Metric("Spearman ρ", lambda _, human_scores, values, mask: spearman(human_scores, values, mask)),
        "kendall": Metric("Kendall τ-b", lambda _, human_scores, values, mask: kendall(human_scores, values, mask)),
    }
)
"""The figures of a result, by the name that files and options use, in the order of tables."""


def all_metrics(
    labels: ArrayLike, human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None
) -> dict[str, Floats]:
    """Return every figure of `METRICS`, from one sort of the values and one of the human scores.

    Args:
        labels: True for an aligned item, boolean, shape (prompts, items).
        human_scores: Finite, same shape.
        values: Finite, same shape, any unit.
        mask: True where there is an item, same shape; None for everywhere.

    Returns:
        One array of shape (prompts,) a metric, the same as its own function gives.

    Raises:
        ResultError: If the arrays don't fit together, labels aren't boolean, or numbers are not finite.

    Example:
        >>> figures = all_metrics([[True, False]], [[1.0, 0.5]], [[0.3, 0.1]])
        >>> {name: float(figure[0]) for name, figure in figures.items()}
        {'auroc': 1.0, 'auprc': 1.0, 'ap5': 1.0, 'ap10': 1.0, 'ap25': 1.0, 'spearman': 1.0, 'kendall': 1.0}
    """
    array, where = check_values(values, mask)
    human = rank(check_human_scores(human_scores, array.shape, where), where)
    ranked = _rank_labels(labels, array, where)
    ap5, ap10, ap25 = _at_k(ranked, (5, 10, 25))
    return {
        "auroc": _auroc(ranked),
        "auprc": _auprc(ranked),
        "ap5": ap5,
        "ap10": ap10,
        "ap25": ap25,
        "spearman": _spearman(human, ranked.ranking),
        "kendall": _kendall(human, ranked.ranking),
    }


class _RankedLabels(NamedTuple):
    ranking: Ranking
    labels: NDArray[np.bool_]
    """In ranked order, shape (prompts, items)."""
    hits: Ints
    """Aligned items among the best 0, 1, ..., items; shape (prompts, items + 1)."""

    def defined(self, figure: Floats) -> Floats:
        """Return the figure with NaN where all labels of a prompt are equal."""
        aligned = self.hits[:, -1]
        return np.where((aligned > 0) & (aligned < self.ranking.counts), figure, np.nan)


def _rank_labels(labels: ArrayLike, values: Floats, mask: NDArray[np.bool_] | None) -> _RankedLabels:
    ranking = rank(values, mask)
    ranked = check_labels(labels, values.shape, mask).take(ranking.order)
    hits = np.zeros((len(values), values.shape[1] + 1), np.intp)
    np.cumsum(ranked, axis=1, out=hits[:, 1:])
    return _RankedLabels(ranking, ranked, hits)


def _auroc(ranked: _RankedLabels) -> Floats:
    aligned = ranked.hits[:, -1]
    pairs = aligned * (ranked.ranking.counts - aligned)
    # Mann and Whitney's U, from ranks that are doubled and centred: whole numbers until the division.
    surplus = np.einsum("ij,ij->i", ranked.labels, ranked.ranking.centred())
    return ranked.defined((pairs + surplus) / np.maximum(2 * pairs, 1))


def _auprc(ranked: _RankedLabels) -> Floats:
    prompts, items = ranked.labels.shape
    last = ranked.ranking.last
    found = ranked.hits.take(last + np.arange(0, prompts * (items + 1), items + 1)[:, None])
    total = np.einsum("ij,ij->i", ranked.labels, found / last)
    return ranked.defined(total / np.maximum(ranked.hits[:, -1], 1))


def _at_k(ranked: _RankedLabels, ks: tuple[int, ...]) -> list[Floats]:
    return [ranked.defined(figure) for figure in expected_precision_at_k(ranked.hits, ranked.ranking, ks)]


def _spearman(human: Ranking, ranking: Ranking) -> Floats:
    a = human.in_item_order(human.centred()).take(ranking.order)
    b = ranking.centred()
    return _correlation(*(np.einsum("ij,ij->i", *pair) for pair in ((a, b), (a, a), (b, b))))


def _kendall(human: Ranking, ranking: Ranking) -> Floats:
    pairs = ranking.counts * (ranking.counts - 1) // 2
    untied = (pairs - human.tied_pairs(), pairs - ranking.tied_pairs())
    return _correlation(concordance(ranking, human), *(count.astype(np.float64) for count in untied))


def _correlation(covariance: NDArray[Any], first: Floats, second: Floats) -> Floats:
    """Return covariance / √(first · second), NaN where either is 0, exactly ±1 for a perfect relation."""
    spread = np.sqrt(first * second)
    figure: Floats = np.divide(covariance, spread, out=np.full(len(spread), np.nan), where=spread > 0)
    return figure
