"""A metric in one file."""

from __future__ import annotations

from typing import Any

import numpy as np

from tia2.evaluation.metrics import Metric


def best(labels: Any, human_scores: Any, values: Any, mask: Any) -> Any:
    """Return the human score of the image with the highest value, per prompt."""
    known = values if mask is None else np.where(mask, values, -np.inf)
    return human_scores[range(len(values)), known.argmax(axis=1)]


TOY_BEST = Metric.plain(
    best,
    name="toy_best",
    title="Toy best",
    definition="Human score of a prompt's image with the highest value.",
)
