"""Prompts of very different widths cost what their items do, and get the figures that they get alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tia2.evaluation.measuring as measuring
from tia2.errors import ResultError
from tia2.evaluation.measuring import by_width, measured
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel


def uneven(widths, seed=0):
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(widths)), widths)
    columns = {"subset": "a", "prompt_id": [f"a/{number}" for number in owner], "prompt": "x"}
    scores = rng.integers(0, 4, len(owner)) / 3
    items = pd.DataFrame({**columns, "human_score": scores, "label": scores > 0.5})
    return items, np.round(scores + rng.normal(size=len(owner)), 1)


WIDTHS = [3, 50, 7, 1, 400, 49, 2, 8, 64]


def test_every_prompt_has_the_figures_that_it_has_alone(monkeypatch):
    items, values = uneven(WIDTHS)
    panel = Panel.of(items)
    figures, ties = panel.figures(values), panel.ties(values)
    assert figures.shape == (len(WIDTHS), len(METRICS))
    for row, prompt in enumerate(panel.prompts["prompt_id"]):
        own = (items["prompt_id"] == prompt).to_numpy()
        alone = Panel.of(items[own].reset_index(drop=True))
        np.testing.assert_allclose(figures[row], alone.figures(values[own])[0], rtol=1e-12)
        assert [int(part[row]) for part in ties] == [int(part[0]) for part in alone.ties(values[own])]
    monkeypatch.setattr(measuring, "_CELLS", 60)
    np.testing.assert_allclose(panel.figures(values), figures, rtol=1e-12)


def test_rows_are_grouped_by_width_each_once():
    mask = np.arange(400) < np.array(WIDTHS)[:, None]
    groups = [(rows, width) for rows, width in by_width(mask)]
    assert sorted(np.concatenate([rows for rows, _ in groups])) == list(range(len(WIDTHS)))
    for rows, width in groups:
        assert width == max(WIDTHS[row] for row in rows) <= 2 * min(WIDTHS[row] for row in rows)


def test_a_benchmark_of_even_prompts_is_one_group():
    (group,) = by_width(np.ones((550, 50), bool))
    assert group == (slice(None), 50)


def test_items_may_have_gaps_before_them():
    scores, values = np.array([[1.0, 0.0, 0.0, 1.0]]), np.array([[0.1, 9.0, 0.2, 0.3]])
    mask = np.array([[True, False, True, True]])
    with_gap = measured(scores, values, mask)
    np.testing.assert_array_equal(with_gap, measured(scores[:, [0, 2, 3]], values[:, [0, 2, 3]], np.ones((1, 3), bool)))


def test_arrays_of_different_shapes_are_refused():
    with pytest.raises(ResultError, match=r"must have one shape, got \(1, 3\), \(1, 2\) and \(1, 2\)"):
        measured(np.zeros((1, 3)), np.zeros((1, 2)), np.ones((1, 2), bool))
