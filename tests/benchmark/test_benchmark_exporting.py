"""Export: Parquet and a card that plain `datasets` reads without any of our code."""

from __future__ import annotations

import json
import shutil

import datasets
import pytest
import yaml

from tia2.benchmark import export, load
from tia2.benchmark.columns import COLUMNS, features
from tia2.errors import BenchmarkError

SUBSETS = ("comprehensive", "counting", "composition")


@pytest.fixture
def exported(layout, tmp_path):
    for subset, kind in zip(SUBSETS, ("folder", "zip", "tar.gz"), strict=True):
        layout.add_images(subset, kind)
    return export("all", tmp_path / "out", data_dir=layout.root)


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])


def test_loads_without_our_code_and_without_the_sources(exported, layout, run_python):
    shutil.move(layout.root, layout.root.with_name("gone"))
    code = f"""
import json, sys, datasets
from datasets import load_dataset
out = {{}}
for name in (None, "counting"):
    rows = load_dataset({str(exported)!r}, name, split="test")
    stream = load_dataset({str(exported)!r}, name, split="test", streaming=True)
    streamed = [(row["item_id"], row["image"].size) for row in stream]
    if streamed != [(row["item_id"], row["image"].size) for row in rows]:
        raise SystemExit("streaming differs")
    out[str(name)] = rows["item_id"][:]
if "tia2" in sys.modules:
    raise SystemExit("our code was used")
print(json.dumps(out))
"""
    status, stdout, stderr = run_python(code)
    assert status == 0, stderr
    ids = json.loads(stdout)
    assert ids["None"][6:12] == ids["counting"]
    assert [item.split("/")[0] for item in ids["None"]] == [subset for subset in SUBSETS for _ in range(6)]


def test_same_rows_images_and_fingerprints(exported, layout):
    original, copy = load("all", data_dir=layout.root), load(exported)
    assert copy.fingerprint == original.fingerprint
    assert copy.votes_fingerprint == original.votes_fingerprint
    assert copy.dataset.features == features()
    assert copy.items.to_dict("records") == original.items.to_dict("records")
    assert [copy.image_bytes(index) for index in range(18)] == [original.image_bytes(index) for index in range(18)]


def test_card_tells_configs_and_true_sizes(exported):
    card = front_matter(exported)
    configs = {config["config_name"]: config for config in card["configs"]}
    assert configs.keys() == {"all", *SUBSETS}
    assert [name for name, config in configs.items() if config.get("default")] == ["all"]
    infos = {info["config_name"]: info for info in card["dataset_info"]}
    for subset in SUBSETS:
        size = sum(path.stat().st_size for path in (exported / subset).iterdir())
        assert infos[subset]["download_size"] == size
        assert infos[subset]["splits"][0]["num_examples"] == 6
        assert infos[subset]["dataset_size"] > 0
    for key in ("download_size", "dataset_size"):
        assert infos["all"][key] == sum(infos[subset][key] for subset in SUBSETS)
    assert [feature["name"] for feature in infos["all"]["features"]] == list(COLUMNS)
    assert card["license"] == "apache-2.0"
    assert card["size_categories"] == ["n<1K"]
    text = (exported / "README.md").read_text(encoding="utf-8")
    assert "arXiv 2404.01863" in text
    assert "@inproceedings{" in text
    assert "| counting | 2 | 6 | 18 | 2 | 33.3% | 6 |" in text


def test_shards_keep_order_and_size(layout, tmp_path):
    layout.add_images("counting")
    folder = export("counting", tmp_path / "out", data_dir=layout.root, shard_bytes=2000)
    files = sorted(path.name for path in (folder / "counting").iterdir())
    assert len(files) > 1
    assert files[0] == f"test-00000-of-{len(files):05d}.parquet"
    assert load(folder).items["item_id"].tolist() == load("counting", data_dir=layout.root).items["item_id"].tolist()
    assert {config["config_name"] for config in front_matter(folder)["configs"]} == {"counting"}


def test_a_foreign_benchmark_gets_the_documented_columns(tmp_path, make_jpeg):
    data = datasets.Dataset.from_dict(
        {
            "item_id": ["x/0", "x/1"],
            "subset": ["x", "x"],
            "prompt_id": ["x/0", "x/0"],
            "prompt": ["a cat", "a cat"],
            "human_score": [0.2, 0.8],
            "image": [{"bytes": make_jpeg(1), "path": None}, {"bytes": make_jpeg(2), "path": None}],
            "their_own": [1, 2],
        }
    )
    copy = load(export(data, tmp_path / "out"))
    assert copy.dataset.column_names == [column for column in COLUMNS if column != "votes"]
    assert copy.image_bytes(1) == make_jpeg(2)
    assert copy.items["label"].tolist() == [False, True]
    card = front_matter(tmp_path / "out")
    assert "license" not in card


def test_missing_images_are_refused_unless_allowed(layout, tmp_path):
    layout.add_images("counting", image_0_0_1=None)
    with pytest.raises(BenchmarkError, match="1 of 6 items of counting have no image, first counting/image_0_0_1"):
        export("counting", tmp_path / "out", data_dir=layout.root)
    assert not (tmp_path / "out").exists()
    folder = export("counting", tmp_path / "out", data_dir=layout.root, allow_missing=True)
    assert load(folder).missing_images == ["counting/image_0_0_1"]
    bare = export("composition", tmp_path / "bare", data_dir=layout.root, allow_missing=True)
    assert len(load(bare).missing_images) == 6
    assert load(bare).dataset.features == features()


def test_occupied_folder_is_refused_and_untouched(layout, tmp_path):
    layout.add_images("counting")
    (tmp_path / "out").mkdir()
    export("counting", tmp_path / "out", data_dir=layout.root)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BenchmarkError, match="is not empty"):
        export("counting", tmp_path / "out", data_dir=layout.root)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchmarkError, match="is a file"):
        export("counting", tmp_path / "file", data_dir=layout.root)


def test_a_failure_halfway_leaves_nothing(layout, tmp_path):
    layout.add_images("counting")

    def stop(subset, done, total):
        raise KeyboardInterrupt

    before = {path.name for path in tmp_path.iterdir()} | {"hf-home"}
    with pytest.raises(KeyboardInterrupt):
        export("counting", tmp_path / "out", data_dir=layout.root, progress=stop)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_subset_that_makes_no_folder_name(tmp_path):
    data = {"item_id": ["i"], "subset": ["../x"], "prompt_id": ["p"], "prompt": ["x"], "human_score": [1.0]}
    with pytest.raises(BenchmarkError, match=r"Subset '\.\./x' can't be a folder"):
        export(datasets.Dataset.from_dict(data), tmp_path / "out", allow_missing=True)
    assert not (tmp_path / "out").exists()
