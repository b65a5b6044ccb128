"""Tables and results of different data are refused together, with the true reason."""

from __future__ import annotations

import json

import pytest
from datasets import Dataset

import tia2
from tia2.benchmark import load
from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError
from tia2.evaluation import compare, separate, summarise
from tia2.scoring.same_items import check_same_items


def rows(**columns) -> Dataset:
    count = 8
    base = {
        "item_id": [f"a/{number}" for number in range(count)],
        "subset": ["a"] * count,
        "prompt_id": [f"a/p{number // 4}" for number in range(count)],
        "prompt": [f"prompt {number // 4}" for number in range(count)],
        "votes": [[1, 1, 0], [0, 0, 1], [1, 0, -1], [0, 0, 0]] * 2,
    }
    return Dataset.from_dict({name: values for name, values in {**base, **columns}.items() if values is not None})


CHANGED = {
    "labels": ({"human_score": [0.9, 0.1, 0.5, 0.0] * 2, "votes": None},
               {"human_score": [0.9, 0.1, 0.5, 0.0] * 2, "votes": None, "label": [True, False, True, False] * 2},
               "votes or labels, though human scores are the same"),
    "votes": ({}, {"votes": [[1, 1, 0], [0, 0, 1], [0, 1, -1], [0, 0, 0]] * 2},
              "votes or labels, though human scores are the same"),
    "human scores": ({}, {"votes": [[1, 1, 1], [0, 0, 1], [1, 0, -1], [0, 0, 0]] * 2}, "human scores"),
    "prompts": ({}, {"prompt": [f"other {number // 4}" for number in range(8)]},
                "items, prompts or contrastive prompts"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_what_differs_is_named(case, tmp_path, cli):
    first, second, reason = CHANGED[case]
    how = {"label": "by a vote of experts"}
    a, b = load(rows(**first)), load(rows(**second), how_made=how)
    assert difference(a, b) == reason
    assert (a.votes_fingerprint != b.votes_fingerprint) == (case != "prompts")
    tables = [_table(benchmark, tmp_path / name) for name, benchmark in (("x", a), ("y", b))]
    results = [tia2.evaluate(table, resamples=20) for table in tables]
    with pytest.raises(ResultError, match=rf"are not on the same benchmark: .* differ in {reason}"):
        compare(*results)
    with pytest.raises(ResultError, match=reason):
        separate(results)
    with pytest.raises(ResultError, match=rf"can't be ranked together: .* with other {reason}"):
        summarise(results)
    with pytest.raises(ResultError, match=reason):
        check_same_items(tables)
    for command in ("evaluate", "compare") if case == "labels" else ():
        said = cli(command, tmp_path / "x", tmp_path / "y")
        assert said.code == 1
        assert reason in said.err
        assert "images could not be read" not in said.err


def _table(benchmark, folder, shade: int = 0):
    from PIL import Image

    pictures = [Image.new("RGB", (2, 2), (shade, number, number)) for number in range(len(benchmark))]
    data = Dataset.from_dict({**benchmark.dataset.to_dict(), "image": pictures})
    name = folder.name

    def reward(images, texts):
        return [float(image.getpixel((0, 0))[1]) + (name == "y") for image in images]

    return tia2.score(reward, load(data, how_made=benchmark.how_made), folder, name=name)


def test_other_images_under_the_same_ids_are_refused(tmp_path, cli):
    benchmark = load(rows())
    tables = [_table(benchmark, tmp_path / name, shade) for name, shade in (("x", 0), ("y", 200))]
    results = [tia2.evaluate(table, resamples=20) for table in tables]
    for together in (compare, lambda *two: separate(two), lambda *two: summarise(two)):
        with pytest.raises(ResultError, match=r"different images|other images of"):
            together(*results)
    for command in ("evaluate", "compare"):
        said = cli(command, tmp_path / "x", tmp_path / "y")
        assert said.code == 1
        assert "images" in said.err


def test_files_of_before_are_compared_by_human_scores():
    benchmark = load(rows())
    old = type("Old", (), {
        "fingerprint": benchmark.fingerprint, "votes_fingerprint": benchmark.scores_fingerprint,
        "scores_fingerprint": None,
    })()  # fmt: skip
    other = load(rows(votes=[[1, 1, 1], [0, 0, 1], [1, 0, -1], [0, 0, 0]] * 2))
    assert difference(old, benchmark) is None
    assert difference(benchmark, old) is None
    assert difference(old, old) is None
    assert difference(old, other) == "human scores"


def test_groups_that_can_not_be_told_are_said_to_be_missing(tmp_path, cli):
    benchmark = load(rows(prompt_id=["a/p"] * 8, prompt=["prompt"] * 8))
    for name in ("x", "y"):
        _table(benchmark, tmp_path / name)
    said = cli("evaluate", tmp_path / "x", tmp_path / "y")
    assert said.code == 0
    assert "Without rank intervals and groups: a has fewer than two prompts" in " ".join(said.err.split())
    assert json.loads(cli("evaluate", tmp_path / "x", tmp_path / "y", "--json").out)
