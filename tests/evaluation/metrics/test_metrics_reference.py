"""The figures equal those of scikit-learn and SciPy, prompt by prompt."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tia2.evaluation.metrics import METRICS, all_metrics, average_precision_at_k
from tia2.evaluation.metrics import inversions as pairs

TINY = np.finfo(np.float64).smallest_subnormal
PROMPTS, ITEMS = 14, 31

FAMILIES = {
    "random": lambda rng, shape: rng.normal(size=shape),
    "tied": lambda rng, shape: rng.integers(0, 5, shape).astype(float),
    "two values": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "constant": lambda rng, shape: np.full(shape, 0.25),
    "huge": lambda rng, shape: rng.normal(size=shape) * 1e300,
    "tiny": lambda rng, shape: rng.normal(size=shape) * 1e-300,
    "subnormal": lambda rng, shape: rng.integers(-20, 20, shape) * TINY,
    "negative zero": lambda rng, shape: rng.choice([-0.0, 0.0, 1.0, -1.0], shape),
    "neighbours": lambda rng, shape: np.nextafter(1.0, 2.0) * (1 + rng.integers(0, 4, shape) * np.finfo(float).eps),
    "half precision": lambda rng, shape: (0.25 + 0.02 * rng.normal(size=shape)).astype(np.float16),
    "integers": lambda rng, shape: rng.integers(-1000, 1000, shape),
    "mixed magnitudes": lambda rng, shape: rng.choice([-1e300, -1.0, -1e-300, 0.0, 1e-300, 1.0, 1e300], shape),
}


def human_scores_of(rng, shape):
    return rng.integers(0, 7, shape) / 6


def assert_equal_figures(found, wanted):
    for name in METRICS:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family, reference):
    rng = np.random.default_rng(len(family))
    human = human_scores_of(rng, (PROMPTS, ITEMS))
    human[0], human[1], human[2, 1:] = 0.0, 1.0, 0.0
    values = FAMILIES[family](rng, (PROMPTS, ITEMS))
    wanted = reference(human > 0.5, human, values)
    assert_equal_figures(all_metrics(human > 0.5, human, values), wanted)
    assert_equal_figures({name: metric(human > 0.5, human, values) for name, metric in METRICS.items()}, wanted)


@pytest.mark.parametrize("k", [1, 2, 5, 10, 25, 31, 99])
def test_ap_at_k_is_sklearns_on_the_k_best(k):
    rng = np.random.default_rng(k)
    labels, values = rng.random((40, ITEMS)) < 0.3, rng.normal(size=(40, ITEMS))
    wanted = []
    for row, value in zip(labels, values, strict=True):
        best = np.argsort(-value)[:k]
        wanted.append(average_precision_score(row[best], value[best]) if row[best].any() else 0.0)
    np.testing.assert_allclose(average_precision_at_k(labels, values, k), wanted, rtol=0, atol=1e-12)


value = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, TINY, -TINY, 1e300, -1e300]),
    st.floats(min_value=-1e300, max_value=1e300, allow_nan=False),
)
prompt = st.integers(2, 14).flatmap(
    lambda items: st.tuples(
        st.lists(st.integers(0, 6), min_size=items, max_size=items), st.lists(value, min_size=items, max_size=items)
    )
)


@settings(max_examples=150, deadline=None)
@given(prompts=st.lists(prompt, min_size=1, max_size=4))
def test_ragged_prompts(prompts, reference):
    width = max(len(values) for _, values in prompts)
    human, values = np.full((2, len(prompts), width), np.nan)
    mask = np.zeros((len(prompts), width), bool)
    for row, (sixths, rewards) in enumerate(prompts):
        human[row, : len(sixths)] = np.array(sixths) / 6
        values[row, : len(rewards)] = rewards
        mask[row, : len(rewards)] = True
    found = all_metrics(human > 0.5, human, values, mask)
    for row, valid in enumerate(mask):
        one = tuple(array[row, valid][None, :] for array in (human > 0.5, human, values))
        assert_equal_figures({name: figure[row : row + 1] for name, figure in found.items()}, reference(*one))


@pytest.mark.parametrize("levels", [4, 10_000])
def test_one_long_row(levels, reference):
    rng = np.random.default_rng(levels)
    human = human_scores_of(rng, (1, 5000))
    values = rng.integers(0, levels, (1, 5000)).astype(float)
    assert_equal_figures(all_metrics(human > 0.5, human, values), reference(human > 0.5, human, values))


def test_both_ways_of_counting_inversions_agree():
    rng = np.random.default_rng(3)
    for items in (1, 2, 3, 64, 65, 255, 256, 300):
        keys = rng.integers(0, items, (6, items))
        plain = [sum(int((row[i] > row[i + 1 :]).sum()) for i in range(items)) for row in keys]
        assert pairs.inversions(keys).tolist() == plain
        assert pairs._split_by_bits(keys).tolist() == plain
        if items <= 255:
            assert pairs._compare_all(keys).tolist() == plain


@pytest.mark.upstream
@pytest.mark.parametrize("subset", ["comprehensive", "counting", "composition"])
@pytest.mark.parametrize("family", ["random", "tied", "constant", "huge", "tiny"])
def test_released_labels(subset, family, tia2_dir, reference):
    released = json.loads((tia2_dir / "human_annotations" / f"human_labels_{subset}.json").read_text())
    votes = np.array([item["human_labels"] for item in released.values()]).reshape(-1, 50, 3)
    human = np.where(votes == -1, 0.5, votes).mean(axis=2)
    labels = human > 0.5
    values = FAMILIES[family](np.random.default_rng(0), human.shape)
    found = all_metrics(labels, human, values)
    assert (
        np.count_nonzero(~np.isnan(found["auroc"]))
        == {"comprehensive": 84, "counting": 146, "composition": 295}[subset]
    )
    every = slice(None, None, 1 if family == "random" else 5)
    assert_equal_figures(
        {name: figure[every] for name, figure in found.items()}, reference(labels[every], human[every], values[every])
    )
