"""Sweeps of settings and of X, and the table of what calibration is worth, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import tia2
from tia2.analysis import calibration, prompt_set, temperature
from tia2.analysis._prompt_set import SELECTIONS, sizes
from tia2.analysis._temperature import LEVELS
from tia2.analysis.entries import panel_of
from tia2.calibration import TextNorm, mean_ensemble, textnorm, textnorm_minmax, uncertainty_regularised
from tia2.calibration.flat_settings import FlatSettings
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation import METRICS, evaluate

FEW = 100


def loop(table, values, subset=None):
    """Mean AUROC over a subset's prompts, or the mean of the subsets', by scikit-learn."""
    items = table.items.assign(value=values)
    means = {}
    for name, part in items.groupby("subset", sort=False):
        of_prompt = [
            roc_auc_score(rows["label"], rows["value"])
            for _, rows in part.groupby("prompt_id")
            if 0 < rows["label"].sum() < len(rows)
        ]
        means[name] = np.mean(of_prompt)
    return np.mean(list(means.values())) if subset == "overall" else means[subset]


def at(frame, **where):
    """The only row with these values."""
    chosen = np.logical_and.reduce([frame[column] == value for column, value in where.items()])
    (row,) = frame[chosen].to_dict("records")
    return row


def rows_of(table):
    return [reward[mask].astype(np.float64) for reward, mask in zip(table.rewards, table.mask, strict=True)]


@pytest.mark.parametrize("subset", ["counting", "overall"])
def test_a_sweep_of_temperatures_is_a_loop_over_them(tables_of, subset):
    tables = tables_of()
    frame = temperature(tables, resamples=FEW).table
    assert set(frame["entry"]) == {"one", "two", "three", "mean of 3 rewards"}
    assert len(frame) == 4 * 3 * len(LEVELS["temperature"])
    for factor in (LEVELS["temperature"][0], 1.0, 8.0):
        shares = [[textnorm(row, factor * 0.5) for row in rows_of(table)] for table in tables]
        for name, values in (("two", shares[1]), ("mean of 3 rewards", mean_ensemble(shares))):
            row = at(frame, entry=name, setting=factor, subset=subset)
            assert row["mean"] == pytest.approx(loop(tables[0], values, subset), abs=1e-12)
            raw = {table.name: table.raw for table in tables}[row["raw"]]
            assert row["difference"] == pytest.approx(row["mean"] - loop(tables[0], raw, subset), abs=1e-12)
            assert row["low"] <= row["difference"] <= row["high"]


def test_sweeps_of_scale_and_penalty(tables_of):
    tables = tables_of(("one", "two"))
    scale = temperature(tables, sweep="scale", resamples=FEW).table
    values = [textnorm_minmax(row, 5.0) for row in rows_of(tables[0])]
    row = at(scale, entry="one", setting=5.0, subset="composition")
    assert row["mean"] == pytest.approx(loop(tables[0], values, "composition"), abs=1e-12)
    penalty = temperature(tables, sweep="penalty", resamples=FEW).table
    assert set(penalty["entry"]) == {"UR of 2 rewards"}
    shares = [[textnorm(row, 0.5) for row in rows_of(table)] for table in tables]
    row = at(penalty, setting=2.0, subset="counting")
    wanted = loop(tables[0], uncertainty_regularised(shares, 2.0), "counting")
    assert row["mean"] == pytest.approx(wanted, abs=1e-12)


def test_the_hardest_and_easiest_contrastive_prompts_are_those_with_the_highest_and_lowest_mean_reward(tables_of):
    (table,) = tables_of(("one",), texts=7)
    frame = prompt_set([table], draws=2, resamples=FEW).table
    for taken, sign in (("hardest", -1), ("easiest", 1)):
        for k in (1, 2):
            values = np.empty(len(table))
            for _, part in table.items.groupby("prompt_id"):
                rewards = np.array([rows_of(table)[place] for place in part.index])
                order = 1 + np.argsort(sign * rewards[:, 1:].mean(axis=0), kind="stable")[:k]
                values[part.index] = [textnorm(row[[0, *order]], 0.5) for row in rewards]
            row = at(frame, taken=taken, k=k, subset="overall")
            assert row["mean"] == pytest.approx(loop(table, values, "overall"), abs=1e-12)


def test_all_contrastive_prompts_are_textnorm_itself(tables_of):
    (table,) = tables_of(("one",), texts=7)
    frame = prompt_set([table], draws=3, resamples=FEW).table
    whole = evaluate(table, calibration=TextNorm(), resamples=FEW)
    largest = frame["k"].max()
    for taken in SELECTIONS:
        row = at(frame, taken=taken, k=largest, subset="overall")
        assert row["mean"] == pytest.approx(whole.overall.metrics["auroc"].mean, abs=1e-12)
        assert row["pooled"] == pytest.approx(whole.overall.metrics["auroc"].pooled, abs=1e-12)
    drawn = frame.query("taken == 'random' and k == 1")
    assert (drawn["draws"] == 3).all()


def test_random_sets_are_seeded(tables_of):
    tables = tables_of(("one",), texts=7)
    first, again, other = (prompt_set(tables, draws=2, seed=seed, resamples=FEW).table for seed in (0, 0, 1))
    assert first.equals(again)
    random = first["taken"].eq("random") & first["k"].eq(1)
    assert not np.allclose(first.loc[random, "mean"], other.loc[random, "mean"])
    assert sizes(1) == [1]
    assert sizes(4) == [1, 2, 4]


def test_the_table_of_calibrations_holds_what_evaluate_gives(tables_of):
    tables = tables_of(("one", "two"))
    found = calibration(tables, resamples=FEW)
    frame = found.table.query("subset == 'overall'").set_index(["entry", "choice"])
    assert len(frame) == 2 * 4 + 2 * 3
    for choice in ("fixed", "cv", "oracle"):
        for entry, given, ensemble in (("one", tables[0], None), ("UR of 2 rewards", tables, "ur")):
            result = evaluate(
                given, calibration=FlatSettings(setting=choice, ensemble=ensemble).calibration(), resamples=FEW
            )
            estimate, row = result.overall.metrics["auroc"], frame.loc[entry, choice]
            for name, value in (("mean", estimate.mean), ("low", estimate.low), ("high", estimate.high)):
                assert row[name] == pytest.approx(value, abs=1e-12)
            assert row["pooled"] == pytest.approx(estimate.pooled, abs=1e-12)
            assert row["pooled_low"] == pytest.approx(estimate.pooled_low, abs=1e-9)
            assert row["pooled_high"] == pytest.approx(estimate.pooled_high, abs=1e-9)
    oracle, honest = frame.loc["one", "oracle"], frame.loc["one", "cv"]
    assert oracle["optimism"] == pytest.approx(oracle["mean"] - honest["mean"], abs=1e-12)
    assert 0 < oracle["optimism_low"] <= oracle["optimism"] <= oracle["optimism_high"]
    assert np.isnan(honest["optimism"])
    assert len(found.findings) == 8


def test_figures_are_written_whole(tables_of, tmp_path):
    tables = tables_of(("a < b", "two"))
    for found in (temperature(tables, resamples=FEW), calibration(tables, resamples=FEW)):
        files = found.save(tmp_path / "new")
        assert [path.suffix for path in files] == [".png", ".html", ".csv"]
        assert all(path.stat().st_size > 1000 for path in files)
        page = files[1].read_text(encoding="utf-8")
        assert "a &lt; b" in page or "a \\u003c b" in page
        assert 'src="http' not in page
    assert sorted(path.name[0] for path in (tmp_path / "new").iterdir()) == ["c"] * 3 + ["t"] * 3
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="can't be written: Not a directory"):
        found.save(tmp_path / "file" / "deeper")


def test_a_single_subset_and_another_metric(tables_of):
    tables = tables_of(("one",), subsets=("counting",))
    found = temperature(tables, metric="kendall", resamples=FEW)
    assert set(found.table["subset"]) == {"counting"}
    assert found.table["pooled_low"].isna().all(), "only AUROC has a pooled interval"


def test_bad_input_is_one_clear_error(tables_of, table_of, toy, rewards_of):
    tables = tables_of(("one",))
    with pytest.raises(ResultError, match="give two score tables"):
        temperature(tables, sweep="penalty")
    with pytest.raises(UnknownNameError, match="Unknown sweep 'tau'"):
        temperature(tables, sweep="tau")
    for function in (temperature, prompt_set, calibration):
        with pytest.raises(UnknownNameError, match="Unknown metric 'auc'"):
            function(tables, metric="auc")
        with pytest.raises(ResultError, match="at least 1 score table, got 0"):
            function([])
    with pytest.raises(ResultError, match="at least 1 draw"):
        prompt_set(tables, draws=0)
    items = toy(prompts=1)
    with pytest.raises(ResultError, match="fewer than two prompts whose labels differ"):
        temperature([table_of(items, rewards_of(items))])


@pytest.mark.parametrize("metric", ["auroc", "spearman"])
def test_the_panel_gives_what_a_result_holds(tables_of, metric):
    (table,) = tables_of(("one",))
    result = tia2.evaluate(table, resamples=FEW)
    panel = panel_of(table.items, resamples=FEW)
    values = table.raw.astype(np.float64)
    figures, pooled = panel.figure(values, metric), panel.pools(values, [metric])[metric]
    for subset in panel.scopes:
        estimate = (result.overall if subset == "overall" else result.subsets[subset]).metrics[metric]
        assert panel.interval(figures, subset) == pytest.approx((estimate.mean, estimate.low, estimate.high), abs=1e-12)
        found = panel.pooled_interval(pooled, subset)
        assert found.mean == pytest.approx(estimate.pooled, abs=1e-12)
        assert found[1:] == pytest.approx((estimate.pooled_low, estimate.pooled_high), abs=1e-9, nan_ok=True)
    assert metric in METRICS
