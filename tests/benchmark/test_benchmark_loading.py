"""tia2.benchmark.load: every way to name a benchmark, foreign ones, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json

import datasets
import numpy as np
import pytest
from PIL import Image

from tia2.benchmark import Benchmark, load
from tia2.errors import BenchmarkError, UnknownNameError


def rows(count=4, **columns):
    """Return the least that makes a benchmark, with columns added, replaced, or (None) left out."""
    base = {
        "item_id": [f"a/{index}" for index in range(count)],
        "subset": ["a"] * count,
        "prompt_id": [f"a/{index // 2}" for index in range(count)],
        "prompt": [f"prompt {index // 2}" for index in range(count)],
        "human_score": [index / count for index in range(count)],
    } | columns
    return {name: values for name, values in base.items() if values is not None}


def foreign(**columns):
    return datasets.Dataset.from_dict(rows(**columns))


def test_config_and_folder_in_upstreams_layout(layout):
    layout.add_images("counting", "zip")
    benchmark = load("counting", data_dir=layout.root)
    assert benchmark.name == "counting"
    assert len(benchmark) == 6
    assert benchmark.has_images
    assert repr(benchmark) == "Benchmark('counting', 6 items of 2 prompts, with images)"
    whole = load(layout.root)
    assert (whole.name, len(whole), whole.has_images) == ("all", 18, False)
    assert len(whole.missing_images) == 12
    assert load(benchmark) is benchmark


def test_shares_the_cache_with_load_dataset(layout, monkeypatch):
    from tia2.benchmark import builder

    datasets.load_dataset("tia2", "counting", data_dir=str(layout.root))
    monkeypatch.setattr(builder.Tia2, "_generate_examples", lambda *_, **__: pytest.fail("built again"))
    assert len(load("counting", data_dir=layout.root)) == 6


def test_items_and_images(layout):
    layout.add_images("counting")
    benchmark = load("counting", data_dir=layout.root)
    items = benchmark.items
    assert list(items.columns) == [
        "item_id", "subset", "prompt_id", "prompt", "votes", "human_score", "label", "contrastive_prompts",
    ]  # fmt: skip
    assert items["votes"][4] == [1, 0, -1]
    assert items["contrastive_prompts"][4] == ["counting other 1", "same"]
    assert items["label"].dtype == bool
    assert items["human_score"].dtype == np.float64
    expected = layout.pictures("counting")["image_1_0_1.jpg"]
    assert benchmark.image_bytes(4) == expected
    (image,) = benchmark.images([4])
    assert image.mode == "RGB"
    assert image.tobytes() == Image.open(io.BytesIO(expected)).convert("RGB").tobytes()


@pytest.mark.parametrize("kind", ["parquet file", "folder of parquet", "save_to_disk", "dict on disk"])
def test_what_was_written_loads_again(layout, tmp_path, kind):
    layout.add_images("counting", "zip")
    original = load("counting", data_dir=layout.root)
    folder = tmp_path / "copy"
    folder.mkdir()
    if kind == "save_to_disk":
        original.dataset.save_to_disk(str(folder))
    elif kind == "dict on disk":
        datasets.DatasetDict({"train": original.dataset}).save_to_disk(str(folder))
    else:
        original.dataset.to_parquet(str(folder / "copy.parquet"))
    copy = load(folder / "copy.parquet" if kind == "parquet file" else folder)
    assert copy.name == "copy"
    assert copy.fingerprint == original.fingerprint
    assert copy.votes_fingerprint == original.votes_fingerprint
    assert [copy.image_bytes(index) for index in range(6)] == [original.image_bytes(index) for index in range(6)]


def test_fingerprints_are_the_documented_hashes_and_tell_apart_what_they_should(layout):
    benchmark = load("counting", data_dir=layout.root)

    def digest(columns):
        lines = (
            json.dumps([row[column] for column in columns], ensure_ascii=False, separators=(",", ":")) + "\n"
            for row in benchmark.items.to_dict("records")
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    asked = ["item_id", "subset", "prompt_id", "prompt", "contrastive_prompts"]
    assert benchmark.fingerprint == digest(asked)
    assert benchmark.votes_fingerprint == digest(["item_id", "votes", "human_score", "label"])
    assert benchmark.scores_fingerprint == digest(["item_id", "human_score"])
    labels = layout.read("human_annotations/human_labels_counting.json")
    labels["image_0_0_0.jpg"]["human_labels"] = [0, 0, 0]
    layout.write("human_annotations/human_labels_counting.json", labels)
    other_votes = load("counting", data_dir=layout.root)
    assert other_votes.fingerprint == benchmark.fingerprint
    assert other_votes.votes_fingerprint != benchmark.votes_fingerprint
    prompts = layout.read("prompts/prompt_set_counting.json")
    prompts["counting prompt 1"].append("ü")
    layout.write("prompts/prompt_set_counting.json", prompts)
    other_prompts = load("counting", data_dir=layout.root)
    assert other_prompts.fingerprint != benchmark.fingerprint
    assert other_prompts.votes_fingerprint == other_votes.votes_fingerprint


def test_a_human_score_alone_is_enough():
    benchmark = load(foreign())
    assert isinstance(benchmark, Benchmark)
    assert "votes" not in benchmark.items
    assert benchmark.items["label"].tolist() == [False, False, False, True]
    assert benchmark.items["contrastive_prompts"].tolist() == [[]] * 4
    assert not benchmark.has_images
    assert benchmark.image_bytes(0) is None


def test_any_number_of_votes_is_enough():
    votes = [[1], [1, 0, 0, 0, -1], [0, 0], [1] * 9]
    benchmark = load(foreign(human_score=None, votes=votes))
    assert benchmark.items["human_score"].tolist() == [1.0, 0.3, 0.0, 1.0]
    assert benchmark.items["votes"].tolist() == votes


def test_any_scale_of_scores_goes_with_labels_of_its_own():
    benchmark = load(foreign(human_score=[5, 1, 2, 4], label=[1, 0, 0, 1]))
    assert benchmark.items["label"].tolist() == [True, False, False, True]
    assert benchmark.items["human_score"].dtype == np.float64


def test_selected_and_shuffled_datasets_keep_image_and_item_together(layout):
    layout.add_images("counting", "zip", image_0_0_2=None)
    data = load("counting", data_dir=layout.root).dataset.shuffle(seed=3).select([5, 0, 3, 1])
    benchmark = load(data)
    for index, item in enumerate(benchmark.items["item_id"]):
        content = benchmark.image_bytes(index)
        assert (
            content == layout.pictures("counting").get(f"{item.split('/')[1]}.jpg") or item in benchmark.missing_images
        )
    assert load(load("counting", data_dir=layout.root).dataset).missing_images == ["counting/image_0_0_2"]


def test_images_given_as_paths_or_plain_structs(tmp_path, make_jpeg):
    path = tmp_path / "x.jpg"
    path.write_bytes(make_jpeg(1))
    assert load(foreign(image=[str(path)] * 4)).image_bytes(3) == make_jpeg(1)
    struct = [{"bytes": make_jpeg(2), "path": None}] * 3 + [None]
    benchmark = load(foreign(image=struct))
    assert benchmark.image_bytes(0) == make_jpeg(2)
    assert benchmark.missing_images == ["a/3"]


def test_images_become_rgb_and_upright():
    turned = Image.new("RGBA", (20, 10), (255, 0, 0, 128))
    exif = turned.getexif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    turned.save(stream, "PNG", exif=exif)
    (image,) = load(foreign(image=[{"bytes": stream.getvalue(), "path": None}] * 4)).images([0])
    assert (image.mode, image.size) == ("RGB", (10, 20))


def test_missing_and_damaged_images_name_the_item(make_jpeg):
    whole = make_jpeg(1, (64, 64))
    contents = [whole[: len(whole) // 2], b"no image", b"", None]
    benchmark = load(foreign(image=[{"bytes": content, "path": None} for content in contents]))
    for index in (0, 1, 2):
        with pytest.raises(BenchmarkError, match=f"image of a/{index} is damaged"):
            benchmark.images([index])
    with pytest.raises(BenchmarkError, match="a/3 has no image"):
        benchmark.images([3])


def test_image_file_that_went_away_names_the_item(layout):
    folder = layout.add_images("counting")
    benchmark = load("counting", data_dir=layout.root)
    (folder / "image_0_0_0.jpg").unlink()
    with pytest.raises(BenchmarkError, match="The image of counting/image_0_0_0 can't be read"):
        benchmark.image_bytes(0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prompt_id": None}, "lacks prompt_id; its columns are item_id, subset, prompt, human_score"),
        ({"human_score": None}, "lacks votes, ratings, comparisons or human_score"),
        ({"item_id": ["x", "y", "x", "z"]}, "item_id 'x' appears twice"),
        ({"item_id": ["x", "y", None, "z"]}, "item_id of row 2 is None"),
        ({"prompt": [1, 2, 3, 4]}, "prompt of row 0 is 1; expected a text"),
        ({"prompt": ["p", "q", "r", "r"]}, "'a/0' stands for both"),
        ({"human_score": [0.5, float("nan"), 0, 0]}, "human_score of 'a/1' is nan"),
        ({"human_score": [0.5, None, 0, 0]}, "human_score of 'a/1' is None"),
        ({"human_score": [0, 5, 0, 0]}, r"human_score of 'a/1' is 5, outside \[0, 1\].*add a column label"),
        ({"human_score": ["a", "b", "c", "d"]}, "human_score of 'a/0' is 'a'; expected a number"),
        ({"label": [True, False, None, True]}, "label of 'a/2' is None"),
        ({"label": [1, 0, 2, 1]}, "label of 'a/2' is 2"),
        ({"human_score": None, "votes": [[1], [0], [], [1]]}, "item 'a/2': An item has no votes"),
        ({"human_score": None, "votes": [[1], [7], [0], [1]]}, r"item 'a/1': Expected votes .* got \[7\]"),
        ({"contrastive_prompts": [["x"], ["y"], [], []]}, "items of 'a/0' have different contrastive_prompts"),
    ],
)
def test_wrong_columns_are_refused_by_name(columns, message):
    with pytest.raises(BenchmarkError, match=message) as caught:
        load(foreign(**columns))
    assert "\n" not in str(caught.value)


def test_column_image_that_holds_no_images():
    with pytest.raises(BenchmarkError, match="column image is"):
        load(foreign(image=[1, 2, 3, 4])).image_bytes(0)


def test_empty_dataset():
    with pytest.raises(BenchmarkError, match="has no items"):
        load(foreign().select([]))


def test_splits():
    both = datasets.DatasetDict({"train": foreign(), "test": foreign().select([0, 1])})
    assert len(load(both)) == 2
    both.pop("test")
    assert len(load(both)) == 4
    both["validation"] = foreign()
    with pytest.raises(BenchmarkError, match=r"Expected a split 'test' or a single one .* got train, validation"):
        load(both)


def test_names_that_lead_nowhere(tmp_path, layout, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'composition'"):
        load("compositon")
    with pytest.raises(BenchmarkError, match=r"'\./nowhere' is no file or folder"):
        load("./nowhere")
    with pytest.raises(BenchmarkError, match=r"'x\.parquet' is no file or folder"):
        load("x.parquet")
    with pytest.raises(BenchmarkError, match="data_dir is for the configs"):
        load(layout.root, data_dir=layout.root)
    with pytest.raises(BenchmarkError, match="Expected a config, path or dataset as benchmark, got int"):
        load(3)


def test_files_that_are_no_benchmark(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchmarkError, match=r"Expected a \.parquet file or a folder"):
        load(tmp_path / "notes.txt")
    with pytest.raises(BenchmarkError, match=r"bad\.parquet can't be read") as caught:
        load(tmp_path / "bad.parquet")
    assert "\n" not in str(caught.value)
    with pytest.raises(BenchmarkError, match="holds no dataset"):
        load(tmp_path / "empty")


def test_lazy_names_are_functions_not_modules():
    import tia2.benchmark
    import tia2.benchmark.checking
    import tia2.benchmark.exporting

    for name in tia2.benchmark.__all__:
        value = getattr(tia2.benchmark, name)
        assert callable(value) or isinstance(value, tuple), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tia2.benchmark.nothing
