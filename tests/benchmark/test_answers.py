"""What people answered is right or refused when a benchmark is loaded, by item and value."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest

from tia2.benchmark import export, human_score, load, with_contrastive_prompts
from tia2.errors import BenchmarkError

SLIDERS = Path(__file__).resolve().parents[3] / "shared" / "cases" / "r04_slider_votes.parquet"
NAN = float("nan")


def table(**columns) -> datasets.Dataset:
    """Two items of each of two prompts, from plain Python values of any type."""
    base = {
        "item_id": ["a/0", "a/1", "a/2", "a/3"],
        "subset": ["a"] * 4,
        "prompt_id": ["a/p", "a/p", "a/q", "a/q"],
        "prompt": ["p", "p", "q", "q"],
        "votes": [[1, 1, 1], [0, 0, 1], [1, 0, 0], [1, 1, 0]],
    } | columns
    return datasets.Dataset(pa.table({name: values for name, values in base.items() if values is not None}))


def votes(first, *, kind=None, **columns) -> datasets.Dataset:
    """A table whose first item has these votes."""
    others = [[0, 0, 1], [1, 0, 0], [1, 1, 0]]
    values = [first, *others] if kind is None else pa.array([first, *others], kind)
    return table(votes=values, **columns)


@pytest.mark.parametrize(
    ("given", "whole", "score"),
    [
        ([1.0, 0.0, -1.0], [1, 0, -1], 0.5),
        ([1.0, None, 1.0], [1, 1], 1.0),
        ([1.0, NAN, 0.0], [1, 0], 0.5),
    ],
)
def test_whole_numbers_are_votes_and_nothing_is_no_vote(given, whole, score):
    benchmark = load(votes(given, kind=pa.list_(pa.float64())))
    assert benchmark.items["votes"][0] == whole
    assert benchmark.items["human_score"][0] == score
    assert benchmark.items["votes"][1] == [0, 0, 1]


def test_booleans_are_votes():
    rows = [[True, False], [False], [True], [True, None]]
    benchmark = load(table(votes=rows))
    assert benchmark.items["votes"].tolist() == [[1, 0], [0], [1], [1]]
    assert human_score([True, 1.0, None, NAN, np.int8(0)]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        ({"votes": [[0.75, 0.75, 1.0]] * 4}, r"\[0\.75, 0\.75, 1\.0\]: 0\.75 is none"),
        ({"votes": [[1.9, 0.0]] * 4}, r"1\.9 is none"),
        ({"votes": [["1", "0", "1"]] * 4}, "'1' is none"),
        ({"votes": ["110"] * 4}, r"as a list, such as \[1, 0, -1\], got '110'"),
        ({"votes": ["yes"] * 4}, "as a list, .* got 'yes'"),
        ({"votes": [1] * 4}, "as a list, .* got 1"),
        ({"votes": [{"no": 1, "yes": 2}] * 4}, "as a list, .* got {'no': 1, 'yes': 2}"),
        ({"votes": [[{"vote": 1}]] * 4}, "{'vote': 1} is none"),
        ({"votes": [[[1], [0]]] * 4}, r"\[1\] is none"),
        ({"votes": [b"110"] * 4}, "as a list, .* got b'110'"),
        ({"votes": [[200, 150, 3]] * 4}, "200 is none"),
        ({"votes": [[float("inf")]] * 4}, "inf is none"),
        ({"votes": [[2**40]] * 4}, f"{2**40} is none"),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"human_score": [0.5, 0.5, 0.5, 0.5]}], ids=["alone", "beside a score"])
def test_anything_else_is_refused_with_what_to_do(columns, value, beside):
    message = (
        rf"^Benchmark 'dataset', item 'a/0': Expected votes of 1 \(aligned\).*{value}.* leave the column votes out"
    )
    with pytest.raises(BenchmarkError, match=message) as caught:
        load(table(**columns, **beside))
    assert "\n" not in str(caught.value)


def test_items_without_any_vote_need_a_score():
    empty = pa.array([[None, None], [0], [1], [1]], pa.list_(pa.int8()))
    with pytest.raises(BenchmarkError, match=r"item 'a/0': An item has no votes"):
        load(table(votes=empty))
    scores = [0.2, 0.0, 1.0, 1.0]
    assert load(table(votes=empty, human_score=scores)).items["votes"].tolist() == [[], [0], [1], [1]]


@pytest.mark.skipif(not SLIDERS.is_file(), reason="needs the cases beside the checkout")
def test_sliders_beside_a_score_are_refused_before_anything_is_scored(cli, tmp_path):
    said = cli("score", "--reward", "mini-strong", "--benchmark", SLIDERS, "--out", tmp_path / "t")
    assert said.code == 1
    assert said.err.startswith("error: Benchmark 'r04_slider_votes', item ")
    assert "leave the column votes out" in said.err
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"human_score": [0.0, 1 / 3, 1 / 3, 2 / 3]}, r"'a/0': the human_score 0 contradicts the votes \[1, 1, 1\]"),
        ({"human_score": [5, 1, 2, 4], "label": [True, False, False, True]}, "the human_score 5 contradicts the votes"),
        ({"label": [True, False, False, False]}, r"item 'a/3': the label false contradicts the human_score 0\.666667"),
        (
            {"votes": None, "human_score": [0.5, 0.1, 0.9, 0.8], "label": [True, False, True, True]},
            r"item 'a/0': the label true contradicts the human_score 0\.5; aligned means above 0\.5",
        ),
        (
            {"votes": None, "human_score": [5, 1, 2, 4], "label": [False, True, False, True]},
            "item 'a/1': the label true contradicts the human_score 1; aligned means more than 5",
        ),
    ],
)
def test_columns_that_contradict_each_other_are_refused(columns, message):
    with pytest.raises(BenchmarkError, match=f"{message}.*how_made"):
        load(table(**columns))


def test_a_contradiction_that_the_card_explains_is_taken(tmp_path):
    columns = {"human_score": [0.1, 1 / 3, 1 / 3, 2 / 3], "label": [False, False, False, True]}
    how = {"human_score": "mean of twenty ratings, of which the votes are three"}
    assert load(table(**columns), how_made=how).items["human_score"].tolist() == columns["human_score"]
    table(**columns).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BenchmarkError, match=r"contradicts the votes.*how_made: \{human_score: …\}.*README\.md"):
        load(tmp_path)
    (tmp_path / "README.md").write_text(f"---\nhow_made:\n  human_score: {json.dumps(how['human_score'])}\n---\nText\n")
    assert load(tmp_path).how_made == how
    export(load(tmp_path), tmp_path / "copy", allow_missing=True)
    assert load(tmp_path / "copy").items["human_score"].tolist() == columns["human_score"]


def test_rounded_scores_contradict_nothing():
    assert load(table(human_score=[1, 0.33, 0.33, 0.67])).items["label"].tolist() == [True, False, False, True]
    half = {"votes": [[1, 0], [0], [0], [1]]}
    with pytest.raises(
        BenchmarkError, match=r"the human_score 0\.504 contradicts the votes \[1, 0\], whose mean is 0\.5"
    ):
        load(table(**half, human_score=[0.504, 0, 0, 1]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a text", "'a text'"),
        ({"a": "b"}, r"\{'a': 'b'\}"),
        (7, "7"),
        ([None], "None"),
        ([""], "''"),
        ([3], "3"),
        ([["two cats"]], r"\['two cats'\]"),
    ],
)
def test_contrastive_prompts_are_lists_of_texts(value, shown):
    with pytest.raises(BenchmarkError, match=rf"item 'a/0': contrastive_prompts (is|holds) {shown}; expected"):
        load(table(contrastive_prompts=[value] * 4))
    plain = load(table())
    with pytest.raises(BenchmarkError, match=rf"Prompt 'p' in what was given: contrastive_prompts \w+ {shown}"):
        with_contrastive_prompts(plain, {"p": value, "q": []})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"human_score": [Decimal("0.1"), None, Decimal("0.0"), Decimal("1.0")]}, "human_score of 'a/1' is None"),
        ({"human_score": ["0.1", "0.2", "0.3", "0.4"]}, "human_score of 'a/0' is '0.1'; expected a number"),
        ({"label": ["true", "false", "false", "true"]}, "label of 'a/0' is 'true'; expected true or false"),
        ({"label": [1.0, 0.0, 0.5, 1.0]}, r"label of 'a/2' is 0\.5"),
        ({"label": [1.0, 0.0, NAN, 1.0]}, "label of 'a/2' is nan"),
        ({"subset": ["overall"] * 4}, "a subset is called 'overall'"),
    ],
)
def test_other_columns_are_checked_likewise(columns, message):
    with pytest.raises(BenchmarkError, match=message):
        load(table(**{"votes": None, "human_score": [0.9, 0.1, 0.2, 0.8], **columns}))


def test_decimals_are_numbers():
    scores = [Decimal("1.00"), Decimal("0.33"), Decimal("0.33"), Decimal("0.67")]
    assert load(table(human_score=scores)).items["human_score"].tolist() == [1.0, 0.33, 0.33, 0.67]


@pytest.mark.parametrize("column", ["label", "votes"])
def test_classes_by_number_are_refused(column):
    names = datasets.ClassLabel(names=["aligned", "not aligned"])
    kind = datasets.List(names) if column == "votes" else names
    values = [[0], [1], [1], [0]] if column == "votes" else [0, 1, 1, 0]
    data = table(**{column: values}).cast_column(column, kind)
    with pytest.raises(BenchmarkError, match=f"{column} is a ClassLabel of aligned, not aligned, whose numbers say"):
        load(data)
