"""The noise ceiling: what a scorer that knows each image's true vote probability would reach against the votes.

Model: an image's probability p of an "aligned" vote comes from the beta distribution of its prompt, with mean μ and
intraclass correlation ρ; votes are drawn with p. Which votes are unsure is kept from the data, but has nothing to do
with p. Simulated votes go through the rule of `benchmark.votes`, and the figures are those of p against them.

Fit: a prompt's own (μ, ρ) is too noisy, so a subset's prompts share a distribution of it over a grid, fitted to the
decided votes by expectation maximisation (nonparametric maximum likelihood, or empirical Bayes). The mean is that over
simulated prompts from the fit whose labels differ. `pooled` draws each prompt's (μ, ρ) from its posterior. Resampling
posterior means would be too narrow, since they are shrunk; so each prompt's figure is the mean plus what the prompt
adds to it through the fit, to first order (the infinitesimal jackknife), and those are resampled.

Measured against known truths, 50 images of 3 votes, 60 to 150 data sets each, for AUROC: bias of the mean, and coverage
of the 95 % interval.

| truth | prompts | value | bias | coverage |
|---|---|---|---|---|
| μ ~ Beta(1.2, 1.6), ρ ~ Beta(3, 3) | 150 | .951 | −.003 | 90 % |
| the same | 300 | .951 | −.003 | 98 % |
| the same, 13 % of the items with an unsure vote | 100 | .947 | −.004 | 94 % |
| μ ~ Beta(2, 3), ρ ~ Beta(2, 6) | 150 | .862 | −.004 | 95 % |
| p logit-normal | 150 | .906 | −.007 | 91 % |
| as the first, but on a quarter of the prompts p is constant | 150 | .837 | +.016 | 85 % |
| p is .05, .5 or .95 | 150 | .936 | +.020 | 6 % |
| p is one of two values, the prompt's own | 150 | .849 | +.039 | 7 % |

Coverage of the other six figures in the first five rows is 92 to 98 %, their bias at most .009. What else was tried,
on the first truth and on the logit-normal one (bias, coverage from a normal interval): each prompt's own maximum
likelihood −.007, 81 % and −.016, 56 %; posterior means under equal weights −.016, 24 % and −.028, 5 %; one ρ for the
subset +.010, 0 % and +.021, 0 %; the same fit with posterior means resampled −.001, 90 % and −.006, 81 %. On the last
truth their bias is +.030, +.016, +.072 and +.040.

So the shape of the distribution of p is an assumption, and the interval doesn't cover it: three votes fix three of its
moments, no more. On the released votes, two values per prompt instead of a beta distribution give an AUROC of .84, .92
and .73 (comprehensive, counting, composition), two values with some spread .90, .95 and .83; here it is .87, .95 and
.79. Released composition votes are also unsure mostly where both other votes are "aligned"; were all unsure votes
"aligned", the AUROC would be .82, were none, .72. And it isn't a bound for Spearman and Kendall: human scores tie, p
doesn't, and a scorer that ties where people do can correlate more.

Source: Laird 1978, Nonparametric Maximum Likelihood Estimation of a Mixing Distribution, JASA 73(364); Giordano et al.
2019, A Swiss Army Infinitesimal Jackknife, https://arxiv.org/abs/1806.00550
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import over_resamples
from tia2.evaluation.measuring import by_width, measured
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.people.annotator import WIDE, generator, nan_mean
from tia2.evaluation.people.estimates import SubsetFigures

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MEANS = 1 / (1 + np.exp(-np.linspace(-5, 5, 17)))
CORRELATIONS = np.array(
    [1e-4, 0.005, 0.02, 0.05, 0.1, 0.18, 0.27, 0.37, 0.48, 0.6, 0.71, 0.8, 0.88, 0.95, 0.99, 1 - 1e-9]
)
"""With `MEANS`, the grid: fine near 0, where the figures change fastest; up to all votes on an item alike."""
STEPS = 100
"""More change nothing: 300 and 1,000 give the same figures within .001."""
ROWS = 5_000
"""Simulated prompts, shared out by the weights of the cells; fewer of `WIDE` prompts, each of which is known better."""
FLOOR = 4
"""Simulated prompts that every cell gets besides."""
MANY = 2_000
"""Prompts from which on those with the same votes are fitted together."""
WIDEST = 10_000
"""Items of a prompt that are simulated at most."""
POOLED = 4
"""Simulations of the whole subset at once."""


def ceiling_part(subset: str, worths: Floats, used: NDArray[np.bool_], seed: int, resamples: int) -> SubsetFigures:
    """Return the noise ceiling of one subset.

    Args:
        subset: Name of the subset, which makes its random numbers and resamples.
        worths: Votes, 0, 0.5 (unsure) or 1, NaN where there is none, shape (prompts, items, votes).
        used: The prompts whose labels differ, shape (prompts,).
        seed: Seed of the random numbers and of the resamples.
        resamples: Number of resamples of the prompts.

    Returns:
        The figures for `combine_figures`: what each prompt adds to the mean, to first order, which for a single prompt
        can be above 1. Without a used prompt there are none.

    Raises:
        ResultError: If a vote is none of 0, 0.5 and 1.

    Example:
        >>> votes = np.tile([[0.0, 0.0], [1.0, 1.0]], (40, 5, 1))
        >>> ceiling_part("x", votes, np.full(40, True), 0, 10).figures[:, 0].mean().round(3).item()
        1.0
    """
    # Four bytes per count are enough, and a prompt of many items makes the arrays wide.
    aligned, unsure, decided = ((worths == worth).sum(axis=2, dtype=np.int32) for worth in (1.0, 0.5, 0.0))
    decided += aligned
    if (decided + unsure != np.isfinite(worths).sum(axis=2)).any():
        raise ResultError("Votes must be worth 0, 0.5 or 1.")
    rows, members, counts = _alike(decided, aligned)
    likelihood = _likelihood(decided[rows], aligned[rows])
    path = _fit(likelihood, counts)
    rng = generator(seed, subset, "ceiling")
    pooled = nan_mean([_pooled((likelihood * path[-1])[members], decided, unsure, rng) for _ in range(POOLED)])
    prompts = len(worths) if used.any() else 0
    mixed, sums = _table(path[-1], decided, unsure, rng)
    chance = max(float(path[-1] @ mixed), 1e-300)
    mean = path[-1] @ sums / chance
    slope = (sums - mixed[:, None] * mean) / chance
    figures = (mean + _influence(likelihood, path, slope, counts)[members])[:prompts]
    # Without a used prompt there are no figures, and their means are 0.
    means = over_resamples(
        lambda counts: counts[:, :prompts] @ figures / len(worths), len(worths), resamples, seed, subset
    )
    return SubsetFigures(figures, np.minimum(means, 1.0), pooled)


def _beta(cells: Ints) -> tuple[Floats, Floats]:
    """Return the parameters of the beta distributions of some cells of the grid."""
    mean = MEANS[cells // len(CORRELATIONS)]
    total = 1 / CORRELATIONS[cells % len(CORRELATIONS)] - 1
    return mean * total, (1 - mean) * total


def _likelihood(decided: Ints, aligned: Ints) -> Floats:
    """Return how likely each prompt's decided votes are in each cell, up to a factor, shape (prompts, cells)."""
    from scipy.special import betaln

    width = int(decided.max()) + 1
    owner, _ = np.nonzero(decided)  # an item without decided votes says nothing
    codes, code_of = np.unique((decided * width + aligned)[decided > 0], return_inverse=True)
    seen = np.bincount(owner * len(codes) + code_of.ravel(), minlength=len(decided) * len(codes))
    n, k = np.divmod(codes, width)
    a, b = (parameter[:, None] for parameter in _beta(np.arange(len(MEANS) * len(CORRELATIONS))))
    logs = seen.reshape(len(decided), -1) @ (betaln(a + k, b + n - k) - betaln(a, b)).T
    likelihood: Floats = np.exp(logs - logs.max(axis=1, keepdims=True))
    return likelihood


def _alike(decided: Ints, aligned: Ints) -> tuple[slice | Ints, slice | Ints, Floats]:
    """Return prompts with distinct votes, which of them stands for each prompt, and for how many prompts it stands.

    There are few patterns of votes on a few items, and each is then fitted once. Up to `MANY` prompts stand for
    themselves, since sums in another order would change the last digits of figures that are published.
    """
    if len(decided) > MANY and decided.shape[1] <= WIDE:
        codes = np.sort(decided * (decided.max() + 1) + aligned, axis=1)
        _, rows, members, counts = np.unique(codes, axis=0, return_index=True, return_inverse=True, return_counts=True)
        if 2 * len(rows) < len(decided):
            return rows, members.ravel(), counts.astype(np.float64)
    return slice(None), slice(None), np.ones(len(decided))


def _fit(likelihood: Floats, counts: Floats) -> list[Floats]:
    """Return the weights of the cells after each step of expectation maximisation, from equal ones."""
    path = [np.full(likelihood.shape[1], 1 / likelihood.shape[1])]
    for _ in range(STEPS):
        path.append(path[-1] * (counts / (likelihood @ path[-1]) @ likelihood) / counts.sum())
    return path


def _influence(likelihood: Floats, path: list[Floats], slope: Floats, counts: Floats) -> Floats:
    """Return what each prompt adds to a quantity with a given slope in the fitted weights: `_fit` differentiated.

    Shapes (rows, cells) and (cells, metrics) to (rows, metrics), with mean 0 over the prompts, of which a row stands
    for `counts`.
    """
    figures = np.zeros((len(likelihood), slope.shape[1]))
    prompts = counts.sum()
    for weights in path[-2::-1]:
        share = 1 / (likelihood @ weights)[:, None]
        posterior = likelihood @ (weights[:, None] * slope) * share
        figures += posterior - (posterior * counts[:, None]).sum(axis=0) / prompts
        share *= counts[:, None]
        slope = (slope * (likelihood.T @ share) - likelihood.T @ (posterior * share)) / prompts
    return figures


def _table(weights: Floats, decided: Ints, unsure: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return how often a simulated prompt of each cell has labels that differ, and its mean figures times that."""
    per_cell = FLOOR + np.ceil(ROWS * weights)
    per_cell = np.ceil(per_cell * min(1.0, WIDE / decided.shape[1])).astype(np.intp)
    cells = np.repeat(np.arange(len(weights)), per_cell)
    designs = rng.integers(0, len(decided), len(cells))
    figures = np.empty((len(cells), len(METRICS)))
    for rows, width in _simulated_together(decided + unsure > 0, designs):
        chosen = designs[rows]
        drawn = _draw(cells[rows], decided[chosen, :width], unsure[chosen, :width], rng)
        figures[rows] = measured(*drawn)
    defined = np.isfinite(figures[:, :1])
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    sums = np.add.reduceat(np.hstack([defined, np.where(defined, figures, 0.0)]), starts)
    means = sums / np.bincount(cells)[:, None]
    return means[:, 0], means[:, 1:]


def _simulated_together(mask: NDArray[np.bool_], designs: Ints) -> Iterator[tuple[slice | Ints, int]]:
    """Yield simulated prompts, by their number, that are drawn in one array, and its width: all in one if narrow."""
    if mask.shape[1] <= WIDE:
        yield slice(None), mask.shape[1]
        return
    for rows, width in by_width(mask[designs]):
        yield rows, min(width, WIDEST)


def _pooled(posterior: Floats, decided: Ints, unsure: Ints, rng: np.random.Generator) -> Floats:
    """Return the figures of all items at once, each prompt in a cell drawn from its posterior."""
    levels = np.cumsum(posterior, axis=1)
    cells = (levels < rng.random((len(levels), 1)) * levels[:, -1:]).sum(axis=1)
    if decided.shape[1] > WIDE:  # Rather than draw for the places that are empty beside a wide prompt.
        mask = decided + unsure > 0
        cells, decided, unsure = np.repeat(cells, mask.sum(axis=1)), decided[mask][:, None], unsure[mask][:, None]
    human_scores, values, mask = _draw(cells, decided, unsure, rng)
    figures: Floats = measured(human_scores[mask][None, :], values[mask][None, :], mask[mask][None, :])[0]
    return figures


def _draw(
    cells: Ints, decided: Ints, unsure: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the human scores of simulated votes, the probabilities they come from, and where there are items."""
    a, b = (parameter[:, None] for parameter in _beta(cells))
    values = rng.beta(a, b, decided.shape)
    votes = decided + unsure
    return (rng.binomial(decided, values) + unsure / 2) / np.maximum(votes, 1), values, votes > 0
