"""The interface of reward models, and the checks on their inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tia2.errors import RewardError

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards.card import RewardCard

Rewards = NDArray[np.float32]
Numbers = NDArray[np.float32] | NDArray[np.float64]
"""Rewards as a model returned them, before they are rounded to float32."""


class RewardModel(Protocol):
    """Anything that scores how well images show texts.

    `DualEncoder`, `CrossEncoder` and `FunctionReward` implement it; a class of one's own may do so without deriving
    from any of them.
    """

    name: str
    """Name of the model in tables and plots."""

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 hex digest over everything that changes a reward: weights, configuration, preprocessing, formula."""
        ...

    def score(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score image i against text i: two sequences of length n give shape (n,)."""
        ...

    def score_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score every image against every text: shape (n_images, n_texts)."""
        ...


def as_float32(values: Any, name: str) -> Rewards:
    """Return numbers, of any array library, as a float32 NumPy array.

    Raises:
        RewardError: They aren't numbers, or of unequal lengths.
    """
    return as_numbers(values, name).astype(np.float32, copy=False)


def as_numbers(values: Any, name: str) -> Numbers:
    """Return numbers, of any array library, as a NumPy array: float32 where they are of no more, float64 otherwise.

    Raises:
        RewardError: They aren't numbers, or of unequal lengths.
    """
    if hasattr(values, "detach"):  # a torch tensor, maybe of a device or number format that NumPy doesn't know
        values = values.detach()
        values = (values if str(values.dtype) == "torch.float64" else values.float()).cpu().numpy()
    is_short = isinstance(values, np.ndarray | np.generic) and values.dtype.kind == "f" and values.dtype.itemsize <= 4
    try:
        return np.asarray(values, dtype=np.float32 if is_short else np.float64)
    except (TypeError, ValueError) as error:
        raise RewardError(
            f"Reward {name!r} returned {type(values).__name__}, not an array of numbers: {error}"
        ) from None


def checked(values: Any, shape: tuple[int, ...], name: str) -> Rewards:
    """Return rewards as float32 after checking their shape.

    Raises:
        RewardError: The shape is another one.

    Example:
        >>> checked([0.5, 1.0], (2,), "mine").dtype
        dtype('float32')
    """
    return checked_numbers(values, shape, name).astype(np.float32, copy=False)


def checked_numbers(values: Any, shape: tuple[int, ...], name: str) -> Numbers:
    """Return rewards as `checked` does, but those in float64 as they are.

    Raises:
        RewardError: The shape is another one.
    """
    rewards = as_numbers(values, name)
    if rewards.shape != shape:
        raise RewardError(f"Reward {name!r} returned shape {rewards.shape}; expected {shape}, one number per pair.")
    return rewards


def check_pairs(images: Sequence[Any], texts: Sequence[str]) -> None:
    """Raise a RewardError unless there are as many images as texts, and all texts are texts."""
    check_texts(texts)
    check_lengths(images, texts)


def check_lengths(images: Sized, texts: Sized) -> None:
    """Raise a RewardError unless there are as many images as texts."""
    if isinstance(texts, str):
        check_texts(texts)
    if len(images) != len(texts):
        raise RewardError(f"Expected as many images as texts, got {len(images)} images and {len(texts)} texts.")


def check_texts(texts: Sequence[str]) -> None:
    """Raise a RewardError unless this is a list of texts."""
    if isinstance(texts, str):
        raise RewardError(f"Expected a list of texts, got the single text {texts!r}.")
    for text in texts:
        if not isinstance(text, str):
            raise RewardError(f"Expected texts, got {text!r} of type {type(text).__name__}.")
