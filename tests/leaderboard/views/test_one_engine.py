"""One engine: an evaluation, an analysis and the live slider agree on every figure, whatever the values look like."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tia2
from tia2.calibration import Raw, TextNorm
from tia2.evaluation import METRICS
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.records import Listing, ModelCard
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.views import temperature as slider
from tia2.scoring import ScoreTable

STORE = Path(__file__).resolve().parents[2] / "historic" / "v0.1" / "store"
DIGEST = sorted(path.name for path in (STORE / "tables").iterdir())[0]
RESAMPLES = 200
EXACT = {"rel": 0, "abs": 1e-12, "nan_ok": True}


def constant(rewards, items):
    """Every image of a prompt gets the same rewards."""
    first = items.groupby("prompt_id")["item_id"].transform("first")
    positions = items.index.get_indexer(first.map(dict(zip(items["item_id"], items.index, strict=True))))
    return rewards[positions]


def tied(rewards, items):
    """Two levels of rewards only."""
    return np.round(rewards / np.nanmax(np.abs(rewards))).astype(np.float32)


def partial(rewards, items):
    """Some images could not be read, among them all of one prompt."""
    skipped = (np.arange(len(items)) % 7 == 0) | (items["prompt_id"] == items["prompt_id"].iloc[0]).to_numpy()
    return np.where(skipped[:, None], np.nan, rewards).astype(np.float32)


def single_prompt(rewards, items):
    """One prompt of each subset, the first whose labels differ, has rewards."""
    mixed = items.groupby("prompt_id")["label"].transform("nunique") > 1
    kept = items[mixed].groupby("subset")["prompt_id"].first()
    return np.where(items["prompt_id"].isin(kept).to_numpy()[:, None], rewards, np.nan).astype(np.float32)


@pytest.fixture(params=[constant, tied, partial, single_prompt], ids=lambda shape: shape.__name__)
def shape(request):
    return request.param


@pytest.fixture
def table(shape):
    shaped = ScoreTable.load(STORE / "tables" / DIGEST)
    shaped.rewards = shape(shaped.rewards, shaped.items)
    return shaped


@pytest.fixture
def board(table, tmp_path):
    store = Store(shutil.copytree(STORE, tmp_path / "store"))
    listing = Listing(
        id="shaped",
        benchmark="small",
        card=ModelCard(name="shaped"),
        tables=[store.add_table(table)],
        calibrations=[Raw(), TextNorm()],
        added="2026-01-01T00:00:00+00:00",
    )
    store.add_listing(listing)
    return Board.load(store, "small", index=Index(store, resamples=RESAMPLES))


@pytest.mark.filterwarnings("ignore:.*have no reward")
def test_every_figure_is_the_same_wherever_it_is_measured(shape, table, board):
    raw = tia2.evaluate(table, resamples=RESAMPLES, prompts="label")
    fixed = tia2.evaluate(table, TextNorm(), resamples=RESAMPLES, prompts="label")
    scopes = {**fixed.subsets, "overall": fixed.overall}
    assert set(board.scopes) == set(scopes)
    row = board.positions["shaped~textnorm"]
    for scope, part in scopes.items():
        for metric in METRICS:
            wanted, live = part.metrics[metric], slider.recompute(board, "shaped", scope, metric, 1.0)
            numbers = (wanted.mean, wanted.low, wanted.high, wanted.pooled)
            assert (live.mean, live.low, live.high, live.pooled) == pytest.approx(numbers, **EXACT), (scope, metric)
            shown = [board.estimate(scope, metric, what)[row] for what in ("mean", "low", "high", "pooled")]
            assert shown == pytest.approx(numbers, **EXACT), (scope, metric)
            curve = slider.sweep(board, "shaped", scope, metric)
            assert curve.raw == pytest.approx(
                (raw.overall if scope == "overall" else raw.subsets[scope]).metrics[metric].mean, **EXACT
            )
    if shape is constant:
        assert fixed.overall.metrics["spearman"].mean == 0
    if shape is single_prompt:
        assert np.isnan(fixed.overall.metrics["auroc"].low)
        with pytest.raises(tia2.errors.ResultError, match="fewer than two prompts whose labels differ"):
            tia2.analysis.calibration([table], resamples=RESAMPLES)
        return
    for metric in ("auroc", "ap5", "spearman"):
        frame = tia2.analysis.calibration([table], metric=metric, resamples=RESAMPLES).table
        frame = frame.set_index(["subset", "choice"])
        for choice, result in (("raw", raw), ("fixed", fixed)):
            for scope, part in {**result.subsets, "overall": result.overall}.items():
                wanted, found = part.metrics[metric], frame.loc[(scope, choice)]
                for column in ("mean", "low", "high", "pooled", "pooled_low", "pooled_high"):
                    assert found[column] == pytest.approx(getattr(wanted, column), **EXACT), (choice, scope, column)


def test_constant_values_order_nothing_anywhere():
    table = ScoreTable.load(STORE / "tables" / DIGEST)
    table.rewards = np.where(table.mask, np.float32(0.5), np.nan)
    for metric in ("spearman", "kendall"):
        estimate = tia2.evaluate(table, resamples=RESAMPLES, prompts="label").overall.metrics[metric]
        assert (estimate.mean, estimate.pooled) == (0, 0)
        frame = tia2.analysis.calibration([table], metric=metric, resamples=RESAMPLES).table
        raw = frame[frame["choice"] == "raw"]
        assert (raw["mean"] == 0).all()
        assert (raw["pooled"] == 0).all()
