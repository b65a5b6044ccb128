"""From the figures of one subset's prompts to estimates, for figures that come from people's votes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.assembly import estimate
from tia2.evaluation.bootstrap import Interval, Resampled, averaged
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.result import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SubsetFigures:
    """All metrics on one subset, ready to be reported alone or averaged with others.

    Attributes:
        figures: Figures of the prompts used, shape (prompts, metrics).
        means: Their means over resamples, shape (resamples, metrics).
        pooled: Figures of all items of the subset at once, shape (metrics,).
    """

    figures: Floats
    means: Floats
    pooled: Floats


def combine_figures(parts: Sequence[SubsetFigures]) -> dict[str, Estimate]:
    """Return the means of the subsets' figures by metric; one subset's own when there is only one.

    Subsets without a used prompt are in no mean.

    Args:
        parts: Figures of each subset.

    Returns:
        Estimates by metric; pooled figures have no interval.
    """
    kept = [part for part in parts if len(part.figures)] or list(parts)
    within = averaged([Resampled(part.figures, part.means) for part in kept])
    prompts = sum(len(part.figures) for part in kept)
    pooled = np.mean([part.pooled for part in kept], axis=0)
    return {
        name: estimate(interval, Interval(float(figure), float("nan"), float("nan")), prompts)
        for name, interval, figure in zip(METRICS, within, pooled, strict=True)
    }
