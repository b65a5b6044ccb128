"""load_dataset("tia2"): configs, columns, cache, processes, streaming, and what is refused."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import datasets
import pytest
from datasets import load_dataset

import tia2  # noqa: F401  installs the hook
from tia2.benchmark import builder, configs
from tia2.benchmark.columns import COLUMNS, features
from tia2.errors import BenchmarkError, Tia2Error, UnknownNameError

SUBSETS = ("comprehensive", "counting", "composition")


@pytest.fixture
def built(monkeypatch):
    """Count how often rows are generated: a cache hit generates none."""
    calls = []
    original = builder.Tia2._generate_examples

    def generate(self, shards):
        calls.append(self.config.name)
        return original(self, shards)

    monkeypatch.setattr(builder.Tia2, "_generate_examples", generate)
    return calls


@pytest.fixture
def mini(layout, tmp_path, monkeypatch, make_jpeg):
    """A stand-in for the shipped file, written the way `datasets` writes it."""
    for subset in SUBSETS:
        layout.add_images(subset)
    data = load_dataset("tia2", data_dir=str(layout.root), split="test")
    pictures = [picture for subset in SUBSETS for picture in layout.pictures(subset).items()]
    embedded = [{"path": name, "bytes": content} for name, content in pictures]
    data = data.remove_columns("image").add_column("image", embedded, feature=datasets.Image())
    path = tmp_path / "mini.parquet"
    data.select_columns(list(COLUMNS)).to_parquet(str(path), batch_size=6)
    monkeypatch.setattr(configs, "MINI_PARQUET", path)
    return path


def content(image):
    return image["bytes"] or Path(image["path"]).read_bytes()


def test_rows_of_one_subset(layout):
    data = load_dataset("tia2", "counting", data_dir=str(layout.root))
    assert list(data) == ["test"]
    rows = data["test"]
    assert rows.column_names == list(COLUMNS)
    assert rows.features == features()
    assert rows[1] == {
        "item_id": "counting/image_0_0_1",
        "subset": "counting",
        "prompt_id": "counting/0",
        "prompt": "counting prompt 0",
        "image": None,
        "votes": [1, 0, -1],
        "human_score": 0.5,
        "label": False,
        "contrastive_prompts": ["counting other 0", "same"],
    }
    assert rows["label"][:] == [True, False, False] * 2


def test_default_config_is_all_subsets_in_order(layout):
    rows = load_dataset("tia2", data_dir=str(layout.root), split="test")
    parts = [load_dataset("tia2", subset, data_dir=str(layout.root), split="test") for subset in SUBSETS]
    assert len(rows) == 18
    assert rows["item_id"][:] == [item for part in parts for item in part["item_id"]]
    assert len(set(rows["item_id"])) == 18


def test_slices_memory_and_own_cache_dir(layout, tmp_path):
    here = {"path": "tia2", "name": "counting", "data_dir": str(layout.root)}
    assert len(load_dataset(**here, split="test[:50%]")) == 3
    assert len(load_dataset(**here, split="test", keep_in_memory=True)) == 6
    load_dataset(**here, cache_dir=str(tmp_path / "own"))
    assert list((tmp_path / "own" / "tia2").iterdir())


def test_second_load_is_a_cache_hit_until_forced(layout, built):
    for _ in range(2):
        load_dataset("tia2", "counting", data_dir=str(layout.root))
    assert built == ["counting"]
    load_dataset("tia2", "counting", data_dir=str(layout.root), download_mode="force_redownload")
    assert built == ["counting"] * 2


def test_every_spelling_of_a_folder_is_one_cache_entry(layout, built, monkeypatch, tmp_path):
    monkeypatch.chdir(layout.root.parent)
    (tmp_path / "link").symlink_to(layout.root)
    monkeypatch.setenv("HOME", str(layout.root.parent))
    for spelling in ("tiny", "./tiny/", str(layout.root), f"{layout.root}/../tiny", str(tmp_path / "link"), "~/tiny"):
        load_dataset("tia2", "counting", data_dir=spelling)
    monkeypatch.setenv("TIA2_DATA_DIR", "tiny")
    load_dataset("tia2", "counting")
    assert built == ["counting"]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_images_of_every_kind_and_a_change_under_the_same_path_is_noticed(layout, built, kind):
    location = layout.add_images("counting", kind)
    data = load_dataset("tia2", "counting", data_dir=str(layout.root), split="test")
    raw = data.cast_column("image", datasets.Image(decode=False))
    before = [content(row["image"]) for row in raw]
    assert before == list(layout.pictures("counting").values())
    assert data[0]["image"].size == (16, 16)

    shutil.rmtree(location) if location.is_dir() else location.unlink()
    other = layout.pictures("counting")["image_1_0_2.jpg"]
    layout.add_images("counting", kind, image_0_0_0=other)
    again = load_dataset("tia2", "counting", data_dir=str(layout.root), split="test")
    image = again.cast_column("image", datasets.Image(decode=False))[0]["image"]
    assert content(image) == other
    assert built == ["counting"] * 2


def test_files_of_the_same_name_in_the_working_directory_are_not_taken(layout, mini, monkeypatch):
    other = layout.root / "images" / "composition"
    monkeypatch.chdir(other)
    shutil.rmtree(layout.root / "images" / "counting")
    layout.add_images("counting", "zip")
    expected = list(layout.pictures("counting").values())
    assert expected[0] != (other / "image_0_0_0.jpg").read_bytes()
    for rows in (
        load_dataset("tia2", "counting", data_dir=str(layout.root), split="test"),
        load_dataset("tia2", "mini", split="test").select(range(6, 12)),
    ):
        images = rows.cast_column("image", datasets.Image(decode=False))["image"]
        assert [image["bytes"] for image in images] == expected


def test_touched_added_and_removed_files_are_noticed(layout, built):
    folder = layout.add_images("counting")
    one = folder / "image_0_0_0.jpg"

    def load():
        return load_dataset("tia2", "counting", data_dir=str(layout.root), split="test")

    load()
    os.utime(one, ns=(1, 1))  # same size, same name
    load()
    content = one.read_bytes()
    one.unlink()
    assert load()[0]["image"] is None
    one.write_bytes(content)
    assert load()[0]["image"] is not None
    labels = layout.read("human_annotations/human_labels_counting.json")
    labels["image_0_0_0.jpg"]["human_labels"] = [0, 0, 0]
    layout.write("human_annotations/human_labels_counting.json", labels)
    assert load()[0]["votes"] == [0, 0, 0]
    assert built == ["counting"] * 5


def test_another_subset_changing_keeps_the_cache_entry(layout, built):
    load_dataset("tia2", "counting", data_dir=str(layout.root))
    layout.add_images("composition")
    load_dataset("tia2", "counting", data_dir=str(layout.root))
    assert built == ["counting"]


def test_new_code_or_new_release_is_another_cache_entry(layout, built, monkeypatch):
    load_dataset("tia2", "counting", data_dir=str(layout.root))
    monkeypatch.setattr(builder, "source_hash", lambda: "0" * 32)
    load_dataset("tia2", "counting", data_dir=str(layout.root))
    assert built == ["counting"] * 2


READING = ("__init__", "cards", "folders", "parquet", "remote", "splits", "tables", "webdataset")


def test_source_hash_covers_every_module_that_makes_rows():
    used = set(builder._SOURCES)
    makes_none = {"__init__.py", "card.py", "checking.py", "configs.py", "exporting.py", "items.py", "loading.py"}
    makes_none |= {"prompt_sets.py", "summary.py"}
    makes_none |= {"answers.py", "fingerprints.py", *(f"reading/{name}.py" for name in READING)}
    makes_none |= {"upstream/__init__.py", "upstream/layout.py", "upstream/sources.py"}
    folder = Path(builder.__file__).parent
    modules = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    # Rooms of benchmarks other than TIA2.
    rooms = ("judgements/", "layouts/", "making/", "published/", "questions/")
    makes_none |= {name for name in modules if name.startswith(rooms)}
    assert used | makes_none == modules


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_processes_give_the_same_rows_in_the_same_order(layout, kind, tmp_path):
    for subset in SUBSETS:
        layout.add_images(subset, kind)
    one = load_dataset("tia2", data_dir=str(layout.root), split="test")
    two = load_dataset("tia2", data_dir=str(layout.root), split="test", num_proc=2, cache_dir=str(tmp_path / "other"))
    undecoded = [rows.cast_column("image", datasets.Image(decode=False))[:] for rows in (one, two)]
    assert undecoded[0] == undecoded[1]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_streaming_has_the_same_rows_and_a_shard_per_prompt(layout, kind):
    for subset in SUBSETS:
        layout.add_images(subset, kind)
    rows = load_dataset("tia2", data_dir=str(layout.root), split="test")
    stream = load_dataset("tia2", data_dir=str(layout.root), split="test", streaming=True)
    assert stream.num_shards == 6
    for row, streamed in zip(rows, stream, strict=True):
        assert row.pop("image").tobytes() == streamed.pop("image").tobytes()
        assert row == streamed
    shuffled = [row["item_id"] for row in stream.shuffle(seed=0, buffer_size=4)]
    assert sorted(shuffled) == sorted(rows["item_id"])
    assert shuffled != rows["item_id"][:]
    halves = [[row["item_id"] for row in stream.shard(2, index)] for index in range(2)]
    assert halves[0] + halves[1] == rows["item_id"][:]


def test_streaming_through_a_loader_with_workers_sees_each_item_once(layout):
    pytest.importorskip("torch", reason="its loader is the one that streams")
    from torch.utils.data import DataLoader

    stream = load_dataset("tia2", data_dir=str(layout.root), split="test", streaming=True).remove_columns("image")
    seen = [item for batch in DataLoader(stream, batch_size=None, num_workers=2) for item in [batch["item_id"]]]
    assert len(seen) == 18
    assert len(set(seen)) == 18


def test_what_datasets_can_say_about_it(layout, monkeypatch):
    monkeypatch.setenv("TIA2_DATA_DIR", str(layout.root))
    assert datasets.get_dataset_config_names("tia2") == ["all", *SUBSETS, "mini"]
    assert datasets.get_dataset_default_config_name("tia2") == "all"
    assert datasets.get_dataset_split_names("tia2", "counting") == ["test"]
    info = datasets.load_dataset_builder("tia2", "counting").info
    assert info.features == features()
    assert "2404.01863" in info.homepage
    assert info.license == "Apache-2.0"
    assert info.citation.startswith("@inproceedings{")


def test_save_and_load_again(layout, tmp_path):
    layout.add_images("counting", "zip")
    data = load_dataset("tia2", "counting", data_dir=str(layout.root), split="test")
    data.save_to_disk(str(tmp_path / "saved"))
    assert datasets.load_from_disk(str(tmp_path / "saved"))[:]["item_id"] == data[:]["item_id"]


def test_mini(mini, built):
    rows = load_dataset("tia2", "mini", split="test")
    assert rows.features == features()
    assert len(rows) == 18
    assert rows[0]["image"].size == (16, 16)
    stream = load_dataset("tia2", "mini", split="test", streaming=True)
    assert [row["item_id"] for row in stream] == rows["item_id"][:]
    built.clear()
    load_dataset("tia2", "mini", split="test")
    assert built == []
    rows.select(range(3)).to_parquet(str(mini))
    assert len(load_dataset("tia2", "mini", split="test")) == 3


def test_mini_is_not_moved_by_the_variable_and_takes_no_data_dir(mini, layout, monkeypatch):
    monkeypatch.setenv("TIA2_DATA_DIR", "/nowhere")
    assert len(load_dataset("tia2", "mini", split="test")) == 18
    with pytest.raises(BenchmarkError, match="takes no data_dir"):
        load_dataset("tia2", "mini", data_dir=str(layout.root))


def test_mini_missing_or_damaged(mini):
    mini.write_bytes(mini.read_bytes()[:500])
    with pytest.raises(BenchmarkError, match=r"mini.parquet is damaged"):
        load_dataset("tia2", "mini")
    mini.unlink()
    with pytest.raises(BenchmarkError, match="missing from this installation"):
        load_dataset("tia2", "mini")


def test_mini_with_an_item_twice(mini):
    rows = load_dataset("tia2", "mini", split="test")
    datasets.concatenate_datasets([rows, rows]).to_parquet(str(mini))
    with pytest.raises(BenchmarkError, match="'comprehensive/image_0_0_0' appears twice"):
        load_dataset("tia2", "mini")


def test_no_images_is_said_once(layout, caplog):
    with caplog.at_level(logging.WARNING, "tia2"):
        for name in ("counting", "counting", "composition"):
            load_dataset("tia2", name, data_dir=str(layout.root))
        list(load_dataset("tia2", "counting", data_dir=str(layout.root), split="test", streaming=True))
    (said,) = [record.message for record in caplog.records if record.name == "tia2"]
    assert "there are no images" in said
    assert str(layout.root) in said


@pytest.mark.parametrize("streaming", [False, True])
def test_missing_and_surplus_images_are_counted_and_named(layout, caplog, streaming):
    folder = layout.add_images("counting", image_1_0_1=None)
    (folder / "cat.jpg").write_bytes(b"x")
    with caplog.at_level(logging.WARNING, "tia2"):
        load_dataset("tia2", "counting", data_dir=str(layout.root), split="test", streaming=streaming)
    said = " ".join(record.message for record in caplog.records if record.name == "tia2")
    assert "1 of 6 items have no image, first counting/image_1_0_1" in said
    assert "1 files belong to no item, first 'cat.jpg'" in said


def test_folder_with_images_alone_gets_the_released_annotations(layout, monkeypatch, tmp_path):
    images = tmp_path / "only"
    layout.add_images("counting")
    shutil.copytree(layout.root / "images", images / "images")
    asked = []
    monkeypatch.setattr(builder.sources, "fetch_annotations", lambda root, subsets: asked.append(tuple(subsets)))
    read = builder.read_subset
    monkeypatch.setattr(builder, "read_subset", lambda root, subset: read(layout.root, subset))
    rows = load_dataset("tia2", "counting", data_dir=str(images), split="test")
    assert asked == [("counting",)]
    assert rows[0]["image"].size == (16, 16)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "countng"}, UnknownNameError, "Did you mean 'counting'? Available: all, comprehensive,"),
        ({"revision": "v0"}, BenchmarkError, "revision='v0' can't be chosen"),
        ({"data_files": "x.json"}, BenchmarkError, "takes no data_files="),
        ({"data_dir": "/nowhere"}, BenchmarkError, "/nowhere is not a folder"),
    ],
)
def test_refused_in_one_clear_line(arguments, error, message):
    with pytest.raises(error) as caught:
        load_dataset("tia2", **arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refusals_of_datasets_itself_stay_clear(layout):
    with pytest.raises(ValueError, match="train"):
        load_dataset("tia2", "counting", data_dir=str(layout.root), split="train")
    with pytest.raises(ValueError, match="colour"):
        load_dataset("tia2", "counting", data_dir=str(layout.root), colour="red")


@pytest.mark.parametrize("num_proc", [None, 2])
def test_damage_inside_an_archive_names_the_image_and_leaves_no_cache_entry(layout, num_proc, built):
    path = layout.add_images("counting", "zip")
    whole = path.read_bytes()
    content = bytearray(whole)
    content[200] ^= 0xFF
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(Tia2Error, match=r"image_0_0_0\.jpg in .*counting\.zip") as caught:
            load_dataset("tia2", "counting", data_dir=str(layout.root), num_proc=num_proc)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_wrong_annotations_come_through_unwrapped(layout, streaming):
    layout.write("prompts/prompt_set_counting.json", json.dumps({"counting prompt 0": []}))
    with pytest.raises(BenchmarkError, match="no entry for 1 of 2 prompts"):
        load_dataset("tia2", "counting", data_dir=str(layout.root), streaming=streaming)
