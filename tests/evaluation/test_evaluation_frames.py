"""Results of several entries in one frame."""

from __future__ import annotations

import pytest

from tia2.errors import ResultError
from tia2.evaluation import METRICS, evaluate, summarise


@pytest.fixture
def results(make_table):
    tables = [make_table(name=name) for name in ("good", "bad", "best")]
    tables[1].raw[:] = -tables[1].raw
    tables[2].raw[:] = tables[2].items["human_score"] + 0.2 * tables[2].raw
    return [evaluate(table, resamples=50) for table in tables]


def test_one_row_each_best_first(results):
    frame = summarise(results)
    assert len(frame) == 3 * len(METRICS) * 3
    assert list(frame["subset"].cat.categories) == ["counting", "composition", "overall"]
    assert list(frame["metric"].cat.categories) == list(METRICS)
    chosen = frame[(frame["subset"] == "overall") & (frame["metric"] == "auroc")]
    assert chosen["entry"].tolist() == ["best", "good", "bad"]
    assert chosen["rank"].tolist() == [1, 2, 3]
    estimate = results[2].overall.metrics["auroc"]
    assert chosen[list(type(estimate).model_fields)].iloc[0].to_dict() == estimate.model_dump()
    assert chosen["prompts_used"].iloc[0] == results[2].overall.prompts_used


def test_a_single_subset_is_not_repeated_as_overall(make_table):
    frame = summarise([evaluate(make_table({"a": 3}), resamples=50)])
    assert frame["subset"].unique().tolist() == ["a"]


def test_undefined_figures_have_no_rank(make_table):
    table = make_table({"a": 2})
    table.items["label"] = False
    assert summarise([evaluate(table, resamples=50, prompts="label")])["rank"].isna().all()
    frame = summarise([evaluate(table, resamples=50)])
    by_score = frame["metric"].isin(["spearman", "kendall"]) & (frame["kind"] == "entry")
    assert frame["rank"][~by_score].isna().all()
    assert (frame["rank"][by_score] == 1).all()


def test_refused(results, make_table):
    with pytest.raises(ResultError, match="no results"):
        summarise([])
    other = results[0].model_copy(
        update={"benchmark": results[0].benchmark.model_copy(update={"fingerprint": "c" * 64})}
    )
    with pytest.raises(ResultError, match=r"different benchmarks can't be ranked together: bad is on toys"):
        summarise([results[1], results[0], other])
