"""Files and folders as a benchmark: all of it is read, or what would be left out is named."""

from __future__ import annotations

import io
import json
import os
import warnings

import datasets
import numpy as np
import pytest
from PIL import Image

from tia2.benchmark import export, load
from tia2.errors import BenchmarkError, UnknownNameError


def rows(subset: str, count: int = 2, **columns) -> datasets.Dataset:
    base = {
        "item_id": [f"{subset}/{number}" for number in range(count)],
        "subset": [subset] * count,
        "prompt_id": [f"{subset}/p"] * count,
        "prompt": [f"a {subset}"] * count,
        "votes": [[number % 2] for number in range(count)],
    }
    return datasets.Dataset.from_dict(base | columns)


def ids(benchmark) -> list[str]:
    return benchmark.items["item_id"].tolist()


@pytest.fixture
def folder(tmp_path):
    """A function that writes a folder of Parquet files, each with items named after its subset."""

    def make(**subsets: str):
        for subset, path in subsets.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            rows(subset).to_parquet(tmp_path / path)
        return tmp_path

    return make


def test_files_without_a_split_are_all_read(folder):
    path = folder(a="counting.parquet", b="composition.parquet", c="deep/contest.parquet")
    assert sorted(ids(load(path))) == ["a/0", "a/1", "b/0", "b/1", "c/0", "c/1"]


@pytest.mark.parametrize(
    ("files", "left_out"),
    [
        ({"a": "counting.parquet", "b": "composition.parquet", "c": "speed-test.parquet"}, "composition.parquet, co"),
        ({"a": "part-1.parquet", "b": "part-2-train.parquet"}, "part-1.parquet left out"),
        ({"a": "a/x.parquet", "b": "eval/x.parquet"}, "a/x.parquet left out"),
    ],
)  # fmt: skip
def test_files_that_would_be_left_out_are_named(folder, files, left_out):
    path = folder(**files)
    message = rf"would be read as the split \w+, and .*{left_out}.*--split all"
    with pytest.raises(BenchmarkError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert len(load(path, split="all")) == 2 * len(files)


def test_splits_are_chosen_and_others_named(folder):
    path = folder(a="train-0.parquet", b="test-0.parquet", c="data/validation-00000-of-00001.parquet")
    with pytest.warns(UserWarning, match=r"the split 'test' is read, .*train-0\.parquet is left out; --split"):
        assert ids(load(path)) == ["b/0", "b/1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ids(load(path, split="train")) == ["a/0", "a/1"]
        assert len(load(path, split="all")) == 6
    with pytest.raises(UnknownNameError, match=r"Unknown split of .* 'tran'\. Did you mean 'train'"):
        load(path, split="tran")
    (path / "test-0.parquet").unlink()
    with pytest.raises(BenchmarkError, match=r"Expected a split 'test' .* got \w+, \w+: choose one with --split"):
        load(path)


def test_splits_of_datasets_in_memory_and_on_disk(tmp_path):
    both = datasets.DatasetDict({"train": rows("a"), "dev": rows("b")})
    assert ids(load(both, split="dev")) == ["b/0", "b/1"]
    assert len(load(both, split="all")) == 4
    both.save_to_disk(str(tmp_path / "disk"))
    assert ids(load(tmp_path / "disk", split="train")) == ["a/0", "a/1"]
    with pytest.raises(BenchmarkError, match="choose one with --split"):
        load(tmp_path / "disk")
    with pytest.raises(BenchmarkError, match="has no splits, so that 'dev' can't be chosen"):
        load(rows("a"), split="dev")
    with pytest.raises(BenchmarkError, match="has no configs, so that 'x' can't be chosen"):
        load(tmp_path / "disk", config="x")
    with pytest.raises(BenchmarkError, match="is a config with the split 'test' alone"):
        load("mini", config="counting")


def test_configs_of_a_card(tmp_path):
    both = datasets.concatenate_datasets([rows("a"), rows("b")])
    export(load(both), tmp_path / "x", allow_missing=True)
    assert len(load(tmp_path / "x")) == 4
    assert ids(load(tmp_path / "x", config="b")) == ["b/0", "b/1"]
    assert load(tmp_path / "x", config="b").name == "x-b"
    with pytest.raises(UnknownNameError, match=r"Unknown config of .* 'c'\. .*Available: .*all"):
        load(tmp_path / "x", config="c")
    rows("c").to_parquet(tmp_path / "x" / "more.parquet")
    with pytest.raises(
        BenchmarkError, match=r"more\.parquet would be left out, since no config of README\.md names it"
    ):
        load(tmp_path / "x")


def test_a_card_with_several_configs_and_no_default(folder):
    path = folder(a="one.parquet", b="two.parquet")
    card = (
        "---\nconfigs:\n- config_name: x\n  data_files: one.parquet\n- config_name: y\n  data_files: two.parquet\n---\n"
    )
    (path / "README.md").write_text(card)
    with pytest.raises(BenchmarkError, match=r"has several configs \(x, y\): choose one with --config"):
        load(path)
    assert ids(load(path, config="y")) == ["b/0", "b/1"]
    (path / "README.md").write_text(card.replace("two.parquet", "gone.parquet"))
    with pytest.raises(BenchmarkError, match=r"README\.md names gone\.parquet, and there is no such file"):
        load(path, config="x")
    (path / "README.md").write_text("---\nconfigs: [\n---\n")
    with pytest.raises(BenchmarkError, match=r"README\.md: the front matter can't be read") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_the_command_line_takes_split_and_config(cli, folder, tmp_path):
    path = folder(a="part-1.parquet", b="part-2-train.parquet")
    refused = cli("data", "show", path)
    assert refused.code == 1
    assert "part-1.parquet left out" in refused.err
    shown = cli("data", "show", path, "--split", "all", "--json")
    assert [subset["subset"] for subset in json.loads(shown.out)["subsets"]] == ["a", "b"]
    assert "has no configs" in cli("data", "show", path, "--config", "x").err
    assert cli("data", "check", path, "--split", "train").code == 1  # no images
    exported = cli("data", "export", tmp_path / "out", "--benchmark", path, "--split", "all", "--allow-missing")
    assert exported.code == 0
    assert len(load(tmp_path / "out")) == 4
    assert "has no configs" in cli("score", "--reward", "x.py:y", "--benchmark", path, "--config", "x").err


@pytest.mark.parametrize("name", ["a[1]", "b*?", "c::d", "e\nf", "http:", "zip::x", "{g}", "ü ñ"])
@pytest.mark.parametrize("kind", ["file", "folder", "disk"])
def test_odd_characters_in_a_path_mean_nothing(tmp_path, name, kind):
    parent = tmp_path / name
    parent.mkdir()
    if kind == "disk":
        rows("a").save_to_disk(str(tmp_path / "plain"))
        os.rename(tmp_path / "plain", parent / "data")
        path = parent / "data"
    else:
        rows("a").to_parquet(tmp_path / "plain.parquet")
        os.rename(tmp_path / "plain.parquet", parent / "data.parquet")
        path = parent / "data.parquet" if kind == "file" else parent
    assert ids(load(path)) == ["a/0", "a/1"]


@pytest.mark.parametrize("kind", ["file", "folder", "jsonl"])
def test_a_file_that_kept_its_time_of_change_is_read_again(tmp_path, kind):
    path = tmp_path / "data" / ("a.jsonl" if kind == "jsonl" else "a.parquet")
    path.parent.mkdir()
    write = datasets.Dataset.to_json if kind == "jsonl" else datasets.Dataset.to_parquet
    write(rows("a", prompt=["a cat", "a cat"]), path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    given = path if kind == "file" else path.parent
    before = load(given)
    write(rows("a", prompt=["a dog", "a dog"], votes=[[1], [0]]), path)
    os.utime(path, ns=times)
    after = load(given)
    assert before.items["prompt"].tolist() == ["a cat"] * 2
    assert after.items["prompt"].tolist() == ["a dog"] * 2
    assert after.items["label"].tolist() == [True, False]
    assert after.fingerprint != before.fingerprint


def test_annotations_that_kept_their_time_of_change_are_read_again(layout):
    before = load("counting", data_dir=layout.root)
    name = "human_annotations/human_labels_counting.json"
    path = layout.root / name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    labels = layout.read(name)
    first = labels["image_0_0_0.jpg"]
    first["human_labels"] = [1 - vote if vote in (0, 1) else vote for vote in first["human_labels"]]
    layout.write(name, labels)
    os.utime(path, ns=times)
    assert load("counting", data_dir=layout.root).votes_fingerprint != before.votes_fingerprint


def test_files_whose_columns_do_not_go_together_are_named(tmp_path):
    rows("a").to_parquet(tmp_path / "a.parquet")
    rows("b", human_score=[0.1, 0.9]).remove_columns("votes").to_parquet(tmp_path / "b.parquet")
    rows("c", prompt_id=[1, 2]).to_parquet(tmp_path / "c.parquet")
    with pytest.raises(BenchmarkError, match=r"c\.parquet doesn't go together with a\.parquet: .*prompt_id") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (value, value, value)).save(file, "PNG")
    return file.getvalue()


def test_an_image_folder_keeps_its_metadata_whatever_an_image_is_called(tmp_path):
    names = ["a train.png", "b.png"]
    table = rows("a").to_dict()
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(png(number))
    lines = [{"file_name": name, **{key: table[key][number] for key in table}} for number, name in enumerate(names)]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    benchmark = load(tmp_path)
    assert sorted(ids(benchmark)) == ["a/0", "a/1"]
    assert {benchmark.image_bytes(index) for index in range(2)} == {png(0), png(1)}


FORMATS = {
    "arrow": lambda data: data.with_format("arrow"),
    "pandas": lambda data: data.with_format("pandas"),
    "numpy": lambda data: data.with_format("numpy"),
    "torch": lambda data: data.with_format("torch"),
    "some columns": lambda data: data.with_format("numpy", columns=["votes"]),
    "transform": lambda data: data.with_transform(lambda batch: {"x": [1] * len(batch["item_id"])}),
    "transform that keeps bytes": lambda data: data.cast_column("image", datasets.Image(decode=False)).with_transform(
        lambda batch: {**batch, "image": [{"bytes": png(251), "path": None} for _ in next(iter(batch.values()))]}
    ),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_stored_columns_count_whatever_format_a_dataset_carries(kind, tmp_path):
    import tia2

    if kind == "torch":
        pytest.importorskip("torch", reason="datasets needs PyTorch for its format")
    data = rows("a", image=[{"bytes": png(4), "path": None}] * 2).cast_column("image", datasets.Image())
    benchmark = load(FORMATS[kind](data))
    table = tia2.score(lambda images, texts: [float(np.asarray(image).max()) for image in images], benchmark)
    assert table.raw.tolist() == [4.0, 4.0]
    assert not benchmark.missing_images
    assert load(export(benchmark, tmp_path / "x")).image_bytes(0) == png(4)
