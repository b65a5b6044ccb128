"""Gao, Schulman and Hilton's laws of over-optimisation, fitted to a run's gold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import FinetuneError

from ..bon.records import Number, Part

Floats = NDArray[np.float64]
Law = Literal["best-of-n", "rl"]


class LawFit(Part):
    """A fitted law: gold's gain over the base model as a function of d = √KL.

    "best-of-n": R = d (α − β d), which peaks at d = α/(2β). "rl": R = d (α − β log d), which peaks at d = exp(α/β − 1).
    """

    law: Law = "rl"
    alpha: Number
    beta: Number
    """The law has a peak where β is above 0."""
    peak: Number
    """d at the peak; infinite where there is none, which a file holds as null."""
    r_squared: Number
    """Share of the gain's variance that the law explains, below 1; negative where it does worse than a constant."""
    residuals: list[Number]
    """Observed less fitted gain of each point."""

    def gain(self, distance: ArrayLike) -> Floats:
        """Return the fitted gain at distances d above 0."""
        d = np.asarray(distance, np.float64)
        gains: Floats = _design(d, self.law) @ np.array([self.alpha, -self.beta])
        return gains


def fit_law(distance: ArrayLike, gain: ArrayLike, law: Law = "rl") -> LawFit:
    """Fit a law by least squares; it is linear in α and β.

    Args:
        distance: d = √KL of each point, in √nats; points at 0, where every law gives 0, are left out.
        gain: Gold less the base model's gold, shape as the distance.
        law: "rl", or "best-of-n".

    Raises:
        FinetuneError: Fewer than three points with a distance above 0.

    Example:
        >>> d = np.array([0.5, 1.0, 2.0, 4.0])
        >>> fit = fit_law(d, d * (0.3 - 0.1 * d), law="best-of-n")
        >>> round(fit.alpha, 6), round(fit.beta, 6), round(fit.peak, 6)
        (0.3, 0.1, 1.5)

    Source: Gao, Schulman & Hilton 2022, https://arxiv.org/abs/2210.10760
    """
    d, gains = np.asarray(distance, np.float64), np.asarray(gain, np.float64)
    measured = (d > 0) & np.isfinite(d) & np.isfinite(gains)
    d, gains = d[measured], gains[measured]
    if len(d) < 3:
        raise FinetuneError(f"A law needs at least three points beyond the base model, got {len(d)}.")
    design = _design(d, law)
    (alpha, minus_beta), *_ = np.linalg.lstsq(design, gains, rcond=None)
    beta = -float(minus_beta)
    residuals = gains - design @ np.array([alpha, minus_beta])
    spread = float(((gains - gains.mean()) ** 2).sum())
    explained = 1 - float((residuals**2).sum()) / spread if spread > 0 else float("nan")
    return LawFit(
        law=law,
        alpha=float(alpha),
        beta=beta,
        peak=_peak(float(alpha), beta, law),
        r_squared=explained,
        residuals=residuals.tolist(),
    )


def _design(d: Floats, law: Law) -> Floats:
    return np.stack([d, d * d if law == "best-of-n" else d * np.log(d)], axis=-1)


def _peak(alpha: float, beta: float, law: Law) -> float:
    if beta <= 0:
        return float("inf")
    return alpha / (2 * beta) if law == "best-of-n" else float(np.exp(alpha / beta - 1))
