"""Preferences between two items: figures against literal implementations, intervals, errors."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

import tia2
from tia2.benchmark import load
from tia2.benchmark.published import datasets as published
from tia2.errors import ResultError
from tia2.evaluation.pairs import Preferences, compare_pairs, evaluate_pairs
from tia2.evaluation.pairs.evaluate_pairs import errors_correlation
from tia2.evaluation.pairs.measures import accuracy, accuracy_with_ties, best_temperature, best_threshold, log_loss
from tia2.scoring import import_scores

SHARED = Path(__file__).resolve().parents[4] / "shared" / "external" / "mj_bench"
MODELS = {
    "clipscore_eval": ("CLIP", "clip", 0.622),
    "clipscore_eval_v2": ("CLIP v2", "clip_v2", 0.635),
    "ImageReward_eval": ("ImageReward", "imagereward", 0.640),
    "blipscore_eval": ("BLIP", "blip", 0.614),
    "HPSv2score_eval": ("HPSv2", "hpsv2", 0.664),
    "pickscore_eval": ("PickScore", "pickscore", 0.751),
}


def drawn(seed, pairs=60, levels=6):
    """Differences and preferences in which both sides tie often."""
    rng = np.random.default_rng(seed)
    differences = rng.integers(-levels, levels + 1, pairs) / 2
    preferred = np.where(rng.random(pairs) < 0.3, 0.5, (differences + rng.normal(0, 2, pairs) > 0).astype(float))
    return differences, preferred


def literal(differences, preferred, threshold):
    """The five counts of Deutsch et al. 2023, one pair at a time."""
    counts = dict.fromkeys(("C", "D", "T_h", "T_m", "T_hm"), 0)
    for difference, preference in zip(differences, preferred, strict=True):
        tied = abs(difference) <= threshold
        if preference == 0.5:
            counts["T_hm" if tied else "T_h"] += 1
        elif tied:
            counts["T_m"] += 1
        else:
            counts["C" if (difference > 0) == (preference == 1) else "D"] += 1
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_accuracies_equal_their_definitions(seed):
    differences, preferred = drawn(seed)
    counts = literal(differences, preferred, 0)
    hits, weights = accuracy(differences, preferred)
    expected = (counts["C"] + counts["T_m"] / 2) / (counts["C"] + counts["D"] + counts["T_m"])
    assert hits.sum() / weights.sum() == pytest.approx(expected, abs=1e-12)

    def with_ties(threshold):
        counts = literal(differences, preferred, threshold)
        return (counts["C"] + counts["T_hm"]) / sum(counts.values())

    for threshold in (0.0, 0.5, 1.7):
        hits, weights = accuracy_with_ties(differences, preferred, threshold)
        assert hits.sum() / weights.sum() == pytest.approx(with_ties(threshold), abs=1e-12)
    candidates = sorted({0.0, *np.abs(differences)})
    scores = [with_ties(threshold) for threshold in candidates]
    assert best_threshold(differences, preferred) == candidates[int(np.argmax(scores))]


def test_log_loss_and_temperature():
    differences = np.array([2.0, -1.0, 0.5])
    shares = np.array([1.0, 0.25, 0.5])
    expected = [
        -(share * math.log(1 / (1 + math.exp(-d / 2))) + (1 - share) * math.log(1 - 1 / (1 + math.exp(-d / 2))))
        for d, share in zip(differences, shares, strict=True)
    ]
    assert log_loss(differences, shares, 2.0) == pytest.approx(expected, abs=1e-12)
    rng = np.random.default_rng(0)
    differences = rng.normal(0, 3, 20_000)
    shares = (rng.random(20_000) < 1 / (1 + np.exp(-differences / 1.5))).astype(float)
    assert best_temperature(differences, shares) == pytest.approx(1.5, rel=0.1)


def values_of(items, numbers, name="A"):
    rows = [{"item_id": item, "subset": "s", "prompt_id": item, "prompt": item, "human_score": 0.5} for item in items]
    table = import_scores(load(Dataset.from_list(rows)), dict(zip(items, numbers, strict=True)), name=name)
    return tia2.calibrate([table])


@pytest.fixture(scope="module")
def judged():
    """Forty prompts with three images each, all pairs of them, three votes a pair, prompts easy or hard."""
    rng = np.random.default_rng(4)
    items, rows, numbers = [], [], []
    for prompt in range(40):
        quality = rng.normal(0, 1, 3)
        numbers += (quality * rng.choice([1, -0.3], p=[0.8, 0.2]) + rng.normal(0, 0.5, 3)).tolist()
        items += [f"{prompt}/{image}" for image in range(3)]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            gap = quality[a] - quality[b] + rng.normal(0, 0.6, 3)
            votes = ["tie" if abs(g) < 0.2 else "a" if g > 0 else "b" for g in gap]
            pair = {"prompt_id": f"p{prompt}", "item_a": f"{prompt}/{a}", "item_b": f"{prompt}/{b}"}
            rows.append({**pair, "preference": votes})
    return Preferences.of(rows), items, numbers


def test_the_figures_of_an_entry(judged):
    pairs, items, numbers = judged
    result = evaluate_pairs(pairs, values_of(items, numbers), resamples=2000)
    of_item = dict(zip(items, np.float32(numbers).astype(float), strict=True))
    differences = np.array([of_item[a] - of_item[b] for a, b in zip(pairs.first, pairs.second, strict=True)])
    decided = pairs.preferred != 0.5
    right = (differences > 0) == (pairs.preferred == 1)
    assert result.figures["accuracy"].mean == pytest.approx(right[decided].mean(), abs=1e-12)
    assert (result.pairs, result.prompts, result.ties) == (120, 40, int((~decided).sum()))
    votes = [[vote for vote in row if vote == vote] for row in pairs.votes]
    agreed = [np.mean([1 - abs(vote - (d > 0)) for vote in row]) for d, row in zip(differences, votes, strict=True)]
    assert result.figures["held_out_vote"].mean == pytest.approx(np.mean(agreed), abs=1e-12)
    majority = [
        1 - abs(vote - (0.5 if sum(others) == 1 else float(sum(others) > 1)))
        for row in votes
        for vote, others in ((row[n], row[:n] + row[n + 1 :]) for n in range(3))
    ]
    assert result.annotator.mean == pytest.approx(np.mean(majority), abs=1e-12)
    assert result.figures["tie_cross_validated"].mean <= result.figures["tie_calibrated"].mean
    for interval in result.figures.values():
        assert interval.low < interval.mean < interval.high
    # Literally: prompts drawn with replacement, with all their pairs.
    rng = np.random.default_rng(1)
    groups = [np.flatnonzero(pairs.prompts == prompt) for prompt in range(40)]
    means = []
    for _ in range(2000):
        chosen = np.concatenate([groups[prompt] for prompt in rng.integers(0, 40, 40)])
        means.append(right[chosen][decided[chosen]].mean())
    width = result.figures["accuracy"].high - result.figures["accuracy"].low
    assert width == pytest.approx(np.subtract(*np.quantile(means, [0.975, 0.025])), rel=0.1)


def test_differences_are_paired(judged):
    pairs, items, numbers = judged
    a, b = values_of(items, numbers), values_of(items, -np.array(numbers), "B")
    gap = compare_pairs(pairs, a, b, resamples=500)["accuracy"]
    alone = [evaluate_pairs(pairs, values, resamples=500).figures["accuracy"].mean for values in (a, b)]
    assert gap.mean == pytest.approx(alone[0] - alone[1], abs=1e-12)
    assert errors_correlation(pairs, a, b) == pytest.approx(-1)
    assert compare_pairs(pairs, a, a, resamples=50)["log_loss"] == (0, 0, 0)


def test_intervals_cover_the_truth():
    """Prompts differ in how hard they are, and pairs share images; the long-run accuracy is known."""
    from tia2.evaluation.pairs.evaluate_pairs import _interval

    rng = np.random.default_rng(9)
    runs, prompts, covered, naive = 400, 60, 0, 0
    names = np.repeat([f"p{number}" for number in range(prompts)], 3)
    frame = Preferences(names, names, names, np.ones((3 * prompts, 1)))
    truth = 0.7
    for _ in range(runs):
        hard = rng.beta(2.1, 0.9, prompts)
        shared = rng.random(prompts) < 0.4
        hits = rng.random((prompts, 3)) < hard[:, None]
        hits[shared] = hits[shared, :1]
        figure = _interval(frame, hits.ravel().astype(float), np.ones(3 * prompts), 0, 400)
        covered += figure.low <= truth <= figure.high
        half = 1.96 * math.sqrt(figure.mean * (1 - figure.mean) / (3 * prompts))
        naive += abs(figure.mean - truth) <= half
    assert 0.93 <= covered / runs <= 0.975
    assert naive / runs < 0.9


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "lack prompt_id, item_a, item_b, preference"),
        (
            [{"prompt_id": "p", "item_a": "x", "item_b": "y", "preference": "c"}],
            "expected the preference as a, b or tie",
        ),
        ([{"prompt_id": "p", "item_a": "x", "item_b": "y", "preference": None}], "Pair 0 has no preference"),
        ([{"prompt_id": "p", "item_a": "x", "item_b": "x", "preference": "a"}], "Pair 0 is of 'x' twice"),
        ([{"prompt_id": "p", "item_a": "x", "preference": "a"}], "The pairs lack item_b"),
    ],
)
def test_what_is_no_preference(rows, message):
    with pytest.raises(ResultError) as raised:
        Preferences.of(rows)
    assert message in str(raised.value)


def test_items_without_a_value(judged):
    pairs, items, numbers = judged
    with pytest.raises(ResultError, match="2 items of the pairs have no value, first '0/0'"):
        evaluate_pairs(pairs, values_of(items[1:], numbers[1:]))


def test_rankings_and_files(tmp_path):
    pairs = Preferences.of_rankings({"p": [{"x": 1, "y": 2, "z": 2}, {"x": 2, "y": 1, "z": 3}]})
    assert list(zip(pairs.first, pairs.second, strict=True)) == [("x", "y"), ("x", "z"), ("y", "z")]
    assert pairs.votes.tolist() == [[1, 0], [1, 1], [0.5, 1]]
    assert pairs.preferred.tolist() == [0.5, 1, 1]
    pairs.save(tmp_path / "p.parquet")
    again = Preferences.of(tmp_path / "p.parquet")
    assert again.votes.tolist() == pairs.votes.tolist()
    (tmp_path / "p.csv").write_text("prompt_id,item_a,item_b,preference\np,x,y,A\np,x,z,tie\n")
    assert Preferences.of(tmp_path / "p.csv").preferred.tolist() == [1, 0.5]


@pytest.fixture(scope="module")
def mj_bench(tmp_path_factory):
    """MJ-Bench's files in upstream's layout, made of the numbers beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the upstream material beside the checkout")
    folder = tmp_path_factory.mktemp("mj_bench")
    with (SHARED / "pick_a_pic_validation_pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for stem, (_, column, _) in MODELS.items():
        key = "prob" if stem == "pickscore_eval" else "score"
        content = [
            {
                "id": int(row["pair"]),
                "caption": "withheld",
                "label": row["label"],
                f"{key}_0": float(row[f"{column}_0"]),
                f"{key}_1": float(row[f"{column}_1"]),
            }
            for row in rows
        ]
        (folder / f"validation_{stem}_0.00.json").write_text(json.dumps(content))
    dataset = published.DATASETS["mj-bench"]
    return dataset.read(folder)[0], dataset


@pytest.mark.upstream
def test_mj_bench(mj_bench, tmp_path, cli):
    part, dataset = mj_bench
    benchmark = published.benchmark_of(part, dataset)
    pairs = Preferences.of(part.pairs)
    pairs.save(tmp_path / "pairs.parquet")
    values = {}
    for scores in part.scores:
        table = import_scores(benchmark, scores.rewards, name=scores.name, out=tmp_path / scores.name)
        values[scores.name] = tia2.calibrate([table])
    for name, _, figure in MODELS.values():
        assert evaluate_pairs(pairs, values[name], resamples=20).figures["accuracy"].mean == pytest.approx(
            figure, abs=0.002
        )
    for a, b, figure in (
        ("PickScore", "HPSv2", 0.44),
        ("ImageReward", "HPSv2", 0.43),
        ("ImageReward", "PickScore", 0.34),
        ("CLIP v2", "PickScore", 0.18),
    ):
        assert errors_correlation(pairs, values[a], values[b]) == pytest.approx(figure, abs=0.006)
    assert "withheld" in benchmark.items["prompt"].iloc[0]
    said = cli("pairs", tmp_path / "pairs.parquet", tmp_path / "PickScore", tmp_path / "HPSv2", "--json")
    assert said.code == 0, said.err
    listing = json.loads(said.out)
    assert [entry["name"] for entry in listing] == ["PickScore", "HPSv2"]
    assert listing[1]["phi_with_best"] == pytest.approx(0.441, abs=0.001)
    shown = cli("pairs", tmp_path / "pairs.parquet", tmp_path / "PickScore", tmp_path / "HPSv2")
    assert "500 pairs of 500 prompts; people tie 75." in shown.out


def test_pick_a_pics_own_layout_is_read(tmp_path):
    rows = [
        {"caption": "a cat", "image_0_uid": "x", "image_1_uid": "y", "label_0": 1.0, "label_1": 0.0, "has_label": True},
        {"caption": "a cat", "image_0_uid": "x", "image_1_uid": "z", "label_0": 0.5, "label_1": 0.5, "has_label": True},
        {"caption": "a dog", "image_0_uid": "u", "image_1_uid": "v", "label_0": 0.0, "label_1": 1.0, "has_label": True},
        {
            "caption": "a dog",
            "image_0_uid": "u",
            "image_1_uid": "w",
            "label_0": None,
            "label_1": None,
            "has_label": False,
        },
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "pairs.parquet")
    pd.DataFrame(rows).to_csv(tmp_path / "pairs.csv", index=False)
    for name in ("pairs.parquet", "pairs.csv"):
        pairs = Preferences.of(tmp_path / name)
        assert pairs.prompt_ids.tolist() == ["a cat", "a cat", "a dog"]
        assert (pairs.first.tolist(), pairs.second.tolist()) == (["x", "x", "u"], ["y", "z", "v"])
        assert pairs.preferred.tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(ResultError, match=r"Pair 0: the labels of Pick-a-Pic are 0\.3 and 0\.7;"):
        Preferences.of([{**rows[0], "label_0": 0.3, "label_1": 0.7}])
