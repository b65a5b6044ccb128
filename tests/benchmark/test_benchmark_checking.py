"""Every image looked at: missing, corrupt, odd, surplus."""

from __future__ import annotations

import datasets
import pytest

from tia2.benchmark import check, load, summarise
from tia2.errors import BenchmarkError


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_all_is_well(layout, kind):
    layout.add_images("counting", kind)
    (result,) = check("counting", data_dir=layout.root)
    assert (result.items, result.sound, result.problems, result.usual_size) == (6, 6, 0, "16x16")
    assert result.location.startswith(str(layout.root / "images" / "counting"))
    assert result.released is False


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_every_problem_is_named(layout, kind, make_jpeg):
    whole = make_jpeg(5, (64, 64))
    layout.add_images(
        "counting",
        kind,
        image_0_0_0=None,
        image_0_0_1=whole[: len(whole) // 2],
        image_0_0_2=b"<html>sign in</html>",
        image_1_0_0=b"",
        image_1_0_1=make_jpeg(7, (16, 8)),
        surplus=make_jpeg(8),
        image_9_0_0=make_jpeg(9),
    )
    (result,) = check("counting", data_dir=layout.root)
    assert result.missing == ["counting/image_0_0_0"]
    assert list(result.corrupt) == [f"counting/image_{name}" for name in ("0_0_1", "0_0_2", "1_0_0")]
    assert "truncated" in result.corrupt["counting/image_0_0_1"]
    assert result.corrupt["counting/image_0_0_2"] == "not an image"
    assert result.corrupt["counting/image_1_0_0"] == "the file is empty"
    assert result.surplus == ["image_9_0_0.jpg", "surplus.jpg"]
    assert result.sound == 2
    assert len(result.odd_size) == 1
    assert result.problems == 7


def test_damaged_archive_member_is_one_corrupt_image(layout):
    path = layout.add_images("counting", "zip")
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    (result,) = check("counting", data_dir=layout.root)
    assert list(result.corrupt) == ["counting/image_0_0_0"]
    assert result.sound == 5


def test_without_images_all_are_missing(layout):
    results = check("all", data_dir=layout.root)
    assert [len(result.missing) for result in results] == [6, 6, 6]
    assert [result.location for result in results] == [None] * 3


def test_whole_archive_damaged_is_an_error(layout):
    path = layout.add_images("counting", "zip")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BenchmarkError, match="not a whole zip archive"):
        check("counting", data_dir=layout.root)


def test_embedded_images_are_checked_too(layout, tmp_path, make_jpeg):
    for subset in ("comprehensive", "counting", "composition"):
        layout.add_images(subset, "zip", image_0_0_0=b"x", image_0_0_1=None)
    data = load(layout.root).dataset
    data.to_parquet(str(tmp_path / "copy.parquet"))
    results = check(tmp_path / "copy.parquet")
    assert [result.subset for result in results] == ["comprehensive", "counting", "composition"]
    for result in results:
        assert result.missing == [f"{result.subset}/image_0_0_1"]
        assert result.corrupt == {f"{result.subset}/image_0_0_0": "not an image"}
        assert (result.sound, result.released) == (4, None)


def test_progress_reaches_the_end(layout):
    layout.add_images("counting")
    seen = []
    check("counting", data_dir=layout.root, progress=lambda *state: seen.append(state))
    assert seen[-1] == ("counting", 6, 6)


def test_summary(layout):
    labels = layout.read("human_annotations/human_labels_counting.json")
    labels["image_1_0_0.jpg"]["human_labels"] = [0, 0, 0, 1]
    layout.write("human_annotations/human_labels_counting.json", labels)
    layout.add_images("counting", image_0_0_0=None)
    summary = {one.subset: one for one in summarise(load(layout.root))}
    one = summary["counting"]
    assert (one.prompts, one.constant_prompts, one.items, one.votes, one.unsure_items, one.images) == (
        2,
        1,
        6,
        19,
        2,
        5,
    )
    assert one.human_rate == pytest.approx(1 / 6)
    assert summary["composition"].images == 0
    assert summary["composition"].human_rate == pytest.approx(1 / 3)


def test_summary_without_votes():
    data = {"item_id": ["a", "b"], "subset": ["s"] * 2, "prompt_id": ["p"] * 2, "prompt": ["x"] * 2}
    (one,) = summarise(load(datasets.Dataset.from_dict(data | {"human_score": [0.1, 0.9]})))
    assert (one.votes, one.unsure_items, one.human_rate, one.images) == (0, 0, 0.5, 0)
