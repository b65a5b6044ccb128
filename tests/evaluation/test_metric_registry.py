"""Metrics as objects in a registry, and what happens to files that are older than one of them."""

from __future__ import annotations

import numpy as np
import pytest

import tia2
from tia2.errors import PluginError, ResultError
from tia2.evaluation import METRICS, Metric, compare, separate, summarise


def best(labels, human_scores, values, mask):
    """Human score of the item with the highest value."""
    shown = values if mask is None else np.where(mask, values, -np.inf)
    return human_scores[np.arange(len(values)), shown.argmax(axis=1)]


@pytest.fixture
def toy_metric():
    tia2.register_metric("best", title="Best", definition="Human score of the item with the highest value.")(best)
    yield METRICS["best"]
    METRICS.unregister("best")


def without(result, metric):
    """The result as a version before the metric would have written it."""
    content = result.model_dump()
    for part in (*content["subsets"].values(), content["overall"], *content["prompts"]):
        del part["metrics"][metric]
    return type(result).model_validate(content)


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.definition.endswith(".")
        assert metric.definition.count(". ") == 0, "one sentence"
        assert metric.low < metric.high
        assert metric.chance is None or metric.low <= metric.chance <= metric.high
    assert METRICS["spearman"].range == "−1 to 1"
    assert [METRICS[name].by_chance for name in ("auroc", "kendall")] == ["0.5", "0"]
    assert METRICS["ap5"].by_chance == "above the share of aligned items"


def test_chance_is_what_values_that_order_nothing_get():
    rng = np.random.default_rng(0)
    human = rng.random((4000, 20))
    labels, values = human > 0.5, rng.random((4000, 20))
    for metric in (METRICS[name] for name in METRICS):
        figure = np.nanmean(metric(labels, human, values))
        if metric.chance is None:
            assert 0 < figure - labels.mean() < 0.2
        else:
            assert figure == pytest.approx(metric.chance, abs=0.01)


def test_a_registered_metric_is_in_every_figure(make_table, toy_metric):
    table = make_table({"a": 4, "b": 5})
    result = tia2.evaluate(table, resamples=50)
    assert list(result.overall.metrics)[-1] == "best"
    for prompt in result.prompts:
        rows = table.items[table.items["prompt_id"] == prompt.prompt_id].index
        wanted = table.items["human_score"][rows[table.raw[rows].argmax()]]
        assert prompt.metrics["best"] == wanted or not 0 < prompt.aligned < 1
    other = tia2.evaluate(table, lambda table: -table.raw, resamples=50)
    assert compare(result, other, "best").main.difference == pytest.approx(
        result.overall.metrics["best"].mean - other.overall.metrics["best"].mean
    )
    assert set(summarise([result, other])["metric"]) == set(METRICS)
    assert len(separate([result, other], "best")) == 6
    assert toy_metric.range == "0 to 1"


def test_an_old_result_has_no_number_for_a_new_metric(make_table, toy_metric):
    new = tia2.evaluate(make_table(name="new"), resamples=50)
    old = without(tia2.evaluate(make_table(name="old", seed=1), resamples=50), toy_metric.name)
    frame = summarise([new, old]).set_index(["subset", "metric", "entry"])
    assert np.isnan(frame.loc[("overall", "best", "old"), "mean"])
    assert frame["rank"].isna()[("overall", "best", "old")]
    assert frame.loc[("overall", "best", "new"), "mean"] == new.overall.metrics["best"].mean


def test_old_results_are_not_compared_by_a_new_metric(make_table, toy_metric):
    table = make_table(name="old")
    old = without(tia2.evaluate(table, resamples=50), toy_metric.name)
    message = r"^old's result has no best: it was made by tia2 .*; evaluate its score table again\.$"
    with pytest.raises(ResultError, match=message):
        compare(old, old, "best")
    with pytest.raises(ResultError, match=message):
        separate([tia2.evaluate(table, resamples=50), old], "best")
    assert compare(old, old, "kendall").main.difference == 0


def test_a_broken_metric_is_named(make_table):
    def broken(labels, human_scores, values, mask):
        raise RuntimeError("no")

    tia2.register_metric("broken", title="Broken", definition="Nothing.")(broken)
    try:
        with pytest.raises(PluginError, match="The metric 'broken' failed: RuntimeError: no"):
            tia2.evaluate(make_table(), resamples=20)
    finally:
        METRICS.unregister("broken")
    shape = Metric.plain(lambda *_: np.zeros(3), name="shape", title="S", definition="Nothing.")
    with pytest.raises(PluginError, match=r"one figure for each of the 1 prompts, got shape \(3,\)"):
        shape([[True, False]], [[1.0, 0.0]], [[0.1, 0.2]])


def test_what_is_no_metric():
    with pytest.raises(PluginError, match=r"must be a tia2.evaluation.Metric, got function"):
        METRICS.register("best", best)
    with pytest.raises(PluginError, match="'auroc' is taken by tia2"):
        tia2.register_metric("auroc", title="A", definition="Nothing.")(best)


def test_repr_fits_a_screen(make_table):
    table = make_table()
    result = tia2.evaluate(table, resamples=50)
    estimate = result.overall.metrics["auroc"]
    assert str(estimate) == f"{estimate.mean:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
    assert str(estimate.model_copy(update={"low": float("nan")})) == f"{estimate.mean:.3f}"
    assert str(estimate.model_copy(update={"mean": float("nan")})) == "–"
    found = compare(result, tia2.evaluate(table, lambda table: -table.raw, resamples=50))
    for shown in (repr(result), repr(found)):
        assert len(shown.splitlines()) <= 24
        assert max(map(len, shown.splitlines())) <= 120
        assert "overall" in shown
    assert f"auroc {estimate}" in repr(result)
    assert (
        "<b>" not in result.model_copy(update={"entry": result.entry.model_copy(update={"name": "<b>"})})._repr_html_()
    )
    assert str(estimate) in result._repr_html_()
    assert f"{found.main.difference:+.3f}" in found._repr_html_()
