"""From a score table to a result."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from tia2.errors import ResultError
from tia2.evaluation import METRICS, evaluate
from tia2.evaluation.bootstrap import _kept_counts

RESAMPLES = 500


def run(table, **options):
    return evaluate(table, resamples=RESAMPLES, **options)


def scaled(table, factor=1.0):
    return table.raw * factor


def figures_of(result):
    return result.model_dump(include={"subsets", "overall"})


def test_means_are_those_of_the_references(make_table, reference):
    table = make_table()
    result = run(table)
    by_hand = {}
    for subset, items in table.items.groupby("subset", sort=False):
        human = items["human_score"].to_numpy().reshape(-1, 12)
        values = table.raw[items.index].reshape(-1, 12)
        figures = reference(human > 0.5, human, values)
        pooled = reference(human.reshape(1, -1) > 0.5, human.reshape(1, -1), values.reshape(1, -1))
        for name in METRICS:
            estimate = result.subsets[subset].metrics[name]
            by_hand[subset, name] = figures[name].mean()
            assert estimate.mean == pytest.approx(by_hand[subset, name], abs=1e-12)
            assert estimate.pooled == pytest.approx(pooled[name][0], abs=1e-12)
            assert estimate.low < estimate.mean < estimate.high
            assert result.per_prompt.loc[result.per_prompt["subset"] == subset, name].to_numpy() == pytest.approx(
                figures[name], abs=1e-12
            )
    for name in METRICS:
        both = [by_hand[subset, name] for subset in ("counting", "composition")]
        assert result.overall.metrics[name].mean == pytest.approx(np.mean(both), abs=1e-12)
    assert list(result.subsets) == ["counting", "composition"]
    assert list(result.overall.metrics) == list(METRICS)


def test_says_what_was_evaluated(make_table):
    result = run(make_table(name="toy"), seed=4)
    assert result.entry.model_dump() == {
        "name": "toy",
        "rewards": [{"name": "toy", "spec": "spec:toy", "fingerprint": "r" * 64}],
        "calibration": "raw",
        "settings": {},
        "upper_bound": False,
    }
    assert result.benchmark.model_dump() == {
        "name": "toys",
        "fingerprint": "b" * 64,
        "votes_fingerprint": "v" * 64,
        "items": 25 * 12,
        "items_skipped": 0,
        "images_fingerprint": "i" * 64,
    }
    assert (result.seed, result.resamples, result.confidence) == (4, RESAMPLES, 0.95)


def test_counts(make_table):
    table = make_table({"a": 4}, items=5)
    table.items["label"] = [item % 5 < 2 or item < 5 for item in range(20)]
    table.raw[:5] = 0.0
    table.raw[5:10] = 1.0
    table.raw[10:12] = 7.0
    part = run(table).subsets["a"]
    assert (part.prompts, part.prompts_used, part.prompts_constant) == (4, 3, 1)
    assert (part.items, part.items_scored) == (20, 20)
    assert (part.tied, part.distinct) == (5 + 5 + 2, 1 + 1 + 4 + 5)


def test_prompts_without_both_labels_are_left_out(make_table, table_of):
    table = make_table({"a": 4})
    kept = run(table_of(table.items[12:], table.raw[12:]))
    table.items.loc[:11, ["label", "human_score"]] = [True, 1.0]
    result = run(table)
    assert result.subsets["a"].prompts_used == 3
    for name in METRICS:
        assert result.subsets["a"].metrics[name].mean == kept.subsets["a"].metrics[name].mean
    first = result.prompts[0]
    assert first.aligned == 1.0
    assert np.isnan(list(first.metrics.values())).all()


def test_a_silent_prompt_counts_as_chance(make_table):
    table = make_table({"a": 4})
    others = run(table).per_prompt[1:]
    table.raw[:12] = 3.0
    result = run(table)
    assert result.prompts[0].metrics["auroc"] == 0.5
    for name in ("spearman", "kendall"):
        assert result.prompts[0].metrics[name] == 0.0
        assert result.overall.metrics[name].mean == pytest.approx(others[name].sum() / 4, abs=1e-12)
    assert result.overall.prompts_constant == 1


def test_a_constant_reward(make_table):
    table = make_table()
    table.raw[:] = 0.1
    overall = run(table).overall.metrics
    assert (overall["auroc"].mean, overall["auroc"].low, overall["auroc"].high, overall["auroc"].pooled) == (0.5,) * 4
    for name in ("spearman", "kendall"):
        estimate = overall[name]
        assert (estimate.mean, estimate.low, estimate.high, estimate.pooled) == (0.0,) * 4


def test_pooled_sees_what_the_mean_over_prompts_cannot(make_table, table_of):
    table = make_table()
    shifts = table.items["prompt_id"].map({p: 10 * i for i, p in enumerate(table.items["prompt_id"].unique())})
    shifted = table_of(table.items, table.raw + shifts.to_numpy(np.float32))
    a, b = run(table).overall.metrics["auroc"], run(shifted).overall.metrics["auroc"]
    assert b.mean == pytest.approx(a.mean, abs=1e-6)
    assert abs(b.pooled - 0.5) < abs(a.pooled - 0.5) / 2


def test_same_arguments_same_bytes(make_table):
    first = run(make_table(), seed=1).model_dump_json()
    _kept_counts.cache_clear()
    assert run(make_table(), seed=1).model_dump_json() == first
    assert run(make_table(), seed=2).model_dump_json() != first


def test_order_of_the_items_does_not_matter(make_table, table_of):
    table = make_table()
    order = np.random.default_rng(0).permutation(len(table.raw))
    # Subsets are listed as they first appear; keep that.
    order = np.concatenate([[0], order[order != 0]])
    shuffled = table_of(table.items.iloc[order].reset_index(drop=True), table.raw[order])
    a, b = run(table), run(shuffled)
    assert [prompt.prompt_id for prompt in a.prompts] == [prompt.prompt_id for prompt in b.prompts]
    for subset, part in a.subsets.items():
        for name, estimate in part.metrics.items():
            assert b.subsets[subset].metrics[name].model_dump() == pytest.approx(
                estimate.model_dump(), abs=1e-12, nan_ok=True
            )


def test_prompts_come_in_natural_order(make_table):
    ids = [prompt.prompt_id for prompt in run(make_table({"counting": 11})).prompts]
    assert ids == [f"counting/{number}" for number in range(11)]


def test_entries_share_their_resamples(make_table):
    """So the difference of two entries has a paired interval: a reward that is better on every prompt is, surely."""
    table = make_table({"a": 12})
    other = make_table({"a": 12})
    other.raw[:] = -other.raw
    a, b = run(table).overall.metrics["auroc"], run(other).overall.metrics["auroc"]
    assert a.low == pytest.approx(1 - b.high, abs=1e-12)
    assert a.high == pytest.approx(1 - b.low, abs=1e-12)


def test_prompts_of_unequal_length(make_table, table_of, reference):
    table = make_table({"a": 6})
    keep = np.random.default_rng(1).random(len(table.raw)) < 0.8
    result = run(table_of(table.items[keep].reset_index(drop=True), table.raw[keep]))
    wanted = []
    for _, items in table.items[keep].groupby("prompt_id"):
        arrays = (items["label"].to_numpy(), items["human_score"].to_numpy(), table.raw[items.index])
        wanted.append(reference(*(array[None] for array in arrays))["kendall"][0])
    assert result.overall.metrics["kendall"].mean == pytest.approx(np.mean(wanted), abs=1e-12)
    assert sum(prompt.items for prompt in result.prompts) == keep.sum()


def test_subset_without_a_used_prompt_is_in_no_mean(make_table):
    table = make_table({"a": 3, "b": 3})
    table.items.loc[table.items["subset"] == "b", ["label", "human_score"]] = [False, 0.0]
    result = run(table)
    assert np.isnan(result.subsets["b"].metrics["auroc"].mean)
    assert np.isnan(result.subsets["b"].metrics["auroc"].pooled)
    assert result.overall.metrics["auroc"] == result.subsets["a"].metrics["auroc"]
    assert (result.overall.prompts, result.overall.prompts_used) == (6, result.subsets["a"].prompts_used)


def test_a_single_used_prompt_has_no_interval(make_table):
    estimate = run(make_table({"a": 1})).overall.metrics["auroc"]
    assert 0 <= estimate.mean <= 1
    assert np.isnan([estimate.low, estimate.high]).all()


def test_no_used_prompt_at_all(make_table):
    table = make_table({"a": 2})
    table.items["label"] = False
    assert np.isnan(list(run(table).overall.metrics["auroc"].model_dump().values())).all()


def test_calibration(make_table):
    table = make_table()
    result = run(table, calibration=partial(scaled, factor=-1.0))
    assert result.entry.name == "toy + scaled"
    assert (result.entry.calibration, result.entry.settings) == ("scaled", {"factor": -1.0})
    assert result.overall.metrics["auroc"].mean == pytest.approx(
        1 - run(table).overall.metrics["auroc"].mean, abs=1e-12
    )
    with pytest.raises(ResultError, match="plain numbers or text, factor is ndarray"):
        run(table, calibration=partial(scaled, factor=np.ones(3)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda raw: raw[:-1], r"one value for each of the 300 items, got shape \(299,\)"),
        (lambda raw: raw[:, None], r"got shape \(300, 1\)"),
        (
            lambda raw: np.where(np.arange(300) % 100 == 7, np.nan, raw),
            "3 of 300 .* that of counting/image_0_0_7",
        ),
        (lambda raw: raw * np.inf, "300 of 300 values are NaN or infinite"),
        (lambda raw: raw.astype(str), "real numbers"),
    ],
)
def test_bad_values(make_table, values, message):
    with pytest.raises(ResultError, match=message):
        run(make_table(), calibration=lambda table: values(table.raw))


def test_bad_tables(make_table, table_of):
    table = make_table()
    with pytest.raises(ResultError, match=r"lack the column\(s\) prompt, label"):
        run(table_of(table.items.drop(columns=["label", "prompt"]), table.raw))
    with pytest.raises(ResultError, match="no items"):
        run(table_of(table.items[:0], table.raw[:0]))
    items = table.items.assign(human_score=table.items["human_score"].mask(table.items.index == 3))
    with pytest.raises(ResultError, match="human_score is missing for 1 items, the first is counting/image_0_0_3"):
        run(table_of(items, table.raw))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"seed": 0.5}, "seed must be"),
        ({"resamples": 0}, "number of resamples must be a whole number of at least 1, got 0"),
        ({"resamples": True}, "resamples"),
    ],
)
def test_bad_options(make_table, options, message):
    with pytest.raises(ResultError, match=message):
        evaluate(make_table(), **options)


def test_what_is_no_table(make_table, tmp_path):
    with pytest.raises(ResultError, match=r"no score table at .*nowhere\. Give a folder that `tia2 score` or tia2"):
        evaluate(tmp_path / "nowhere")
    with pytest.raises(
        ResultError,
        match=r"Expected values or a score table, got int\. .*tia2.evaluate\(tia2.score\(reward",
    ):
        evaluate(3)
    with pytest.raises(ResultError, match=r"Expected a calibration, got str\. .*tia2.evaluate\(tia2.score\(reward"):
        evaluate(make_table(), "mini")


def test_importing_it_loads_nothing_heavy():
    heavy = "{'torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'matplotlib'}"
    code = f"import sys, tia2.evaluation; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
