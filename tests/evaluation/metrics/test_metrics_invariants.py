"""What must not change the figures, and what must turn them round."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tia2.evaluation.metrics import METRICS, all_metrics

SHAPE = (30, 24)


@pytest.fixture(params=["untied", "tied"])
def data(request):
    rng = np.random.default_rng(7)
    human = rng.integers(0, 7, SHAPE) / 6
    values = rng.normal(size=SHAPE) if request.param == "untied" else rng.integers(-3, 4, SHAPE).astype(float)
    return human > 0.5, human, values


def assert_same(found, wanted, names=tuple(METRICS)):
    for name in names:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-12, err_msg=name)


def test_order_of_items(data):
    order = np.random.default_rng(0).permuted(np.broadcast_to(np.arange(SHAPE[1]), SHAPE), axis=1)
    assert_same(all_metrics(*(np.take_along_axis(array, order, axis=1) for array in data)), all_metrics(*data))


def test_order_of_prompts(data):
    order = np.random.default_rng(0).permutation(SHAPE[0])
    figures = all_metrics(*data)
    for name, figure in all_metrics(*(array[order] for array in data)).items():
        np.testing.assert_array_equal(figure, figures[name][order])


@pytest.mark.parametrize("transform", [np.exp, np.arctan, lambda v: 1e-200 * v, lambda v: 7 * v - 3, lambda v: v**3])
def test_increasing_transforms_of_the_values(data, transform):
    labels, human, values = data
    assert_same(all_metrics(labels, human, transform(values)), all_metrics(*data))


def test_increasing_transforms_of_the_human_scores(data):
    labels, human, values = data
    assert_same(all_metrics(labels, np.exp(human), values), all_metrics(*data))


def test_sign_flip(data):
    labels, human, values = data
    figures, flipped = all_metrics(*data), all_metrics(labels, human, -values)
    assert_same({"auroc": 1 - flipped["auroc"]}, figures, ["auroc"])
    assert_same({name: -flipped[name] for name in ("spearman", "kendall")}, figures, ["spearman", "kendall"])
    assert_same({"auroc": 1 - all_metrics(~labels, human, values)["auroc"]}, figures, ["auroc"])


def test_correlations_are_symmetric(data):
    labels, human, values = data
    assert_same(all_metrics(labels, values, human), all_metrics(*data), ["spearman", "kendall"])


def test_perfect_order(data):
    labels, human, _ = data
    figures = all_metrics(labels, human, human)
    for name in ("auroc", "auprc", "spearman", "kendall"):
        assert (figures[name] == 1).all()
    assert_same({name: figures[name] for name in METRICS}, dict.fromkeys(METRICS, 1.0))
    reverse = all_metrics(labels, human, -human)
    assert (reverse["auroc"] == 0).all()
    assert (reverse["spearman"] == -1).all()
    assert (reverse["kendall"] == -1).all()


def test_ranges(data):
    figures = all_metrics(*data)
    for name in ("auroc", "auprc", "ap5", "ap10", "ap25"):
        assert ((figures[name] >= 0) & (figures[name] <= 1)).all()
    for name in ("spearman", "kendall"):
        assert (np.abs(figures[name]) <= 1).all()


def test_padding_changes_nothing(data):
    labels, human, values = data
    rng = np.random.default_rng(2)
    counts = rng.integers(2, SHAPE[1] + 1, SHAPE[0])
    mask = rng.permuted(np.arange(SHAPE[1]) < counts[:, None], axis=1)
    rubbish = np.where(mask, values, rng.choice([np.nan, np.inf, -np.inf, 1e9], SHAPE))
    ragged = all_metrics(np.where(mask, labels, True), np.where(mask, human, np.nan), rubbish, mask)
    for row in range(SHAPE[0]):
        dense = all_metrics(*(array[row, mask[row]][None] for array in data))
        for name, figure in ragged.items():
            np.testing.assert_allclose(figure[row], dense[name][0], rtol=0, atol=1e-12, err_msg=name)


def test_arguments_stay_as_they_are(data):
    copies = [array.copy() for array in data]
    mask = np.ones(SHAPE, bool)
    mask[0, 0] = False
    all_metrics(*data, mask)
    for array, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_undefined_is_nan_without_a_warning():
    human = np.array([[0.0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 1]])
    values = np.array([[1.0, 2, 3], [1, 2, 3], [2, 2, 2], [1, 2, 3]])
    mask = np.array([[True] * 3, [True] * 3, [True] * 3, [False] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = all_metrics(human > 0.5, human, values, mask)
    for name in ("auroc", "auprc", "ap5", "ap10", "ap25"):
        assert np.isnan(figures[name]).tolist() == [True, True, False, True]
    for name in ("spearman", "kendall"):
        assert np.isnan(figures[name]).all()
    assert figures["auroc"][2] == 0.5


def test_no_prompts_and_single_items():
    assert all(
        figure.shape == (0,)
        for figure in all_metrics(np.zeros((0, 3), bool), np.zeros((0, 3)), np.zeros((0, 3))).values()
    )
    assert all(np.isnan(figure).all() for figure in all_metrics([[True]], [[1.0]], [[1.0]]).values())
