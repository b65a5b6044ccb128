"""Several benchmarks: figures as evaluated, differences combined, ranks correlated, and what can't be asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import tia2
from tia2.analysis import generalization
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation.comparing.random_effects import random_effects

SHARED = Path(__file__).resolve().parents[3] / "shared" / "external"


@pytest.fixture(scope="module")
def benchmark_of(request):
    """Build score tables of a benchmark by name, each model with its noise; below 0, it prefers the worse images."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("made", Path(__file__).parents[1] / "calibration" / "conftest.py")
    made = module_from_spec(spec)
    spec.loader.exec_module(made)

    def build(name: str, noises: dict[str, float], seed: int, subsets=("counting",)):
        items = made._items(prompts=12, items=8, seed=seed, subsets=subsets)
        tables = []
        for number, (model, noise) in enumerate(noises.items()):
            rewards = made._rewards(items, noise=abs(noise), scale=np.sign(noise), seed=seed + number)
            table = made._table(items, rewards, model)
            benchmark = table.manifest.benchmark.model_copy(update={"name": name, "fingerprint": f"{seed}" * 64})
            table.manifest = table.manifest.model_copy(update={"benchmark": benchmark})
            tables.append(table)
        return tables

    return build


@pytest.fixture(scope="module")
def tables(benchmark_of):
    """Four models on three benchmarks, one of which lacks a model, and one model on one benchmark alone."""
    noises = {"good": 0.3, "fair": 1.0, "poor": -3.0, "other": 1.5}
    return [
        *benchmark_of("first", noises, 1, ("counting", "composition")),
        *benchmark_of("second", noises, 2),
        *benchmark_of("third", {"good": 0.5, "poor": -2.0, "lonely": 1.0}, 3),
    ]


@pytest.fixture(scope="module")
def found(tables):
    return generalization(tables, resamples=500)


def rows(analysis, question):
    return analysis.table[analysis.table["question"] == question]


def test_figures_are_those_of_an_evaluation(found, tables):
    figures = rows(found, "figure").set_index(["a", "b"])
    for table in tables:
        key = (table.name, table.manifest.benchmark.name)
        if table.name == "lonely":
            assert key not in figures.index
            continue
        evaluated = tia2.evaluate(table, resamples=20).overall.metrics["auroc"].mean
        assert figures.loc[key, "value"] == pytest.approx(evaluated, abs=1e-12)
        assert figures.loc[key, "low"] <= evaluated <= figures.loc[key, "high"]


def test_differences_are_combined_over_the_benchmarks_that_have_both(found):
    differences = rows(found, "difference").set_index(["a", "b"])
    assert differences["benchmarks"].to_dict()[("good", "poor")] == 3
    assert differences["benchmarks"].to_dict()[("fair", "other")] == 2
    figures = rows(found, "figure").set_index(["a", "b"])["value"]
    row = differences.loc[("good", "poor")]
    each = dict(part.rsplit(" ", 1) for part in row["each"].split(", "))
    for name, text in each.items():
        assert float(text) == pytest.approx(figures["good", name] - figures["poor", name], abs=6e-4)
    # A paired standard error: nearer than that of two figures alone would be, so the interval is checked by its parts.
    assert row["low"] <= row["value"] <= row["high"]
    assert row["predicted_low"] <= row["low"]
    assert row["predicted_high"] >= row["high"]
    assert np.isnan(differences.loc[("fair", "other"), "predicted_low"])


def test_the_combination_is_that_of_paired_comparisons(found, tables):
    """Standard errors from the paired t interval of `tia2.compare`'s prompts, within what resampling adds."""
    estimates, variances = [], []
    for name in ("first", "second", "third"):
        pair = [table for table in tables if table.manifest.benchmark.name == name and table.name in {"good", "poor"}]
        results = [tia2.evaluate(table, resamples=20) for table in pair]
        gaps: dict[str, list[float]] = {}
        for a, b in zip(results[0].prompts, results[1].prompts, strict=True):
            gap = a.metrics["auroc"] - b.metrics["auroc"]
            if not np.isnan(gap):
                gaps.setdefault(a.subset, []).append(gap)
        estimates.append(np.mean([np.mean(part) for part in gaps.values()]))
        # The bootstrap's variance has n in the denominator.
        variances.append(sum(np.var(part) / len(part) for part in gaps.values()) / len(gaps) ** 2)
    expected = random_effects(estimates, variances)
    row = rows(found, "difference").set_index(["a", "b"]).loc[("good", "poor")]
    assert row["value"] == pytest.approx(expected.mean, abs=0.01)
    assert row["high"] - row["low"] == pytest.approx(expected.high - expected.low, rel=0.15)


def test_ranks_are_correlated_over_the_shared_models(found):
    ranks = rows(found, "ranks")
    assert ranks[["a", "b", "models"]].to_numpy().tolist() == [["first", "second", 4.0]]
    figures = rows(found, "figure")
    columns = [figures[figures["b"] == name].set_index("a")["value"] for name in ("first", "second")]
    assert ranks["value"].iloc[0] == pytest.approx(stats.kendalltau(columns[0], columns[1][columns[0].index]).statistic)
    assert -1 <= ranks["low"].iloc[0] <= ranks["high"].iloc[0] <= 1


def test_what_is_settled_on_one_benchmark_is_looked_up_on_another(found):
    prediction = rows(found, "prediction").set_index(["a", "b"])
    assert {("first", "second"), ("second", "first")} <= set(prediction.index)
    assert (prediction["value"] <= 1).all()
    assert (prediction["settled"] >= 1).all()


def test_a_model_that_changes_places_is_named(benchmark_of):
    one = benchmark_of("one", {"a": 0.1, "b": -0.1}, 4)
    two = benchmark_of("two", {"a": -0.1, "b": 0.1}, 5)
    found = generalization([*one, *two], resamples=500)
    assert found.findings[0] == (
        "Of 1 pair of models that benchmarks share, 0 differ in AUROC over all benchmarks together, and 1 is settled "
        "one way on a benchmark and the other way on another."
    )
    assert found.findings[1].startswith("a and b change places: one +0.")
    assert rows(found, "prediction")["value"].tolist() == [0.0, 0.0]


def test_families_join_models_of_different_names(benchmark_of):
    tables = [*benchmark_of("one", {"a1": 0.3, "b1": 2.0}, 6), *benchmark_of("two", {"a2": 0.3, "b2": 2.0}, 7)]
    with pytest.raises(ResultError, match=r"got one: a1, b1; two: a2, b2\. Where a model is named otherwise"):
        generalization(tables)
    families = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    found = generalization(tables, families=families, resamples=100)
    assert set(rows(found, "figure")["a"]) == {"a", "b"}
    with pytest.raises(UnknownNameError, match="Unknown model 'a3'"):
        generalization(tables, families={**families, "a3": "a"})
    with pytest.raises(ResultError, match="one has two tables of a: a1 and b1"):
        generalization(tables, families={**families, "b1": "a"})


def test_a_pooled_figure_has_an_interval_where_its_metric_has(tables):
    found = generalization(tables, pooled=True, resamples=200)
    figures = rows(found, "figure").set_index(["a", "b"])
    evaluated = tia2.evaluate(tables[0], resamples=20).overall.metrics["auroc"].pooled
    assert figures.loc[("good", "first"), "value"] == pytest.approx(evaluated, abs=1e-12)
    with pytest.raises(ResultError, match="Pooled figures of kendall have no intervals; choose auroc"):
        generalization(tables, pooled=True, metric="kendall")


def test_one_benchmark_is_not_enough(tables):
    with pytest.raises(ResultError, match="Expected two models that two benchmarks share, got first: good, fair"):
        generalization(tables[:4])
    with pytest.raises(UnknownNameError, match="Unknown metric 'auc'"):
        generalization(tables, metric="auc")


@pytest.mark.upstream
def test_the_finding_on_published_scores():
    """Of docs/findings.md: which of two kinds of score is better depends on the benchmark."""
    if not SHARED.is_dir():
        pytest.skip("needs the upstream material beside the checkout")
    from tia2.benchmark.published import datasets as published
    from tia2.scoring import import_scores

    families = {
        "CLIPScore ViT-B-32": "CLIPScore", "TIFA mPLUG": "questions", "VQAScore CLIP-FlanT5": "questions",
        "T2VScore-A": "questions",
    }  # fmt: skip
    tables = []
    for name, folder in (("tifa160", "tifa160"), ("genai-bench", "genai_bench"), ("tvge", "tvge")):
        for part in published.DATASETS[name].read(SHARED / folder):
            benchmark = published.benchmark_of(part, published.DATASETS[name])
            tables += [
                import_scores(benchmark, scores.rewards, name=scores.name, allow_missing=True)
                for scores in part.scores
                if part.name == name and scores.name in {*families, "CLIPScore"}
            ]
    found = generalization(tables, families=families, resamples=200)
    (row,) = rows(found, "difference").to_dict("records")
    assert (row["a"], row["b"], row["benchmarks"]) == ("CLIPScore", "questions", 3)
    assert row["each"] == "tifa160 -0.056, genai-bench -0.379, tvge +0.030"
    assert row["i2"] > 0.9
    assert row["low"] < 0 < row["high"]
