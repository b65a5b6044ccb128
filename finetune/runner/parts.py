"""How a run's evaluation images are split, and how much of the path KL counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

TRAIN: Final = "train"
"""Prompts that are trained on."""
HELD_OUT: Final = "held-out"
"""Prompts that are only evaluated."""

VALIDATION, TEST = "validation", "test"
"""Images whose gold may choose a checkpoint, and images whose gold never does."""


def total_kl(step_kl: ArrayLike, without_last: int = 2) -> float:
    """Return the path KL in nats, without the steps that hold nearly all of it while they change next to nothing.

    Args:
        step_kl: KL of each step, first to last.
        without_last: The number of last steps to leave out.
    """
    steps = np.asarray(step_kl, np.float64)
    return float(steps[: max(len(steps) - without_last, 1)].sum()) if len(steps) else float("nan")
