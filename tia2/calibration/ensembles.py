"""Several reward models' calibrated values as one: their mean, or their mean less their disagreement."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.calibration.checks import check_members, check_penalty

Floats = NDArray[np.float64]


def mean_ensemble(values: ArrayLike) -> Floats:
    """Return the mean of the members' values.

    Args:
        values: Values on one scale, such as TextNorm's; shape (members, ...).

    Returns:
        Float64, shape (...), within the range of the members.

    Raises:
        ResultError: If there is no member, or a value isn't finite.

    Example:
        >>> mean_ensemble([[0.8, 0.2], [0.6, 0.4]]).round(3).tolist()
        [0.7, 0.3]

    Source: arXiv:2404.01863, section 4.
    """
    mean: Floats = check_members(values).mean(axis=0)
    return mean


def uncertainty_regularised(values: ArrayLike, penalty: float) -> Floats:
    """Return the mean of the members' values less λ times their variance: where they disagree, less is believed.

    mean − λ · Σᵢ (vᵢ − mean)² / members, the population variance. For values between 0 and 1 from −λ / 4 to 1. λ = 0 is
    the mean ensemble; a single member has no variance.

    Args:
        values: Values on one scale, such as TextNorm's; shape (members, ...).
        penalty: λ, at least 0.

    Returns:
        Float64, shape (...).

    Raises:
        ResultError: If there is no member, a value isn't finite, or λ is below 0.

    Example:
        >>> uncertainty_regularised([[0.8, 0.5], [0.6, 0.5]], penalty=1).round(3).tolist()
        [0.69, 0.5]

    Source: arXiv:2404.01863, section 4; Coste et al. 2024, arXiv:2310.02743.
    """
    array = check_members(values)
    weight = check_penalty(penalty)
    regularised: Floats = array.mean(axis=0) - weight * array.var(axis=0)
    return regularised
