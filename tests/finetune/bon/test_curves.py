"""Best-of-n curves of score tables: means, intervals, peaks, files, hostile input, speed."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tia2
from tia2.errors import ResultError, ScoreTableError, Tia2Error, UnknownNameError
from tia2.evaluation.bootstrap import interval, resample_counts
from tia2.finetune import BestOfNResult, best_of_n, best_of_n_curves, best_of_n_kl
from tia2.finetune.bon.curves import usual_numbers


def prompt_rows(values, subset):
    """Return the row numbers of each prompt's items, in natural order of the prompts."""
    groups = values.items[values.items["subset"] == subset].groupby("prompt_id", sort=False).groups
    return [groups[name].to_numpy() for name in sorted(groups, key=lambda name: int(name.split("/")[1]))]


def test_curves_are_the_estimator_prompt_by_prompt(random_values):
    values = random_values()
    result = best_of_n_curves(values, n=[2, 5, 20])
    assert (result.n, result.limit) == ([1, 2, 5, 20], 5)
    assert result.kl == best_of_n_kl([1, 2, 5, 20]).tolist()
    human = values.items["human_score"].to_numpy()
    means = {}
    for subset in ("counting", "composition"):
        rows = prompt_rows(values, subset)
        gold = np.array([best_of_n(values.values[row], human[row], result.n) for row in rows])
        oracle = np.array([best_of_n(human[row], human[row], result.n) for row in rows])
        part = result.subsets[subset]
        means[subset] = gold.mean(axis=0)
        np.testing.assert_allclose(part.gold.mean, means[subset], atol=1e-12)
        np.testing.assert_allclose(part.oracle.mean, oracle.mean(axis=0), atol=1e-12)
        assert part.gold.mean[0] == pytest.approx(np.mean([human[row].mean() for row in rows]), abs=1e-12)
        # The resamples are those of every other evaluation.
        counts = resample_counts(len(rows), result.resamples, result.seed, subset)
        ends = [interval(counts @ gold[:, k] / len(rows), [gold[:, k]]) for k in range(4)]
        np.testing.assert_allclose(np.array([part.gold.low, part.gold.high]).T, ends, atol=1e-12)
        frame = result.per_prompt[result.per_prompt["subset"] == subset].set_index("prompt_id")
        expected = [frame.loc[f"{subset}/{row}", "gold@5"] for row in range(len(rows))]
        np.testing.assert_allclose(expected, gold[:, 2], atol=1e-12)
    np.testing.assert_allclose(result.overall.gold.mean, np.mean(list(means.values()), axis=0), atol=1e-12)
    np.testing.assert_allclose(
        result.overall.gain.mean, np.subtract(result.overall.gold.mean, result.overall.gold.mean[0]), atol=1e-12
    )


def test_the_order_of_the_table_and_a_monotone_transform_change_nothing(random_values):
    values = random_values(noise=2.0)
    order = np.random.default_rng(0).permutation(len(values))
    subsets = values.items["subset"].iloc[order].to_numpy()
    order = np.concatenate([order[subsets == name] for name in ("counting", "composition")])
    shuffled = replace(values, items=values.items.iloc[order].reset_index(drop=True), values=values.values[order])
    rising = replace(values, values=np.exp(values.values))
    first = best_of_n_curves(values)
    for other in (best_of_n_curves(shuffled), best_of_n_curves(rising)):
        np.testing.assert_allclose(other.overall.gold.mean, first.overall.gold.mean, atol=1e-12)
        np.testing.assert_allclose(other.overall.gold.high, first.overall.gold.high, atol=1e-12)
        assert other.overall.peak.model_dump(include={"n", "low", "high", "chosen"}) == first.overall.peak.model_dump(
            include={"n", "low", "high", "chosen"}
        )


def test_a_proxy_that_is_hacked_peaks_inside(hacked_values):
    result = best_of_n_curves(hacked_values())
    part = result.overall
    assert result.limit == 10
    assert part.peak.inside
    assert 1 < part.peak.n < 10
    assert part.peak.low <= part.peak.n <= part.peak.high < 10
    assert part.peak.drop.low > 0
    assert part.peak.gain.low > 0
    assert len(part.peak.chosen) == 2
    assert part.fit.beta.low > 0
    assert 1 < part.fit.peak_n < 10
    assert part.fit.rms == pytest.approx(np.sqrt(np.mean(np.square(part.fit.residuals[1:]))))
    assert np.diff(part.proxy.mean).min() > 0
    assert result.findings[0].startswith("hacked over-optimises: the gold peaks at n = ")
    assert best_of_n_curves(hacked_values(), limit=2).overall.peak.inside is False
    assert "no peak within n ≤ 2" in best_of_n_curves(hacked_values(), limit=2).findings[0]


def test_an_honest_proxy_does_not_peak(random_values):
    result = best_of_n_curves(random_values(subsets={"counting": 60}, noise=0.3, seed=1))
    peak = result.overall.peak
    assert not peak.inside
    assert peak.high == result.limit
    assert peak.gain.low > 0
    assert result.parts.keys() == {"counting"}
    assert result.overall == result.subsets["counting"]


def test_drop_is_measured_on_the_prompts_that_did_not_choose(hacked_values):
    values = hacked_values(prompts=9)
    result = best_of_n_curves(values)
    human, end = values.items["human_score"].to_numpy(), result.n.index(result.limit)
    numbers = result.n[: end + 1]
    gold = np.array([best_of_n(values.values[row], human[row], numbers) for row in prompt_rows(values, "counting")])
    even, odd = gold[0::2], gold[1::2]
    chosen = [int(half.mean(axis=0).argmax()) for half in (even, odd)]
    assert result.overall.peak.chosen == [numbers[column] for column in chosen]
    drops = np.concatenate([even[:, chosen[1]] - even[:, -1], odd[:, chosen[0]] - odd[:, -1]])
    assert result.overall.peak.drop.mean == pytest.approx(drops.mean(), abs=1e-12)


@pytest.mark.slow
def test_flat_curves_are_rarely_called_peaks(random_values):
    """A proxy that knows nothing: the chance of a false peak is what the test allows, 5 %."""
    false = sum(
        best_of_n_curves(random_values({"counting": 20}, 16, noise=1e6, seed=seed), resamples=500).overall.peak.inside
        for seed in range(300)
    )
    assert false <= 28  # Binomial with 5 %: above 28 in less than 1 of 1,000.


def test_constant_gold_and_constant_proxy(values_from):
    rng = np.random.default_rng(0)
    flat = best_of_n_curves(values_from({"counting": np.full((6, 12), 0.5)}, {"counting": rng.normal(size=(6, 12))}))
    assert set(flat.overall.gold.mean) == {0.5}
    assert (flat.overall.peak.inside, flat.overall.peak.low, flat.overall.peak.high) == (False, 1, 3)
    silent = best_of_n_curves(values_from({"counting": rng.integers(0, 2, (6, 12))}, {"counting": np.ones((6, 12))}))
    np.testing.assert_allclose(silent.overall.gain.mean, 0, atol=1e-12)
    np.testing.assert_allclose(silent.overall.proxy_gain.mean, 0, atol=1e-12)
    np.testing.assert_allclose(silent.overall.kl_with_ties, 0, atol=1e-12)
    assert not silent.overall.peak.inside
    assert {prompt.distinct for prompt in silent.prompts} == {1}
    # All prompts fall alike: there is no noise, and no doubt.
    gold = np.tile([0.0] * 3 + [1.0] * 8 + [0.0], (6, 1))
    sure = best_of_n_curves(values_from({"counting": gold}, {"counting": np.tile(np.arange(12.0), (6, 1))}), limit=12)
    assert (sure.overall.peak.inside, sure.overall.peak.low, sure.overall.peak.high) == (True, 2, 2)


def test_few_prompts_few_items(values_from):
    one = best_of_n_curves(values_from({"a": [[0, 1, 1, 0]]}, {"a": [[1, 2, 3, 4]]}))
    assert one.overall.gold.mean == pytest.approx([0.5, 0.5, 0.25, 0.0])
    assert all(math.isnan(low) for low in one.overall.gold.low)
    assert one.overall.peak is None
    assert "too few prompts" in one.findings[0]
    single = best_of_n_curves(values_from({"a": [[1], [0]]}, {"a": [[3], [4]]}))
    assert (single.n, single.limit, single.overall.peak, single.overall.fit) == ([1], 1, None, None)
    three = best_of_n_curves(values_from({"a": np.eye(3, 8)}, {"a": np.tile(np.arange(8), (3, 1))}))
    assert three.overall.peak.chosen == []
    assert math.isnan(three.overall.peak.drop.mean)
    for result in (one, single, three):
        assert repr(result)
        assert BestOfNResult.model_validate_json(result.model_dump_json()).overall.peak is None or result is three


def test_items_without_a_reward_are_left_out(random_values):
    values = random_values({"a": 4}, items=8)
    numbers = values.values.copy()
    numbers[:6] = np.nan
    partial = replace(values, values=numbers)
    with pytest.warns(UserWarning, match="1 of 4 prompts have fewer than 8 scored items and are left out.*a/0"):
        result = best_of_n_curves(partial)
    assert (result.prompts_left_out, len(result.prompts), result.n[-1]) == (["a/0"], 3, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(best_of_n_curves(partial, n=[2]).prompts) == 4


def test_golds(random_values):
    values = random_values()
    labels = best_of_n_curves(values, gold="label")
    assert labels.gold == "label"
    assert labels.overall.gold.mean[0] == pytest.approx(
        np.mean(
            [values.items.loc[values.items["subset"] == name, "label"].mean() for name in ("counting", "composition")]
        )
    )
    custom = best_of_n_curves(values, gold=values.items["label"].to_numpy())
    assert custom.gold == "custom"
    assert custom.gold_fingerprint == labels.gold_fingerprint
    assert custom.overall == labels.overall
    assert best_of_n_curves(values).gold_fingerprint != labels.gold_fingerprint


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"gold": "human_scor"}, UnknownNameError, "Unknown gold 'human_scor'. Did you mean 'human_score'"),
        ({"gold": "prompt"}, UnknownNameError, "Available: human_score, label."),
        ({"gold": [1.0, 2.0]}, ResultError, r"Expected the gold of each of the 500 items, got shape \(2,\)."),
        (
            {"gold": np.full(500, np.nan)},
            ResultError,
            "NaN or infinite for 500 items, the first is counting/image_0_0_0.",
        ),
        ({"gold": np.full(500, "a")}, ResultError, "The gold must be real numbers"),
        ({"n": [21]}, ResultError, "n must be from 1 to the 20 scored items of a prompt, got 21."),
        ({"n": [0, 2]}, ResultError, "got 0."),
        ({"n": [True]}, ResultError, "n must be a whole number"),
        ({"n": [1.5]}, ResultError, "n must be a whole number"),
        ({"limit": 21}, ResultError, "The limit must be a whole number from 1 to the largest n, 20, got 21."),
        ({"limit": 0}, ResultError, "got 0."),
        ({"limit": True}, ResultError, "got True."),
        ({"seed": -1}, ResultError, "The seed must be a whole number of at least 0, got -1."),
        ({"resamples": 0}, ResultError, "The number of resamples must be a whole number of at least 1, got 0."),
        ({"calibration": lambda table: table.raw}, ResultError, "toy is calibrated already"),
    ],
)
def test_hostile_options(random_values, options, error, message):
    with pytest.raises(error, match=message):
        best_of_n_curves(random_values(), **options)


def test_hostile_sources(tmp_path):
    for source in ([], tmp_path / "nothing", tmp_path, 3, pd.DataFrame()):
        with pytest.raises(Tia2Error):
            best_of_n_curves(source)
    with pytest.raises(ScoreTableError, match="holds no score table"):
        best_of_n_curves(tmp_path)


def test_saved_values_and_score_tables_give_the_same(embedded, tmp_path):
    from tia2.evaluation.values import values_of

    table = embedded["mini-vivid"]
    path = values_of([table]).save(tmp_path / "values.parquet")
    assert best_of_n_curves(path).overall == best_of_n_curves(table).overall


def test_files(random_values, tmp_path):
    result = best_of_n_curves(random_values(), resamples=50)
    path = result.save(tmp_path / "new" / "curves.json")
    assert BestOfNResult.load(path).model_dump_json() == result.model_dump_json()
    assert best_of_n_curves(random_values(), resamples=50) == result
    assert [file.name for file in path.parent.iterdir()] == ["curves.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "Can't read best-of-n curves from"),
        ("[1", "it isn't JSON"),
        ("{}", "holds no best-of-n curves. BestOfNResult.save writes such files."),
        ({"schema_version": 2}, "has schema version 2, this tia2 reads 1"),
        ({"limit": "many"}, "limit: Input should be a valid integer"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
    ],
)
def test_damaged_files(random_values, tmp_path, change, message):
    path = tmp_path / "curves.json"
    if isinstance(change, str):
        path.write_text(change, encoding="utf-8")
    elif change is not None:
        content = json.loads(best_of_n_curves(random_values(), resamples=10).model_dump_json())
        path.write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(ResultError, match=message):
        BestOfNResult.load(path)


def test_repr_fits_a_screen(hacked_values, random_values):
    for result in (best_of_n_curves(hacked_values()), best_of_n_curves(random_values({"a" * 40: 8, "b": 9}, 300))):
        lines = repr(result).splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) <= 8


def test_frames(random_values):
    result = best_of_n_curves(random_values())
    curves = result.curves
    assert len(curves) == 3 * len(result.n)
    assert curves.columns[:5].tolist() == ["subset", "n", "kl", "kl_with_ties", "gold"]
    assert curves.loc[curves["n"] > result.limit, "residual"].isna().all()
    frame = result.per_prompt
    assert frame["gain"].is_monotonic_increasing
    assert len(frame) == 25
    np.testing.assert_allclose(frame["gain"], frame[f"gold@{result.limit}"] - frame["gold@1"], atol=1e-12)
    assert (frame["error"] > 0).all()


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 7, 50, 10_000])
def test_usual_numbers(items):
    numbers = usual_numbers(items)
    assert numbers == sorted(set(numbers))
    assert {1, max(1, items // 4), items} <= set(numbers)
    assert max(numbers) == items


def test_tia2_in_two_seconds(random_values):
    values = random_values({"comprehensive": 100, "counting": 150, "composition": 300}, items=50)
    best_of_n_curves(random_values())  # What is imported and drawn once.
    begin = time.process_time()
    best_of_n_curves(values, seed=1)
    assert time.process_time() - begin < 2


def test_the_package_resolves_from_tia2():
    assert tia2.finetune.best_of_n_curves is best_of_n_curves
