"""Figures of many prompts at once, from arrays that are padded to the widest of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.metrics import METRICS, Metric
from tia2.evaluation.metrics.ranked_items import RankedItems

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

_CELLS = 2**22
"""Items, with the places that are empty beside them, that are measured together: about 1 GiB of rankings."""


def measured(human_scores: Floats, values: Floats, mask: Bools, labels: Bools | None = None) -> Floats:
    """Return all figures of values against human scores and labels.

    Args:
        human_scores: Human scores, shape (prompts, items).
        values: Values, same shape.
        mask: True where there is an item, same shape.
        labels: Labels, same shape; if None, whether human scores exceed one half, the rule for votes.

    Returns:
        Shape (prompts, metrics): NaN where the labels are all equal, what chance gives where only the values leave the
        figure undefined.

    Raises:
        ResultError: The arrays don't fit together or numbers are not finite.

    Example:
        >>> measured(np.array([[1.0, 0.0]]), np.array([[0.2, 0.1]]), np.array([[True, True]]))[0, 0].item()
        1.0
    """
    if not human_scores.shape == values.shape == mask.shape:
        shapes = (human_scores.shape, values.shape, mask.shape)
        raise ResultError("Human scores, values and mask must have one shape, got {}, {} and {}.".format(*shapes))
    labels = (human_scores > 0.5 if labels is None else labels) & mask
    figures = measured_by([METRICS[name] for name in METRICS], labels, human_scores, values, mask)
    return np.where(mixed(labels, mask)[:, None], figures, np.nan)


def measured_by(metrics: Sequence[Metric], labels: Bools, human_scores: Floats, values: Floats, mask: Bools) -> Floats:
    """Return figures of some metrics, NaN where people's judgements leave them undefined, shape (prompts, metrics).

    Args:
        metrics: The metrics.
        labels: Labels, shape (prompts, items).
        human_scores: Human scores, same shape.
        values: Values, same shape.
        mask: True where there is an item, same shape.
    """
    figures = np.empty((len(mask), len(metrics)))
    for rows, width in by_width(mask):
        here = (rows, slice(width))
        figures[rows] = _together(metrics, labels[here], human_scores[here], values[here], mask[here])
    return figures


def _together(metrics: Sequence[Metric], labels: Bools, human_scores: Floats, values: Floats, mask: Bools) -> Floats:
    items = RankedItems(values, None if mask.all() else mask, labels=labels, human_scores=human_scores)
    figures = np.stack([metric.of(items) for metric in metrics], axis=1)
    # Leaving out a prompt because its values are constant would favour a reward that is silent where it is at a loss.
    defined = {"labels": mixed(labels, mask), "human_scores": varied(human_scores, mask)}
    silent = np.isnan(figures) & np.stack([defined[metric.contrast] for metric in metrics], axis=1)
    filled: Floats = np.where(silent, [metric.undefined for metric in metrics], figures)
    return filled


def by_width(mask: Bools) -> Iterator[tuple[slice | Ints, int]]:
    """Yield prompts of about equal width together, so that one wide prompt doesn't make all others cost as much.

    Args:
        mask: True where there is an item, shape (prompts, items).

    Yields:
        Rows, and the width of the widest of them: at most twice that of the narrowest, and at most about four million
        cells in all unless a single prompt is wider.

    Example:
        >>> mask = np.array([[True, False, False, False], [True, True, True, True], [True, False, False, False]])
        >>> [(rows.tolist(), width) for rows, width in by_width(mask)]
        [([0, 2], 1), ([1], 4)]
    """
    if not mask.size:
        yield slice(None), mask.shape[1]
        return
    widths = mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    widths[~mask.any(axis=1)] = 1
    classes = np.ceil(np.log2(widths)).astype(np.intp)
    if mask.size <= _CELLS and (classes == classes[0]).all():
        yield slice(None), int(widths.max())
        return
    for number in np.unique(classes):
        rows = np.flatnonzero(classes == number)
        width = int(widths[rows].max())
        together = max(1, _CELLS // width)
        for start in range(0, len(rows), together):
            yield rows[start : start + together], width


def mixed(labels: Bools, mask: Bools) -> Bools:
    """Return which prompts have aligned and other items, shape (prompts,)."""
    return np.asarray(labels.any(axis=1) & (labels != mask).any(axis=1))


def varied(human_scores: Floats, mask: Bools) -> Bools:
    """Return which prompts have human scores that differ, shape (prompts,)."""
    highest = np.where(mask, human_scores, -np.inf).max(axis=1)
    return np.asarray(highest > np.where(mask, human_scores, np.inf).min(axis=1))
