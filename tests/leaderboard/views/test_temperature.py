"""The slider's figures against the board's own entries and plain evaluation."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tia2
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation.metrics import METRICS
from tia2.leaderboard import Board, Store
from tia2.leaderboard.views import temperature as slider
from tia2.leaderboard.views.temperature import adjustable_model, adjustable_models, entries_on_curve, members

EXACT = {"rel": 0, "abs": 1e-12}
OLD_STORE = Path(__file__).resolve().parents[2] / "historic" / "v0.1" / "store"
FACTORS_OF_0_1 = {
    "both, mean": 1.0,
    "both, UR": 1.0,
    "both, UR (cv)": 1.0,
    "both, UR (oracle, upper bound)": 1.0,
    "both, mean (min-max)": 1.0,
    "mini-countblind + TextNorm": 1.0,
    "mini-strong + TextNorm": 1.0,
    "mini-strong + TextNorm (τ = 0.5)": 10.0,
    "mini-strong + TextNorm (cv)": 1.3195079107728942,
    "mini-strong + TextNorm (oracle, upper bound)": 1.0392592260318434,
    "mini-strong + TextNorm (min-max)": 1.0,
    "mini-strong + TextNorm (min-max, c = 5)": 5 / 3,
    "mini-strong + TextNorm (min-max, cv)": 5 / 3,
}
MODELS = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")
SCOPES = ("comprehensive", "counting", "composition", "overall")


def test_a_model_has_one_way_and_an_ensemble_two(mini_board):
    found = {key: one.name for key, one in adjustable_models(mini_board).items()}
    assert found == {
        **{model: model for model in MODELS},
        "mini-ensemble": "mini-ensemble, mean",
        "mini-ensemble~ur-textnorm": "mini-ensemble, UR",
    }


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("model", "entry"),
    [
        *((model, f"{model}~textnorm") for model in MODELS),
        ("mini-ensemble", "mini-ensemble~mean-textnorm"),
        ("mini-ensemble~ur-textnorm", "mini-ensemble~ur-textnorm"),
    ],
)
def test_factor_1_is_the_board_s_fixed_entry(mini_board, model, entry, scope, metric):
    found = slider.recompute(mini_board, model, scope, metric, 1.0)
    place = mini_board.positions[entry]
    for what in ("mean", "low", "high", "pooled"):
        assert getattr(found, what) == pytest.approx(mini_board.estimate(scope, metric, what)[place], **EXACT), what


@pytest.mark.parametrize("factor", [1 / 16, 0.5, 2 ** (7 / 4), 16])
def test_other_factors_are_what_evaluate_gives(mini_board, factor):
    digest = adjustable_model(mini_board, "mini-strong").listing.tables[0]
    table = mini_board.index.store.table(digest)
    temperature = factor * table.manifest.reward.card.default_temperature
    result = tia2.evaluate(
        table, calibration=tia2.calibration.TextNorm(temperature=temperature), resamples=1000, prompts="label"
    )
    for scope, part in {**result.subsets, "overall": result.overall}.items():
        found = slider.recompute(mini_board, "mini-strong", scope, "kendall", factor)
        expected = part.metrics["kendall"]
        assert (found.mean, found.low, found.high, found.pooled) == pytest.approx(
            (expected.mean, expected.low, expected.high, expected.pooled), **EXACT
        )
        assert found.levels == (temperature,)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("metric", ["auroc", "ap10", "spearman"])
def test_the_curve_is_made_of_the_slider_s_figures(mini_board, scope, metric):
    for model in ("mini-vivid", "mini-ensemble~ur-textnorm"):
        curve = slider.sweep(mini_board, model, scope, metric)
        single = [slider.recompute(mini_board, model, scope, metric, factor) for factor in slider.FACTORS]
        np.testing.assert_allclose(curve.means, [one.mean for one in single], rtol=0, atol=1e-12)
        np.testing.assert_allclose(curve.lows, [one.low for one in single], rtol=0, atol=1e-12)
        np.testing.assert_allclose(curve.highs, [one.high for one in single], rtol=0, atol=1e-12)


def test_the_curve_spans_the_slider():
    assert slider.FACTORS[0] == 2**slider.LOWEST
    assert slider.FACTORS[-1] == 2**slider.HIGHEST
    assert 1.0 in slider.FACTORS


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("model", MODELS)
def test_the_raw_level_is_the_board_s_raw_entry(mini_board, model, scope):
    for metric in METRICS:
        curve = slider.sweep(mini_board, model, scope, metric)
        assert curve.raw == pytest.approx(mini_board.estimate(scope, metric)[mini_board.positions[model]], **EXACT)
        assert curve.raw_name == model


def test_an_ensemble_is_compared_with_its_best_member(mini_board):
    for scope in SCOPES:
        raw = {model: mini_board.estimate(scope, "auroc")[mini_board.positions[model]] for model in MODELS}
        curve = slider.sweep(mini_board, "mini-ensemble", scope, "auroc")
        assert curve.raw == pytest.approx(max(raw.values()), **EXACT)
        assert curve.raw_name == max(raw, key=raw.get)


def test_points_are_the_board_s_entries(mini_board):
    model = adjustable_model(mini_board, "mini-web")
    for scope in SCOPES:
        found = {point.setting: point for point in entries_on_curve(mini_board, model, scope, "auprc")}
        assert list(found) == ["fixed", "cv", "oracle"]
        for setting, name in {"fixed": "textnorm", "cv": "textnorm-cv", "oracle": "textnorm-oracle"}.items():
            place = mini_board.positions[f"mini-web~{name}"]
            assert found[setting].mean == mini_board.estimate(scope, "auprc")[place]
            assert found[setting].name == mini_board.entries[place].name
        assert found["fixed"].factor == 1
        chosen = mini_board.result("mini-web~textnorm-cv").entry.settings["chosen"]
        assert found["cv"].factor == pytest.approx(np.prod([fold["factor"] for fold in chosen]) ** (1 / len(chosen)))
        assert 1 / 8 <= found["oracle"].factor <= 8


def test_an_ensemble_s_points_are_of_its_own_way(mini_board):
    mean, ur = adjustable_model(mini_board, "mini-ensemble"), adjustable_model(mini_board, "mini-ensemble~ur-textnorm")
    assert [point.name for point in entries_on_curve(mini_board, mean, "overall", "auroc")] == ["mini-ensemble, mean"]
    assert [point.setting for point in entries_on_curve(mini_board, ur, "overall", "auroc")] == ["fixed", "cv"]


def test_members_have_their_documented_temperatures(mini_board):
    model = adjustable_model(mini_board, "mini-ensemble")
    found = members(mini_board, model)
    store = mini_board.index.store
    cards = [store.table(digest).manifest.reward for digest in model.listing.tables]
    assert found.names == tuple(reward.name for reward in cards)
    assert found.levels == tuple(reward.card.default_temperature for reward in cards)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nobody", "overall", "auroc", 1.0), UnknownNameError),
        (("mini-web", "<script>", "auroc", 1.0), UnknownNameError),
        (("mini-web", "overall", "F1", 1.0), UnknownNameError),
        (("mini-web", "overall", "auroc", 0.0), ResultError),
        (("mini-web", "overall", "auroc", float("nan")), ResultError),
    ],
)
def test_what_is_not_there_is_named(mini_board, arguments, error):
    with pytest.raises(error):
        slider.recompute(mini_board, *arguments)


def test_entries_of_an_old_store_stand_where_they_stood(tmp_path):
    """Min-max scales, temperatures of one's own and penalties, chosen and fixed, as version 0.1 wrote them."""
    store = Store(shutil.copytree(OLD_STORE, tmp_path / "store"))
    board = Board.load(store, "small")
    models = adjustable_models(board)
    stands = {
        point.name: point.factor
        for model in models.values()
        for point in entries_on_curve(board, model, "overall", "auroc")
    }
    assert stands == pytest.approx(FACTORS_OF_0_1, rel=1e-12)
