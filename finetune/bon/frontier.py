"""The law of Gao et al. for how gold and proxy grow with the distance from the base policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .divergence import draws_at_kl
from .prompt_means import PromptMeans
from .records import FrontierFit, MeanInterval

Floats = NDArray[np.float64]

_FEWEST = 3
"""Points needed beside the origin, so that two coefficients leave residuals."""
_FARTHEST = 700.0


def fit_frontier(means: PromptMeans, gains: Floats, kl: Floats) -> FrontierFit | None:
    """Fit gain = d (α − β d), d = √KL, by least squares.

    Ordinary least squares is linear in the gains, so the coefficients of the mean curve are the means of the prompts'
    coefficients, and their intervals come from the same bootstrap as everything else.

    Args:
        means: Prompts to take means over.
        gains: Gains of each prompt over n = 1, shape (prompts, numbers); the first column is n = 1.
        kl: Divergence at each n, nats, shape (numbers,).

    Returns:
        The fit; None with fewer than three n beside 1.

    Source: Gao, Schulman and Hilton 2023, Scaling Laws for Reward Model Overoptimization,
    https://arxiv.org/abs/2210.10760
    """
    if len(kl) <= _FEWEST:
        return None
    distance = np.sqrt(kl)
    design = np.stack([distance, -(distance**2)], axis=1)
    coefficients = gains @ np.linalg.pinv(design).T
    alpha, beta = map(MeanInterval.of, means.intervals(coefficients))
    residuals = means.mean(gains) - design @ np.array([alpha.mean, beta.mean])
    peak = alpha.mean / (2 * beta.mean) if alpha.mean > 0 and beta.mean > 0 else np.nan
    return FrontierFit(
        alpha=alpha,
        beta=beta,
        residuals=residuals.tolist(),
        rms=float(np.sqrt(np.mean(residuals[1:] ** 2))),
        peak_d=peak,
        peak_n=draws_at_kl(peak**2) if peak**2 < _FARTHEST else np.nan,
    )


def fitted(fit: FrontierFit, distance: Floats) -> Floats:
    """Return the gain that a fit gives at distances √KL."""
    gain: Floats = distance * (fit.alpha.mean - fit.beta.mean * distance)
    return gain
