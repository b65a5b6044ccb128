"""What the calibrations accept, checked before any arithmetic."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import ResultError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tia2.scoring import ScoreTable


def check_rewards(rewards: ArrayLike, mask: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return rewards as float64 of shape (..., |X|), and the mask, None where every place holds a text.

    Raises:
        ResultError: If there is no text, the prompt is masked, the mask doesn't fit, or a reward isn't finite.
    """
    array = _floats("rewards", rewards)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ResultError(
            f"The rewards must have shape (..., |X|), the prompt's own reward first, got shape {array.shape}."
        )
    if mask is None:
        _finite("rewards", array)
        return array, None
    where = np.asarray(mask)
    if where.dtype != np.bool_:
        raise ResultError(f"The mask must be boolean (True where there is a text), got dtype {where.dtype}.")
    if where.shape != array.shape:
        raise ResultError(f"The mask must have the shape of the rewards, {array.shape}, got {where.shape}.")
    if not where[..., 0].all():
        raise ResultError("The mask leaves out column 0, which holds the prompt's own reward.")
    _finite("rewards", array, where)
    return array, None if where.all() else where


def check_members(values: ArrayLike) -> NDArray[np.float64]:
    """Return the members' values as float64 of shape (members, ...).

    Raises:
        ResultError: If there is no member, or a value isn't finite.
    """
    array = _floats("values", values)
    if array.ndim == 0 or array.shape[0] == 0:
        raise ResultError(f"The values must have shape (members, ...) with at least one member, got {array.shape}.")
    _finite("values", array)
    return array


def check_positive(name: str, given: ArrayLike) -> NDArray[np.float64]:
    """Return numbers that are finite and above 0.

    Raises:
        ResultError: If they aren't.
    """
    array = _floats(name, given)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ResultError(f"The {name} must be finite and above 0, got {given!r}.")
    return array


def check_penalty(given: float) -> float:
    """Return a weight that is finite and at least 0.

    Raises:
        ResultError: If it isn't.
    """
    array = _floats("penalty", given)
    if array.ndim or not np.isfinite(array) or array < 0:
        raise ResultError(f"The penalty must be one finite number of at least 0, got {given!r}.")
    return float(array)


def check_contrast(tables: Sequence[ScoreTable]) -> None:
    """Refuse score tables whose rewards can't be compared with those of contrastive prompts; warn where some can't.

    Args:
        tables: Score tables of the same items.

    Raises:
        ResultError: A reward doesn't depend on the text, or no prompt has contrastive prompts.
    """
    for table in tables:
        if table.manifest.reward.card.kind == "control":
            raise ResultError(
                f"{table.name} scores the image alone, whatever the text: over X it is constant, so TextNorm would "
                "be 1 / |X| for every item. Controls are evaluated raw."
            )
    first = tables[0]
    alone = first.mask.sum(axis=1) < 2
    if alone.all():
        raise ResultError(
            f"No prompt of {first.manifest.benchmark.name} has contrastive prompts, so TextNorm would be 1 for "
            "every item. `tia2 prompts contrast` makes some; then score again."
        )
    if alone.any():
        prompts = first.items["prompt_id"][alone].nunique()
        warnings.warn(
            f"{prompts} prompts have no contrastive prompts: TextNorm is 1 for all their items.", stacklevel=5
        )


def _floats(name: str, given: ArrayLike) -> NDArray[np.float64]:
    try:
        array: NDArray[Any] = np.asarray(given)
    except ValueError as error:
        raise ResultError(f"The {name} must be one array; pad rows of unequal length and pass a mask.") from error
    if array.dtype.kind not in "fiub":
        raise ResultError(f"The {name} must be real numbers, got dtype {array.dtype}.")
    return array.astype(np.float64)


def _finite(name: str, array: NDArray[np.float64], mask: NDArray[np.bool_] | None = None) -> None:
    bad = ~np.isfinite(array)
    if mask is not None:
        bad &= mask
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise ResultError(
            f"The {name} must be finite: {np.count_nonzero(bad)} of {bad.size} are NaN or infinite, "
            f"the first at {first}."
        )
