"""The pooled AUROC over resamples, against pooling each resample anew."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import tia2.evaluation.metrics.pooled_auroc as pooled_auroc
from tia2.evaluation.bootstrap import expanded, resample_counts
from tia2.evaluation.metrics.pooled_auroc import pooled_auroc_resamples, win_matrix, win_totals


def make(prompts=7, items=6, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    labels = rng.random((prompts, items)) < rng.uniform(0, 1, (prompts, 1))
    labels[0], labels[1] = True, False
    values = labels + rng.normal(size=labels.shape)
    mask = rng.random(labels.shape) < 0.85
    mask[:, 0] = True
    return labels & mask, np.round(values) if ties else values, mask


@pytest.mark.parametrize("ties", [False, True])
def test_wins_are_counted_pair_by_pair(ties):
    labels, values, mask = make(ties=ties)
    wins = win_matrix(labels, values, mask)
    for a in range(len(labels)):
        for b in range(len(labels)):
            won = sum(
                (values[a, i] > values[b, j]) + 0.5 * (values[a, i] == values[b, j])
                for i in np.flatnonzero(mask[a] & labels[a])
                for j in np.flatnonzero(mask[b] & ~labels[b])
            )
            assert wins[a, b] == won


@pytest.mark.parametrize("ties", [False, True])
def test_totals_are_the_sums_and_the_diagonal_of_the_matrix(ties):
    labels, values, mask = make(prompts=30, ties=ties)
    wins, totals = win_matrix(labels, values, mask), win_totals(labels, values, mask)
    np.testing.assert_array_equal(totals.by_aligned, wins.sum(axis=1))
    np.testing.assert_array_equal(totals.by_others, wins.sum(axis=0))
    np.testing.assert_array_equal(totals.within, np.diag(wins))


def test_with_many_prompts_their_totals_foretell_the_resamples(monkeypatch):
    labels, values, mask = make(prompts=501, ties=True)
    foretold = pooled_auroc_resamples(labels, values, mask, 4_000, 0, "a")
    monkeypatch.setattr(pooled_auroc, "EXACT_PROMPTS", 501)
    exact = pooled_auroc_resamples(labels, values, mask, 4_000, 0, "a")
    assert foretold.std() == pytest.approx(exact.std(), rel=0.005)
    assert (foretold - exact).mean() == pytest.approx(0, abs=0.01 * exact.std())
    assert np.abs(foretold - exact).max() < 0.25 * exact.std()
    monkeypatch.setattr(pooled_auroc, "EXACT_PROMPTS", 0)
    once = pooled_auroc.foretold_wins(labels, values, mask)(np.ones((1, 501)))
    assert once[0] == pytest.approx(win_matrix(labels, values, mask).sum(), rel=1e-12)


def test_more_prompts_than_are_counted_at_a_time():
    labels, values, mask = make(prompts=150, items=4, seed=3)
    pairs = labels[mask].sum() * (~labels[mask]).sum()
    assert win_matrix(labels, values, mask).sum() / pairs == pytest.approx(
        roc_auc_score(labels[mask], values[mask]), abs=1e-12
    )


@pytest.mark.parametrize("ties", [False, True])
def test_every_resample_is_the_pooled_figure_of_the_prompts_drawn(ties):
    labels, values, mask = make(ties=ties)
    found = pooled_auroc_resamples(labels, values, mask, 40, 5, "a")
    for resampled, counts in zip(found, resample_counts(len(labels), 40, 5, "a pooled"), strict=True):
        drawn = np.repeat(np.arange(len(labels)), counts.astype(int))
        won = pairs = 0.0
        for x, a in enumerate(drawn):
            for y, b in enumerate(drawn):
                if a == b and x != y:
                    continue  # copies of one prompt
                aligned, other = values[a][mask[a] & labels[a]], values[b][mask[b] & ~labels[b]]
                won += ((aligned[:, None] > other) + 0.5 * (aligned[:, None] == other)).sum()
                pairs += len(aligned) * len(other)
        assert resampled == pytest.approx(won / pairs if pairs else np.nan, abs=1e-6, nan_ok=True)


def test_no_aligned_item():
    labels, values, mask = np.zeros((3, 2), bool), np.zeros((3, 2)), np.ones((3, 2), bool)
    assert np.isnan(pooled_auroc_resamples(labels, values, mask, 5, 0, "a")).all()


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    """500 benchmarks of 40 prompts; the truth is the pooled figure of very many prompts."""
    rng = np.random.default_rng(11)

    def draw(prompts):
        rates, offsets = rng.uniform(0.2, 0.8, (prompts, 1)), rng.normal(size=(prompts, 1))
        labels = rng.random((prompts, 12)) < rates
        return labels, labels + offsets + rng.normal(size=labels.shape)

    labels, values = draw(20_000)
    truth = roc_auc_score(labels.ravel(), values.ravel())
    covered = 0
    for _ in range(500):
        labels, values = draw(40)
        drawn = pooled_auroc_resamples(labels, values, np.ones_like(labels), 1000, 0, "a")
        low, high = expanded(drawn, np.array([drawn.var()]), np.array([40]))
        covered += low <= truth <= high
    assert 0.92 <= covered / 500 <= 0.975, covered / 500
