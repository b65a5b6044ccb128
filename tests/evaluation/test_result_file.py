"""Results as files: whole, strict, and readable for ever."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tia2.errors import ResultError
from tia2.evaluation import METRICS, Result, evaluate

HISTORIC = sorted((Path(__file__).parent / "historic").glob("*.json"))


@pytest.fixture
def result(make_table):
    table = make_table({"a": 3, "b": 1}, items=4)
    table.items.loc[:3, ["label", "human_score"]] = [True, 1.0]
    return evaluate(table, resamples=50)


def test_round_trip(result, tmp_path):
    path = result.save(tmp_path / "deep" / "er" / "result.json")
    again = Result.load(path)
    assert again.model_dump_json() == result.model_dump_json()
    assert again.per_prompt.equals(result.per_prompt)
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]
    assert again.save(tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_nan_is_null(result, tmp_path):
    text = result.save(tmp_path / "result.json").read_text()
    assert "NaN" not in text
    content = json.loads(text)
    assert content["prompts"][0]["metrics"]["auroc"] is None
    assert content["subsets"]["b"]["metrics"]["auroc"]["low"] is None
    assert np.isnan(Result.load(tmp_path / "result.json").subsets["b"].metrics["auroc"].low)


def test_per_prompt_frame(result):
    frame = result.per_prompt
    assert list(frame.columns) == ["subset", "prompt_id", "prompt", "items", "aligned", "tied", "distinct", *METRICS]
    assert frame["prompt_id"].tolist() == ["a/0", "a/1", "a/2", "b/0"]
    assert frame["auroc"].dtype == float
    assert np.isnan(frame["auroc"][0])


def test_results_cannot_be_changed(result):
    with pytest.raises(ValidationError, match="frozen"):
        result.seed = 3


def test_a_failed_save_leaves_the_old_file(result, tmp_path, monkeypatch):
    path = result.save(tmp_path / "result.json")
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        result.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("path", HISTORIC, ids=lambda path: path.stem)
def test_historic_results_load(path, tmp_path):
    loaded = Result.load(path)
    assert json.loads(loaded.model_dump_json(exclude_unset=True)) == json.loads(path.read_text())
    again = Result.load(loaded.save(tmp_path / "again.json"))
    assert again.model_dump_json() == loaded.model_dump_json()
    assert loaded.overall.metrics["auroc"].low < loaded.overall.metrics["auroc"].mean
    assert len(loaded.per_prompt) == loaded.overall.prompts


def test_there_are_historic_results():
    assert [path.name for path in HISTORIC] == ["result_v1.json"]


def changed(result, path, change):
    content = json.loads(result.model_dump_json())
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema_version=2), "schema version 2, this tia2 reads 1; upgrade tia2"),
        (lambda c: c.pop("schema_version"), "not a result: `schema_version` is missing"),
        (lambda c: c.update(extra=1), "not a valid result: extra: Extra inputs are not permitted"),
        (lambda c: c.pop("overall"), "not a valid result: overall: Field required"),
        (lambda c: c["overall"]["metrics"]["auroc"].update(mean="high"), r"overall\.metrics\.auroc\.mean: .*number"),
        (lambda c: c["overall"]["metrics"]["auroc"].update(mean=float("inf")), "a figure can't be infinite"),
        (lambda c: c["entry"].update(name=None, more=1), r"entry\.name: .*, and 1 more"),
    ],
)
def test_bad_content(result, tmp_path, change, message):
    with pytest.raises(ResultError, match=message) as caught:
        Result.load(changed(result, tmp_path / "bad.json", change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", '"text"', "[]", "nonsense", "\udcff"])
def test_what_is_no_result(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ResultError, match=r"bad\.json is not a result"):
        Result.load(path)


def test_no_file(tmp_path):
    with pytest.raises(ResultError, match=r"Can't read a result from .*nowhere\.json: No such file"):
        Result.load(tmp_path / "nowhere.json")
    with pytest.raises(ResultError, match=r"Can't read a result from .*: Is a directory"):
        Result.load(tmp_path)
