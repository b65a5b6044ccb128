"""Means over prompts of many columns at once, with intervals from the bootstrap that every evaluation shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import Interval, Resampled, averaged, resampled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PromptMeans:
    """The mean of subsets' means over prompts, of one subset or several.

    Unlike figures of agreement, best-of-n is defined for prompts whose labels are all equal: every prompt counts.

    Attributes:
        subsets: Names of the subsets.
        rows: Rows of the prompts of each subset.
        resamples: Number of resamples.
        seed: Seed of the resamples.
    """

    subsets: Sequence[str]
    rows: list[NDArray[np.intp]]
    resamples: int
    seed: int

    @property
    def prompts(self) -> int:
        """Number of prompts."""
        return sum(map(len, self.rows))

    @property
    def fewest(self) -> int:
        """Number of prompts of the smallest subset."""
        return min(map(len, self.rows))

    def mean(self, columns: Floats) -> Floats:
        """Return the means of columns of shape (prompts, columns)."""
        means: Floats = np.mean([columns[rows].mean(axis=0) for rows in self.rows], axis=0)
        return means

    def half_mean(self, columns: Floats, half: int) -> Floats:
        """Return the means over every second prompt of each subset: the even ones (half 0) or the odd ones (1)."""
        means: Floats = np.mean([columns[rows[half::2]].mean(axis=0) for rows in self.rows], axis=0)
        return means

    def resampled(self, columns: Floats) -> list[Resampled]:
        """Return the means of each subset in each resample, those that every evaluation of the benchmark sees."""
        return [
            resampled(columns[rows], self.resamples, self.seed, subset)
            for subset, rows in zip(self.subsets, self.rows, strict=True)
        ]

    def intervals(self, columns: Floats) -> list[Interval]:
        """Return the mean of each column with its interval."""
        return averaged(self.resampled(columns))

    def freedom(self, columns: Floats) -> Floats:
        """Return the degrees of freedom of each column's mean, by Welch and Satterthwaite."""
        sizes = np.array([len(rows) for rows in self.rows])
        variances = np.stack([columns[rows].var(axis=0, ddof=1) / len(rows) for rows in self.rows])
        total = variances.sum(axis=0)
        shares = np.divide(variances, total, out=np.full(variances.shape, 1 / len(sizes)), where=total > 0)
        degrees: Floats = 1 / (shares**2 / (sizes - 1)[:, None]).sum(axis=0)
        return degrees

    def variance(self, columns: Floats) -> Floats:
        """Return the sampling variance of each column's mean, unbiased."""
        variances: Floats = np.sum([columns[rows].var(axis=0, ddof=1) / len(rows) for rows in self.rows], axis=0)
        return variances / len(self.rows) ** 2
