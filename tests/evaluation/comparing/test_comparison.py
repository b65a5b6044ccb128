"""Comparisons against literal resampling and simulation; verdicts, groups, and what can't be compared."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tia2
from tia2.cli import main
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation import compare, separate
from tia2.evaluation.bootstrap import resample_counts
from tia2.evaluation.comparing.comparison import holm
from tia2.evaluation.comparing.letters import tie_groups
from tia2.evaluation.comparing.rank_intervals import rank_intervals
from tia2.evaluation.comparing.simultaneous import Stratum, differences, resampled_means


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three rewards of a made benchmark: one good, one a little noisier, one unrelated."""
    from datasets import Dataset

    rng = np.random.default_rng(0)
    rows, values = [], {"good": [], "fair": [], "noise": []}
    for subset, prompt in itertools.product(("one", "two"), range(15)):
        for image in range(12):
            quality = rng.random()
            score = float(round(2 * quality + 0.3 * rng.normal()) / 2)
            rows.append(
                {
                    "item_id": f"{subset}/{prompt}_{image}",
                    "subset": subset,
                    "prompt_id": f"{subset}/{prompt}",
                    "prompt": f"prompt {prompt} of {subset}",
                    "human_score": min(max(score, 0.0), 1.0),
                }
            )
            values["good"].append(quality)
            values["fair"].append(quality + 0.6 * rng.normal())
            values["noise"].append(rng.normal())
    benchmark = tia2.benchmark.load(Dataset.from_list(rows))
    return {name: evaluated(benchmark, name, column) for name, column in values.items()}


def evaluated(benchmark, name, values, **options):
    from tia2.scoring import ScoreTable
    from tia2.scoring.manifest import Manifest
    from tia2.scoring.plan import with_texts
    from tia2.scoring.table_files import Shard

    reward = tia2.load_reward(lambda images, texts: [0.0] * len(texts))
    reward.name = name
    sizes = {"batch_size": 64, "shard_size": 256, "texts": 1, "truncated_texts": 0}
    manifest = Manifest.begin(reward, benchmark, spec=name, **sizes).model_copy(update={"complete": True})
    ids = benchmark.items["item_id"].tolist()
    shard = Shard(ids, ["0" * 64] * len(ids), [np.array([value], dtype=np.float32) for value in values])
    table = ScoreTable(manifest, with_texts(benchmark.items), [shard])
    return tia2.evaluate(table, **{"resamples": 2000, **options})


def test_differences_equal_literal_resampling():
    rng = np.random.default_rng(0)
    strata = [Stratum("a", rng.normal(size=(3, 9))), Stratum("b", rng.normal(size=(3, 14)))]
    found = differences(strata, 200, seed=5)
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    for number, (first, second) in enumerate(found.pairs):
        gaps = [part.figures[first] - part.figures[second] for part in strata]
        observed = np.mean([gap.mean() for gap in gaps])
        error = np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps)) / 2
        means, extreme = [], 0
        counts = [resample_counts(gap.size, 200, 5, part.subset) for gap, part in zip(gaps, strata, strict=True)]
        for row in range(200):
            drawn = [np.repeat(gap, count[row].astype(int)) for gap, count in zip(gaps, counts, strict=True)]
            means.append(np.mean([one.mean() for one in drawn]))
            own = np.sqrt(sum(one.var(ddof=1) / len(one) for one in drawn)) / 2
            extreme += abs(means[-1] - observed) / own >= abs(observed) / error
        assert found.difference[number] == pytest.approx(observed, abs=1e-12)
        assert found.probability[number] == pytest.approx(np.mean(np.array(means) > 0), abs=1e-12)
        assert found.p[number] == pytest.approx((1 + extreme) / 201, abs=1e-12)
        assert found.low[number] < observed < found.high[number]
    assert (found.adjusted >= found.p - 1e-12).all()


def test_identical_entries_are_never_told_apart():
    figures = np.random.default_rng(0).normal(size=30)
    found = differences([Stratum("a", np.stack([figures, figures, figures + 1e-3]))], 500, seed=0)
    assert (found.difference[0], found.p[0], found.adjusted[0], found.probability[0]) == (0, 1, 1, 0.5)
    assert found.p[1] == pytest.approx(1 / 501)


@pytest.mark.slow
def test_the_corrected_comparisons_keep_their_level_and_intervals_their_coverage():
    rng = np.random.default_rng(1)
    runs, entries, wrong, covered, plain = 1_000, 8, 0, 0.0, 0
    for _ in range(runs):
        figures = 0.5 * rng.normal(size=60) + rng.standard_gamma(2, size=(entries, 60))
        found = differences([Stratum("a", figures)], 500, seed=0)
        wrong += bool((found.adjusted <= 0.05).any())
        plain += bool((found.p <= 0.05).any())
        covered += np.mean((found.low <= 0) & (found.high >= 0))
    assert wrong / runs <= 0.06, wrong / runs
    assert plain / runs > 0.3
    assert 0.93 <= covered / runs <= 0.97


def test_rank_intervals_equal_ranking_every_resample():
    strata = [Stratum("a", np.random.default_rng(3).normal(size=(5, 20)) + np.arange(5)[:, None] / 4)]
    means = resampled_means(strata, 300, seed=0)
    ranks = (-means).argsort(axis=1).argsort(axis=1) + 1
    low, high = rank_intervals(means)
    assert low.tolist() == np.quantile(ranks, 0.025, axis=0, method="inverted_cdf").tolist()
    assert high.tolist() == np.quantile(ranks, 0.975, axis=0, method="inverted_cdf").tolist()


@given(st.integers(1, 7), st.data())
def test_entries_share_a_letter_exactly_when_not_separable(entries, data):
    pairs = list(itertools.combinations(range(entries), 2))
    separable = set(data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])
    letters = tie_groups(entries, separable)
    for first, second in pairs:
        assert bool(set(letters[first]) & set(letters[second])) == ((first, second) not in separable)
    assert all(letters)


def test_holm_multiplies_the_smallest_by_the_number():
    p = np.array([0.2, 0.001, 0.02, 0.02])
    np.testing.assert_allclose(holm(p), [0.2, 0.004, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_a_verdict_names_the_better_one(results):
    found = compare(results["good"], results["noise"])
    assert found.verdict.startswith("good agrees with people better than noise: AUROC ")
    assert [row.subset for row in found.differences] == ["one", "two", "overall"]
    turned = compare(results["noise"], results["good"])
    assert turned.verdict.startswith("good agrees with people better than noise: AUROC ")
    for row, other in zip(found.differences, turned.differences, strict=True):
        assert (row.difference, row.p) == (pytest.approx(-other.difference), other.p)
        assert (row.wins, row.losses) == (other.losses, other.wins)
    main_row = found.main
    assert main_row.a == pytest.approx(results["good"].overall.metrics["auroc"].mean)
    gaps = [abs(row["difference"]) for row in found.prompts]
    assert gaps == sorted(gaps, reverse=True)
    assert len(gaps) == main_row.prompts == results["good"].overall.prompts_used


def test_what_is_not_settled_is_said_to_be_not(results):
    same = compare(results["good"], results["good"].model_copy(deep=True))
    assert same.verdict.startswith("Whether good or good agrees with people better is not settled: ")
    assert same.main.p == 1


def test_entries_are_grouped_and_ranked(results):
    frame = separate(list(results.values()))
    overall = frame[frame["subset"] == "overall"]
    assert overall["entry"].tolist()[0] == "good"
    assert overall["entry"].tolist()[-1] == "noise"
    assert not set(overall["group"].iloc[0]) & set(overall["group"].iloc[-1])
    assert (overall["rank_low"] <= overall["rank"]).all()
    assert (overall["rank"] <= overall["rank_high"]).all()


def test_what_can_not_be_compared_is_refused(results):
    good = results["good"]
    with pytest.raises(UnknownNameError, match=r"Unknown metric 'aurocc'\. Did you mean 'auroc'"):
        compare(good, results["fair"], "aurocc")
    other = good.model_copy(update={"benchmark": good.benchmark.model_copy(update={"votes_fingerprint": "x"})})
    with pytest.raises(ResultError, match="are not on the same benchmark"):
        compare(good, other)
    with pytest.raises(ResultError, match="have other resamples"):
        compare(good, good.model_copy(update={"seed": 9}))
    with pytest.raises(ResultError, match="values for different items"):
        compare(good, good.model_copy(update={"prompts": good.prompts[:-1]}))
    with pytest.raises(ResultError, match="needs at least two results, got 1"):
        separate([good])


def test_the_command_prints_verdict_table_and_figure(results, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    paths = [str(result.save(tmp_path / f"{name}.json")) for name, result in results.items()]
    assert main(["compare", *paths[:2], "--figure", str(tmp_path / "out" / "difference.png")]) == 0
    out = capsys.readouterr().out
    assert "good agrees with people better than fair" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    from PIL import Image

    with Image.open(tmp_path / "out" / "difference.png") as image:
        assert image.width > 800
    assert main(["compare", *paths]) == 0
    assert "group" in capsys.readouterr().out
    assert main(["compare", *paths[:2], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"].startswith("good")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["good.json"], 2, "Expected at least two score tables or results, got 1"),
        (["good.json", "fair.json", "noise.json", "--figure", "a.png"], 2, "--figure draws the differences of two"),
        (["good.json", "fair.json", "--figure", "a.gif"], 1, "Expected a file ending in .png, .pdf, .svg"),
        (["good.json", "gone.json"], 1, "Can't read a result from gone.json"),
        (["good.json", "fair.json", "--metric", "auc"], 1, "Unknown metric 'auc'"),
    ],
)
def test_errors_are_one_line(results, tmp_path, capsys, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    for name, result in results.items():
        result.save(tmp_path / f"{name}.json")
    assert main(["compare", *words]) == code
    err = capsys.readouterr().err
    assert message in " ".join(err.split())
    assert "Traceback" not in err
