"""Input that is refused, and the sentence that says why."""

from __future__ import annotations

import numpy as np
import pytest

from tia2.errors import ResultError
from tia2.evaluation.metrics import (
    all_metrics,
    auprc,
    auroc,
    average_precision_at_k,
    kendall,
    spearman,
)

LABELS = np.array([[True, False, True], [False, True, False]])
VALUES = np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
HUMAN = LABELS.astype(float)


@pytest.mark.parametrize("function", [auroc, auprc, lambda *a: average_precision_at_k(*a, k=2)])
@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        (HUMAN, VALUES, r"labels must be boolean .* got dtype float64; .*human_scores > 0.5"),
        (LABELS[0], VALUES, r"labels must have the shape of the values, \(2, 3\), got \(3,\)"),
        (LABELS.T, VALUES, r"shape of the values, \(2, 3\), got \(3, 2\)"),
        (LABELS[0], VALUES[0], r"shape \(prompts, items\), got \(3,\); for one prompt pass `values\[None, :\]`"),
        (
            LABELS,
            np.where(VALUES == 2, np.nan, VALUES),
            r"2 of 6 are NaN or infinite, the first at .*\(0, 2\)",
        ),
        (LABELS, VALUES * np.inf, "6 of 6 are NaN or infinite"),
        (LABELS, VALUES.astype(str), "values must be real numbers, got dtype <U"),
        (LABELS, VALUES * 1j, "values must be real numbers, got dtype complex128"),
        (LABELS, [[1.0, 2.0, 3.0], [1.0]], "pad prompts of unequal length and pass a mask"),
        (np.zeros((2, 0), bool), np.zeros((2, 0)), r"at least one item per prompt, got shape \(2, 0\)"),
    ],
)
def test_labels_and_values(function, labels, values, message):
    with pytest.raises(ResultError, match=message):
        function(labels, values)


@pytest.mark.parametrize("function", [spearman, kendall])
def test_human_scores(function):
    with pytest.raises(
        ResultError, match=r"human scores must be finite: 1 of 6 are NaN or infinite, the first at .*\(0, 1\)"
    ):
        function([[0.0, np.nan, 1.0], [0, 1, 0]], VALUES)
    with pytest.raises(ResultError, match=r"human scores must have the shape of the values, \(2, 3\), got \(2, 2\)"):
        function(HUMAN[:, :2], VALUES)
    with pytest.raises(ResultError, match="human scores must be real numbers"):
        function([["a", "b", "c"]] * 2, VALUES)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((2, 3)), "mask must be boolean .*, got dtype float64"),
        (np.ones((2, 2), bool), r"mask must have the shape of the values, \(2, 3\), got \(2, 2\)"),
        (np.ones(3, bool), r"got \(3,\)"),
    ],
)
def test_masks(mask, message):
    with pytest.raises(ResultError, match=message):
        all_metrics(LABELS, HUMAN, VALUES, mask)


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "5", None])
def test_k(k):
    with pytest.raises(ResultError, match="k must be a whole number of at least 1, got"):
        average_precision_at_k(LABELS, VALUES, k)


def test_masked_places_may_hold_anything():
    mask = np.array([[True, True, False], [True, True, True]])
    values = np.where(mask, VALUES, np.nan)
    assert auroc(LABELS, values, mask).tolist() == [1.0, 0.5]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint64, bool])
def test_any_real_dtype(dtype):
    values = np.array([[3, 1, 2], [1, 2, 3]]).astype(dtype)
    assert auroc(LABELS, values).tolist() == auroc(LABELS, values.astype(float)).tolist()
