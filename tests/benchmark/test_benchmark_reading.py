"""Annotations that don't fit together are refused, each with one line that names file and culprit."""

from __future__ import annotations

import pytest

from tia2.benchmark.upstream.annotations import read_subset
from tia2.benchmark.upstream.layout import resolve_data_dir
from tia2.errors import BenchmarkError

LABELS = "human_annotations/human_labels_counting.json"
PROMPTS = "prompts/prompt_set_counting.json"


def test_prompts_come_in_the_order_of_their_numbers_with_their_own_contrastive_prompts(layout):
    prompts = read_subset(layout.root, "counting")
    assert [prompt.prompt_id for prompt in prompts] == ["counting/0", "counting/1"]
    assert [prompt.contrastive[0] for prompt in prompts] == ["counting other 0", "counting other 1"]
    assert prompts[1].item_id(2) == "counting/image_1_0_2"
    assert prompts[1].votes == ((1, 1, 0), (1, 0, -1), (0, 0, 0))


def test_numbers_sort_as_numbers(layout):
    labels = {
        f"image_0_0_{column}.jpg": {"caption": "counting prompt 0", "human_labels": [1]} for column in (10, 9, 0, 2)
    } | {"image_1_0_0.jpg": {"caption": "counting prompt 1", "human_labels": [1]}}
    layout.write(LABELS, labels)
    first = read_subset(layout.root, "counting")[0]
    assert first.files == tuple(f"image_0_0_{column}.jpg" for column in (0, 2, 9, 10))


def item(**changes):
    return {"image": "image_0_0_0.jpg", "caption": "counting prompt 0", "human_labels": [1, 0, 1]} | changes


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (LABELS, "{", "is not valid JSON"),
        (LABELS, '{"a": 1', "was it cut off"),
        (LABELS, "[]", "expected a JSON object with entries, got a list"),
        (LABELS, "{}", "expected a JSON object with entries"),
        (LABELS, '{"image_0_0_0.jpg": {}, "image_0_0_0.jpg": {}}', "'image_0_0_0.jpg' appears twice"),
        (LABELS, {"cat.jpg": item()}, "file names like 'image_0_0_0.jpg', got 'cat.jpg'"),
        (LABELS, {"image_0_0_0.jpg": [1, 0]}, "expected 'caption' and 'human_labels' under 'image_0_0_0.jpg'"),
        (LABELS, {"image_0_0_0.jpg": {"caption": "x"}}, "got an object with 'caption'"),
        (LABELS, {"image_0_0_0.jpg": item(image="image_9_0_0.jpg")}, "says that its image is 'image_9_0_0.jpg'"),
        (LABELS, {"image_0_0_0.jpg": item(caption=" ")}, "expected a prompt as 'caption'"),
        (LABELS, {"image_0_0_0.jpg": item(human_labels=[])}, "expected votes of 1, 0 or -1"),
        (LABELS, {"image_0_0_0.jpg": item(human_labels=[1, 2])}, "expected votes of 1, 0 or -1"),
        (LABELS, {"image_0_0_0.jpg": item(human_labels=[True])}, "expected votes of 1, 0 or -1"),
        (LABELS, {"image_0_0_0.jpg": item(human_labels="101")}, "expected votes of 1, 0 or -1"),
        (
            LABELS,
            {"image_0_0_0.jpg": item()},
            "no items for 1 of 2 prompts of prompt_set_counting.json, first 'counting prompt 1'",
        ),
        (PROMPTS, {"counting prompt 0": []}, "no entry for 1 of 2 prompts that have votes, first 'counting prompt 1'"),
        (PROMPTS, {"counting prompt 0": "x"}, "expected a list of contrastive prompts under 'counting prompt 0'"),
        (PROMPTS, '{"a": [], "a": []}', "'a' appears twice"),
    ],
)
def test_wrong_files_are_named(layout, path, content, message):
    written = layout.write(path, content)
    with pytest.raises(BenchmarkError) as caught:
        read_subset(layout.root, "counting")
    assert message in str(caught.value)
    assert str(written) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_items_of_one_prompt_must_agree_about_it(layout):
    labels = layout.read(LABELS)
    labels["image_0_0_1.jpg"]["caption"] = "counting prompt 1"
    layout.write(LABELS, labels)
    with pytest.raises(BenchmarkError, match="items of prompt 0 disagree"):
        read_subset(layout.root, "counting")


def test_two_numbers_for_one_prompt_are_refused(layout):
    labels = layout.read(LABELS)
    for column in range(3):
        labels[f"image_1_0_{column}.jpg"]["caption"] = "counting prompt 0"
    layout.write(LABELS, labels)
    with pytest.raises(BenchmarkError, match="prompts 0 and 1 are both"):
        read_subset(layout.root, "counting")


def test_missing_file_says_how_to_get_it(layout):
    (layout.root / PROMPTS).unlink()
    with pytest.raises(BenchmarkError, match=r"prompt_set_counting.json is missing; `tia2 data download"):
        read_subset(layout.root, "counting")


def test_not_utf8(layout):
    (layout.root / LABELS).write_bytes(b"\xff\xfe{}")
    with pytest.raises(BenchmarkError, match="not valid JSON"):
        read_subset(layout.root, "counting")


def test_data_dir_from_argument_or_variable(layout, monkeypatch, tmp_path):
    monkeypatch.chdir(layout.root.parent)
    assert resolve_data_dir("tiny") == layout.root.resolve()
    assert resolve_data_dir(None) is None
    monkeypatch.setenv("TIA2_DATA_DIR", str(layout.root))
    assert resolve_data_dir(None) == layout.root.resolve()
    (tmp_path / "link").symlink_to(layout.root)
    assert resolve_data_dir(tmp_path / "link") == layout.root.resolve()


def test_bad_data_dir_says_where_it_came_from(monkeypatch, tmp_path):
    with pytest.raises(BenchmarkError, match="data_dir is '/nowhere', but /nowhere is not a folder"):
        resolve_data_dir("/nowhere")
    monkeypatch.setenv("TIA2_DATA_DIR", str(tmp_path))
    with pytest.raises(BenchmarkError, match=r"TIA2_DATA_DIR is .* holds none of these"):
        resolve_data_dir(None)
