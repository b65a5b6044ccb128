"""Simulated votes on pairs, with prompts that differ and raters who do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from tia2.people.comparing.pair_votes import COLUMNS, PairVotes

TIE = 0.4
"""Differences between two images, on the logit scale, that a rater doesn't see."""


def simulated_worths(
    rng: np.random.Generator, shape: tuple[int, int, int], mean: float, of_prompts: float, of_raters: float
) -> np.ndarray:
    """Votes of studies by prompts by raters: 1, 0.5 and 0."""
    studies, prompts, raters = shape
    gaps = (
        mean + of_prompts * rng.normal(size=(studies, prompts, 1)) + of_raters * rng.normal(size=(studies, 1, raters))
    )
    gaps = gaps + rng.logistic(size=shape)
    return np.where(gaps > TIE, 1.0, np.where(gaps < -TIE, 0.0, 0.5))


def true_rate(mean: float, of_prompts: float, of_raters: float) -> float:
    """The win rate over all prompts and raters, by Gauss and Hermite's quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    gaps = mean + np.hypot(of_prompts, of_raters) * points
    return float(weights @ (expit(gaps - TIE) + expit(gaps + TIE)) / 2 / weights.sum())


def table_of(
    worths: np.ndarray, seed: int = 0, models: Sequence[str] = ("ours", "theirs"), aspect: str = "alignment"
) -> PairVotes:
    """Votes of prompts by raters as a table, left and right balanced."""
    rng = np.random.default_rng(seed)
    rows = []
    for prompt, of_raters in enumerate(worths):
        for rater, worth in enumerate(of_raters):
            swap = bool((prompt + rater) % 2)
            left, right = models[::-1] if swap else models
            choice = {1.0: "left", 0.5: "tie", 0.0: "right"}[1 - worth if swap else worth]
            time = 100.0 * prompt + rng.random()
            rows.append((f"p/{prompt}", f"p/{prompt}/0", left, right, f"rater {rater}", aspect, choice, time))
    return PairVotes(pd.DataFrame(rows, columns=COLUMNS))
