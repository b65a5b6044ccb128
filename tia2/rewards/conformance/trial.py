"""The common ground of the checks: the reward model, the samples, and how far apart equal rewards may be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.rewards.base import RewardModel, Rewards

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""Differences below this share of the largest reward are float32 rounding, however small the spread."""


class Caught:
    """Keep an exception of a block instead of raising it: a reward model may raise anything.

    Example:
        >>> with Caught() as caught:
        ...     1 / 0
        >>> caught.line
        'ZeroDivisionError: division by zero'
    """

    error: Exception | SystemExit | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception | SystemExit):
            self.error = error
            return True
        return False

    @property
    def line(self) -> str:
        """The exception's type and text on one line; empty if there was none."""
        return exception_line(self.error) if self.error else ""


def exception_line(error: BaseException) -> str:
    """Return an exception's type and text on one line of at most 300 characters."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else f"{text[:299]}…"


@dataclass
class Finding:
    """The outcome of a check.

    Attributes:
        found: The finding, in one line.
        failed: Whether that is a failure.
        skipped: Whether nothing could be tested.
        fix: Advice about a failure; the check's own sentence if None.
        measured: Numbers.
        warnings: Findings that are allowed, but worth knowing.
    """

    found: str
    failed: bool = False
    skipped: bool = False
    fix: str | None = None
    measured: dict[str, float | int | str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Subject:
    """The reward model under test with its samples.

    Args:
        reward: The reward model.
        images: RGB images.
        texts: Texts that it takes whole.
        tolerance: Largest difference between equal rewards, as a share of the spread.
        reload: Function that makes a second instance of the reward model, or None.

    Attributes:
        first: Rewards of `images` and `texts` in the very first call; None unless that call had others beside them.
    """

    def __init__(
        self,
        reward: RewardModel,
        images: Sequence[Image.Image],
        texts: Sequence[str],
        tolerance: float,
        reload: Callable[[], RewardModel] | None = None,
    ) -> None:
        self.reward = reward
        self.images = list(images)
        self.texts = list(texts)
        self.tolerance = tolerance
        self.reload = reload
        self.first: Rewards | None = None

    @functools.cached_property
    def base(self) -> Rewards:
        """The rewards of every image with every text, from the first call: (n_images, n_texts)."""
        return self.reward.score_matrix(self.images, self.texts)

    @functools.cached_property
    def numbers(self) -> NDArray[np.float64]:
        """All finite rewards of `base`, in one row."""
        flat = np.asarray(self.base, dtype=np.float64).ravel()
        return flat[np.isfinite(flat)]

    @property
    def spread(self) -> float:
        """The standard deviation of the sample rewards."""
        return float(self.numbers.std()) if self.numbers.size else 0.0

    @property
    def allowed(self) -> float:
        """The largest difference between equal rewards, in units of the reward."""
        largest = float(np.abs(self.numbers).max()) if self.numbers.size else 0.0
        return max(self.tolerance * self.spread, ROUNDING * largest)

    @property
    def pairs(self) -> tuple[list[Image.Image], list[str]]:
        """As many images as texts: each image once, with texts of all lengths."""
        return list(self.images), [self.texts[index % len(self.texts)] for index in range(len(self.images))]

    def worst(self, got: Any, expected: Any) -> float:
        """Return the largest difference; infinite for another shape, or if one of two is not a finite number."""
        left, right = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        if left.shape != right.shape:
            return float("inf")
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        with np.errstate(invalid="ignore"):
            gap = np.where(same, 0.0, np.abs(left - right))
        return float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max(initial=0.0))

    def compare(self, differences: dict[str, float]) -> Finding:
        """Judge differences between rewards that should be equal, by what was done to get them."""
        where = max(differences, key=lambda name: differences[name])
        worst = differences[where]
        measured: dict[str, float | int | str] = {"largest_difference": worst, "allowed": self.allowed}
        measured |= {name.replace(" ", "_"): gap for name, gap in differences.items()}
        if worst <= self.allowed:
            return Finding(f"largest difference {worst:.2g}, allowed {self.allowed:.2g}", measured=measured)
        share = f", {worst / self.spread:.2g} of the spread" if self.spread and np.isfinite(worst) else ""
        moved = f"differ by up to {worst:.2g}{share}" if np.isfinite(worst) else "change shape or stop being numbers"
        return Finding(f"Rewards {moved}: {where}.", failed=True, measured=measured)


def flat(images: Sequence[Image.Image], texts: Sequence[str]) -> tuple[list[Image.Image], list[str]]:
    """Return every image with every text as two lists, the texts of the first image first."""
    return [image for image in images for _ in texts], [text for _ in images for text in texts]
