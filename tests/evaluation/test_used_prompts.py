"""Each metric leaves out the prompts that it can't be computed on, and says how many it used."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

import tia2
from tia2.benchmark import load
from tia2.errors import ResultError
from tia2.evaluation import compare, separate, summarise
from tia2.evaluation.panel import Panel
from tia2.evaluation.result import Result

LABELLED = ("auroc", "auprc", "ap5", "ap10", "ap25")


@pytest.fixture
def unaligned(make_table):
    """Two subsets; on the first, no human score is above 0.5, so that no label is true."""
    table = make_table({"low": 5, "mixed": 6}, items=10)
    scores = np.random.default_rng(5).integers(0, 21, len(table)) / 40
    low = (table.items["subset"] == "low").to_numpy()
    table.items["human_score"] = np.where(low, scores, table.items["human_score"])
    table.items["label"] = table.items["human_score"] > 0.5
    return table


def by_scipy(table, subset: str, function) -> float:
    rows = table.items.assign(value=table.raw).groupby("prompt_id")
    return float(
        np.mean([
            function(part["human_score"], part["value"]).statistic
            for _, part in rows
            if part["subset"].iloc[0] == subset and part["human_score"].nunique() > 1
        ])
    )  # fmt: skip


@pytest.mark.parametrize(("name", "function"), [("spearman", spearmanr), ("kendall", kendalltau)])
def test_rank_correlations_need_no_label(unaligned, name, function):
    result = tia2.evaluate(unaligned, resamples=50)
    for subset, prompts in (("low", 5), ("mixed", 6)):
        estimate = result.subsets[subset].metrics[name]
        assert estimate.mean == pytest.approx(by_scipy(unaligned, subset, function), abs=1e-12)
        assert estimate.prompts == prompts
        assert estimate.low <= estimate.mean <= estimate.high
    means = [result.subsets[subset].metrics[name].mean for subset in ("low", "mixed")]
    assert result.overall.metrics[name].mean == pytest.approx(np.mean(means), abs=1e-12)
    assert result.overall.metrics[name].prompts == 11
    pooled = unaligned.items["subset"] == "low"
    expected = function(unaligned.items["human_score"][pooled], unaligned.raw[pooled.to_numpy()]).statistic
    assert result.subsets["low"].metrics[name].pooled == pytest.approx(expected, abs=1e-12)


def test_labelled_metrics_stay_as_they_are(unaligned):
    result = tia2.evaluate(unaligned, resamples=50)
    for name in LABELLED:
        assert np.isnan(result.subsets["low"].metrics[name].mean)
        assert result.subsets["low"].metrics[name].prompts is None
        assert result.overall.metrics[name].mean == result.subsets["mixed"].metrics[name].mean
        assert result.overall.metrics[name].prompts == result.subsets["mixed"].metrics[name].prompts == 6
    assert result.subsets["low"].prompts_used == 0


def test_constant_values_are_at_chance_without_labels_too(unaligned):
    unaligned.rewards[:10] = 1.0
    figures = tia2.evaluate(unaligned, resamples=50).per_prompt
    assert figures["spearman"].iloc[0] == 0.0
    assert np.isnan(figures["auroc"].iloc[0])


def test_a_prompt_whose_human_scores_are_equal_is_left_out_of_all(unaligned):
    unaligned.items.loc[:9, "human_score"] = 0.25
    result = tia2.evaluate(unaligned, resamples=50)
    assert result.subsets["low"].metrics["kendall"].prompts == 4
    assert np.isnan(result.prompts[0].metrics["kendall"])


def test_the_label_s_prompts_stay_reachable_and_named(unaligned, tmp_path):
    result = tia2.evaluate(unaligned, resamples=50, prompts="label")
    assert result.prompts_by == "label"
    assert np.isnan(result.subsets["low"].metrics["spearman"].mean)
    assert result.overall.metrics["spearman"].prompts == 6
    assert tia2.evaluate(unaligned, resamples=50).prompts_by == "metric"
    old = json.loads(result.save(tmp_path / "r.json").read_text())
    assert "prompts_by" not in old
    assert Result.load(tmp_path / "r.json").prompts_by == "label"
    with pytest.raises(ResultError, match="prompts is 'labels'; expected 'metric', 'label' or 'defined'"):
        tia2.evaluate(unaligned, prompts="labels")


def test_rows_say_how_many_prompts_they_are_over(unaligned):
    frame = summarise([tia2.evaluate(unaligned, resamples=50)]).query("kind == 'entry'")
    used = frame.set_index(["subset", "metric"])["prompts_used"].to_dict()
    assert (used["low", "kendall"], used["low", "auroc"]) == (5, 0)
    assert (used["overall", "kendall"], used["overall", "auroc"]) == (11, 6)


def test_entries_are_compared_on_the_prompts_that_both_have(unaligned):
    by_metric, by_label = (tia2.evaluate(unaligned, resamples=50, prompts=kind) for kind in ("metric", "label"))
    other = tia2.evaluate(unaligned, lambda table: -table.raw, resamples=50)
    assert compare(by_metric, other, "kendall").main.prompts == 11
    mixed = compare(by_label, other, "kendall")
    assert [row.prompts for row in mixed.differences] == [6]
    assert compare(by_metric, other, "auroc").main.prompts == 6
    assert set(separate([by_metric, other], "spearman")["subset"]) == {"low", "mixed", "overall"}


def test_the_commands_say_what_can_be_computed(unaligned, tmp_path, cli):
    items = unaligned.items[unaligned.items["subset"] == "low"].reset_index(drop=True)
    low = type(unaligned)(unaligned.manifest.model_copy(update={
        "benchmark": unaligned.manifest.benchmark.model_copy(update={"items": 50}), "shard_size": 50,
    }), items.assign(texts=[[prompt] for prompt in items["prompt"]]), [
        tia2.scoring.table_files.Shard(items["item_id"].tolist(), [""] * 50, list(unaligned.rewards[:50])),
    ])  # fmt: skip
    low.save(tmp_path / "t")
    said = cli("evaluate", tmp_path / "t")
    assert said.code == 0
    assert "AUROC can't be computed: no prompt has labels that differ. --metric spearman can." in " ".join(
        said.err.split()
    )
    assert "None" not in said.out
    assert "<NA>" not in said.out
    shown = cli("evaluate", tmp_path / "t", "--metric", "spearman")
    expected = by_scipy(unaligned, "low", spearmanr)
    assert f"{expected:.3f}" in shown.out
    for metric, used in ((None, "0"), ("spearman", "5")):
        table = said.out if metric is None else shown.out
        assert re.search(rf"^low +5 +{used} +50 +50", table, re.M), table
    assert f"{expected:.3f}" not in cli("evaluate", tmp_path / "t", "--metric", "spearman", "--prompts", "label").out
    assert "Unknown way to leave out prompts 'labels'" in cli("evaluate", tmp_path / "t", "--prompts", "labels").err


@pytest.mark.upstream
def test_the_released_annotations(tia2_dir):
    for subset, labelled, scored in (("comprehensive", 84, 91), ("counting", 146, 150), ("composition", 295, 300)):
        items = load(subset, data_dir=tia2_dir).items
        panel = Panel.of(items, prompts_by="metric")
        assert [int(panel.used_by(name).sum()) for name in ("auroc", "kendall")] == [labelled, scored]
        if subset != "comprehensive":
            continue
        values = np.random.default_rng(0).normal(size=len(items)) + items["human_score"].to_numpy()
        figures = panel.figure(values, "kendall")
        expected = [
            kendalltau(part["human_score"], values[part.index]).statistic
            for _, part in items.groupby("prompt_id")
            if part["human_score"].nunique() > 1
        ]
        assert np.nanmean(figures) == pytest.approx(np.mean(expected), abs=1e-12)
        assert int(np.isfinite(figures).sum()) == scored
