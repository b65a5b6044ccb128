"""A mean of votes with an interval that holds for other prompts and other raters.

Votes on one prompt share its difficulty, votes of one rater share a taste. Both are drawn from more than those that
were asked, and they cross: y_ij = μ + P_i + R_j + E_ij, where i is a prompt, j a rater and E what is left, a vote's
noise and the taste of a rater for a prompt. The variance of the mean is then

    V = σ_P² Σ_i w_i.² / W² + σ_R² Σ_j w_.j² / W² + σ_E² Σ_ij w_ij² / W²

with w_ij votes of rater j on prompt i, w_i. and w_.j their sums and W all votes. The three components are those for
which the sums of squares of prompts, of raters and of their cells are what is expected of them: with every rater on
every prompt they are the estimates of the two-way analysis of variance. The interval is Student's t with
Satterthwaite's degrees of freedom, which few raters make few. They come out too many where prompts and raters both
make the mean uncertain and the raters asked happen to be alike: `CAUTION` takes some away there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CONFIDENCE = 0.95
CAUTION = 2.0
"""How much more the variance that raters add counts in the degrees of freedom, times the share that prompts add.
Chosen by simulation of 20 to 500 prompts with 3 and 5 raters: without it three raters cover as little as 92.4 %."""


@dataclass(frozen=True)
class Components:
    """How far votes differ between prompts, between raters, and otherwise.

    Attributes:
        prompts: σ_P², variance between prompts; negative where prompts differ less than votes on a prompt do.
        raters: σ_R², variance between raters, not below 0.
        votes: σ_E², variance of what is left, not below 0.
    """

    prompts: float
    raters: float
    votes: float


@dataclass(frozen=True)
class ClusteredMean:
    """A mean of votes with its interval over prompts and raters.

    Attributes:
        mean: Mean of the votes.
        low: Lower end of the interval; NaN with fewer than two prompts.
        high: Upper end of the interval.
        se: Standard error.
        freedom: Degrees of freedom of Student's t.
        components: Variances of prompts, raters and the rest.
        prompts: Number of prompts.
        raters: Number of raters.
        votes: Number of votes.
    """

    mean: float
    low: float
    high: float
    se: float
    freedom: float
    components: Components
    prompts: int
    raters: int
    votes: int

    def p_value(self, value: float) -> float:
        """Return the two-sided p-value of the mean being this value; NaN where there is no interval.

        Args:
            value: Mean under the null hypothesis.
        """
        from scipy.special import stdtr

        if not np.isfinite(self.low):
            return float("nan")
        if self.se == 0:
            return 1.0 if self.mean == value else 0.0
        return float(2 * stdtr(self.freedom, -abs(self.mean - value) / self.se))


def clustered_mean(
    values: Floats,
    prompts: Ints,
    raters: Ints,
    confidence: float = CONFIDENCE,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> ClusteredMean:
    """Return the mean of votes with an interval over prompts and raters.

    Measured coverage of 95 % over 4,000 simulated studies each, of votes with ties, a standard deviation of 1 between
    prompts and of 0, 0.2 and 0.4 between raters on the logit scale: 20 prompts and 3 raters 95.1 to 97.0 %, 20 and 5
    95.8 to 96.7 %, 100 and 5 95.5 to 96.8 %, 200 and 3 93.5 to 96.8 %. Intervals over prompts alone cover 60 % of the
    time with 200 prompts and 3 raters that differ by 0.4. `benchmarks/people.py` repeats it. Few raters on many prompts
    tell least: what three people have in common can't be told from what people have.

    Args:
        values: Worth of each vote, shape (votes,).
        prompts: Number of each vote's prompt, from 0, shape (votes,).
        raters: Number of each vote's rater, from 0, shape (votes,).
        confidence: Coverage to aim for.
        bounds: Least and largest possible value; the interval is cut there. Where all votes are alike, the exact
            interval of a share that no prompt showed reaches towards them: 1 − ((1 − confidence) / 2)^(1 / prompts).

    Returns:
        The mean. A single rater leaves the interval over prompts alone: nothing tells how others would differ.

    Raises:
        ResultError: There are no votes.

    Example:
        >>> votes = np.array([1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0.5, 1, 1, 1, 0])
        >>> mean = clustered_mean(votes, np.arange(18) // 3, np.arange(18) % 3, bounds=(0.0, 1.0))
        >>> round(mean.mean, 3), round(mean.low, 3), round(mean.high, 3)
        (0.694, 0.414, 0.975)

    Source: Satterthwaite 1946, https://doi.org/10.2307/3002019; Searle, Casella & McCulloch 1992, Variance Components.
    """
    from scipy.special import stdtrit

    if not len(values):
        raise ResultError("There are no votes to average.")
    cells = _Cells.of(values, prompts, raters)
    mean = float(values.mean())
    sizes = (cells.prompts, cells.raters, len(values))
    tail = (1 - confidence) / 2
    if cells.prompts < 2:
        nan = float("nan")
        return ClusteredMean(mean, nan, nan, nan, nan, Components(nan, nan, nan), *sizes)
    if np.ptp(values) == 0:
        low, high = _unanimous(mean, cells.prompts, tail, bounds)
        return ClusteredMean(mean, low, high, 0.0, cells.prompts - 1, Components(0.0, 0.0, 0.0), *sizes)
    components, variance, freedom = _variance(cells)
    if variance <= 1e-12 * float(values.var()):
        # Every prompt has the same mean, though its votes differ: less than chance gives, which votes alone would.
        variance, freedom = float(values.var(ddof=1)) / len(values), float(cells.prompts - 1)
    se = float(np.sqrt(variance))
    half = float(stdtrit(freedom, 1 - tail)) * se
    low, high = max(mean - half, bounds[0]), min(mean + half, bounds[1])
    return ClusteredMean(mean, low, high, se, freedom, components, *sizes)


@dataclass(frozen=True)
class _Cells:
    """Votes by prompt and rater: one cell holds what a rater says of a prompt's pairs."""

    weights: Floats
    """Votes per cell, shape (cells,)."""
    residuals: Floats
    """Sum of the votes in each cell less the mean of all, shape (cells,)."""
    rows: Ints
    """Prompt of each cell."""
    columns: Ints
    """Rater of each cell."""
    prompts: int
    raters: int

    @classmethod
    def of(cls, values: Floats, prompts: Ints, raters: Ints) -> _Cells:
        rows, prompt_numbers = np.unique(prompts, return_inverse=True)
        columns, rater_numbers = np.unique(raters, return_inverse=True)
        codes, cells = np.unique(prompt_numbers * len(columns) + rater_numbers, return_inverse=True)
        weights = np.bincount(cells).astype(np.float64)
        residuals = np.bincount(cells, values - values.mean()).astype(np.float64)
        return cls(weights, residuals, codes // len(columns), codes % len(columns), len(rows), len(columns))


def _variance(cells: _Cells) -> tuple[Components, float, float]:
    """Return the components, the variance of the mean and its degrees of freedom."""
    weights, total = cells.weights, cells.weights.sum()
    by_prompt, by_rater = (np.bincount(codes, weights).astype(np.float64) for codes in (cells.rows, cells.columns))
    # Share of each component in the variance of the mean: w' G w / W², G being 1 where two cells share a cluster.
    shares = np.array([(by_prompt**2).sum(), (by_rater**2).sum(), (weights**2).sum()]) / total**2
    squares = np.array(
        [
            (np.bincount(cells.rows, cells.residuals) ** 2).sum(),
            (np.bincount(cells.columns, cells.residuals) ** 2).sum(),
            (cells.residuals**2).sum(),
        ]
    )
    crossed = len(weights) - cells.prompts - cells.raters + 1
    kept = [True, cells.raters > 1, crossed > 0 and len(weights) > max(cells.prompts, cells.raters)]
    if kept[1] and not kept[2] and len(weights) == cells.raters:
        # Every vote is of another rater: those differ no more than votes do, and prompts hold them together.
        kept[1] = False
    estimates = np.zeros(3)
    expected = _expected(cells, by_prompt, by_rater)[np.ix_(kept, kept)]
    estimates[kept] = np.linalg.lstsq(expected, squares[kept], rcond=None)[0]
    of_votes = max(float(estimates[2]), 0.0)
    within = of_votes * float(shares[2])
    of_prompts = float(estimates[0] * shares[0] + within)
    if of_prompts <= 0:
        # Unequal numbers of votes can make it negative; the plain sum over prompts can't be.
        of_prompts = float(squares[0] / total**2 * cells.prompts / (cells.prompts - 1))
    of_raters = max(float(estimates[1]), 0.0) * float(shares[1]) * median_unbiased(cells.raters)
    variance = of_prompts + of_raters
    parts = of_prompts**2 / (cells.prompts - 1)
    if of_raters > 0:
        parts += (of_raters + within) ** 2 / (cells.raters - 1) + within**2 / max(crossed, 1)
        parts += CAUTION * of_prompts / variance * of_raters**2 / (cells.raters - 1)
    components = Components(float(estimates[0]), max(float(estimates[1]), 0.0), of_votes)
    return components, variance, max(variance**2 / parts, 1.0) if parts > 0 else 1.0


def median_unbiased(raters: int) -> float:
    """Return what a variance between raters is multiplied by to be too small as often as too large.

    Args:
        raters: Number of raters; 1 where nothing is known of how they differ.

    Example:
        >>> round(median_unbiased(3), 4), round(median_unbiased(30), 4)
        (1.4427, 1.0234)
    """
    from scipy.special import chdtri

    return (raters - 1) / float(chdtri(raters - 1, 0.5)) if raters > 1 else 1.0


def _expected(cells: _Cells, by_prompt: Floats, by_rater: Floats) -> Floats:
    """Return what each component adds to each sum of squares in expectation, shape (sums, components).

    With residuals r = z − 1 w'z / W, the part of a component with covariance G in the expected r'Qr is
    tr(Q G) − 2 · 1'Q (G w) / W + 1'Q1 · w'G w / W², where Q = w w' within the blocks of the sum of squares.
    """
    weights, rows, columns = cells.weights, cells.rows, cells.columns
    total = weights.sum()
    squared = weights**2
    # G w at each cell, for the three components.
    reached = np.stack([by_prompt[rows], by_rater[columns], weights])
    totals = (reached * weights).sum(axis=1) / total**2
    prompt_squares, rater_squares = np.bincount(rows, squared).sum(), np.bincount(columns, squared).sum()
    overlap = np.array(
        [
            [(by_prompt**2).sum(), prompt_squares, squared.sum()],
            [rater_squares, (by_rater**2).sum(), squared.sum()],
            [squared.sum(), squared.sum(), squared.sum()],
        ]
    )
    blocks = np.stack([by_prompt[rows], by_rater[columns], weights])
    crossing = (blocks * weights) @ reached.T / total
    ones = (blocks * weights).sum(axis=1)
    expected: Floats = overlap - 2 * crossing + np.outer(ones, totals)
    return expected


def _unanimous(mean: float, prompts: int, tail: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return the exact interval where all votes are alike: other votes have at most the share `reach` of prompts."""
    low, high = bounds
    reach = 1 - tail ** (1 / prompts)
    return (
        mean - reach * (mean - low) if np.isfinite(low) else mean,
        mean + reach * (high - mean) if np.isfinite(high) else mean,
    )
