"""What the metrics accept, checked before any arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import ResultError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def check_mask(mask: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return the mask as booleans of the given shape, or None where every place holds an item.

    Raises:
        ResultError: If it isn't boolean, or of another shape.
    """
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise ResultError(f"The mask must be boolean (True where there is an item), got dtype {array.dtype}.")
    _same_shape("mask", array, shape)
    return None if array.all() else array


def check_labels(labels: ArrayLike, shape: tuple[int, ...], mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return the labels as booleans of the given shape, False where masked.

    Raises:
        ResultError: If they aren't boolean, or of another shape.
    """
    array = np.asarray(labels)
    if array.dtype != np.bool_:
        raise ResultError(
            f"The labels must be boolean (True for an aligned item), got dtype {array.dtype}; "
            "from human scores they are `human_scores > 0.5`."
        )
    _same_shape("labels", array, shape)
    return np.ascontiguousarray(array if mask is None else array & mask)


def check_human_scores(
    scores: ArrayLike, shape: tuple[int, ...], mask: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """Return the human scores as float64 of the given shape.

    Raises:
        ResultError: If they aren't finite numbers where the mask is True, or of another shape.
    """
    array = _floats("human scores", scores)
    _same_shape("human scores", array, shape)
    _finite("human scores", array, mask)
    return array


def check_values(
    values: ArrayLike, mask: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return the values as float64 of shape (prompts, items), and the checked mask.

    Raises:
        ResultError: If they aren't finite numbers where the mask is True, or not two-dimensional.
    """
    array = _floats("values", values)
    if array.ndim != 2:
        raise ResultError(
            f"The values must have shape (prompts, items), got {array.shape}; for one prompt pass `values[None, :]`."
        )
    if array.shape[1] == 0:
        raise ResultError(f"The values must hold at least one item per prompt, got shape {array.shape}.")
    checked = check_mask(mask, array.shape)
    _finite("values", array, checked)
    return array, checked


def _floats(name: str, given: ArrayLike) -> NDArray[np.float64]:
    try:
        array: NDArray[Any] = np.asarray(given)
    except ValueError as error:
        raise ResultError(
            f"The {name} must be an array of shape (prompts, items); pad prompts of unequal length and pass a mask."
        ) from error
    if array.dtype.kind not in "fiub":
        raise ResultError(f"The {name} must be real numbers, got dtype {array.dtype}.")
    return np.ascontiguousarray(array, dtype=np.float64)


def _same_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ResultError(f"The {name} must have the shape of the values, {shape}, got {array.shape}.")


def _finite(name: str, array: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> None:
    bad = ~np.isfinite(array)
    if mask is not None:
        bad &= mask
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise ResultError(
            f"The {name} must be finite: {np.count_nonzero(bad)} of {bad.size} are NaN or infinite, "
            f"the first at (prompt, item) {first}. Mask out places that hold no item."
        )
