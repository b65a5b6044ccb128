"""Files in the layouts of public datasets, a few rows each, as upstream lays them out."""

from __future__ import annotations

import io
import json
import struct

import pandas as pd
import pytest
from datasets import Dataset
from PIL import Image

from tia2.benchmark import make
from tia2.benchmark.layouts.registry import LAYOUTS, layout_of
from tia2.errors import BenchmarkError, UnknownNameError
from tia2.evaluation.pairs import Preferences

ANIMALS = {"prompt": "a cat", "image_path": ["test/1.jpg", "test/2.jpg", "test/3.jpg"]}


def png(colour: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (6, 4), (colour, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


def pairs_of(benchmark):
    pairs = Preferences.of_items(benchmark.items)
    return dict(zip(zip(pairs.first, pairs.second, strict=True), pairs.votes.tolist(), strict=True))


def test_hpdv2_test_json(tmp_path):
    annotations = [{"rank": [1, 2, 3], "user_hash": "u"}, {"rank": [2, 1, 3], "user_hash": "v"}]
    rows = [{**ANIMALS, "rank": [1, 2, 3], "raw_annotations": annotations}]
    (tmp_path / "test.json").write_text(json.dumps(rows))
    made = make(tmp_path / "test.json")
    one, two, three = ANIMALS["image_path"]
    assert pairs_of(made) == {(one, two): [1, 0], (one, three): [1, 1], (two, three): [1, 1]}
    assert made.items["human_score"].tolist() == [0.75, 0.75, 0]
    assert made.notes[1].startswith("Read in the layout of HPDv2")
    assert not made.has_images
    direct = Preferences.of(tmp_path / "test.json")
    assert direct.votes.tolist() == [[1, 0], [1, 1], [1, 1]]


def test_hpdv2_train_json(tmp_path):
    rows = [{"human_preference": [0, 1], "prompt": "a dog", "file_path": ["train/a.jpg", "train/b.jpg"]}]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    assert pairs_of(make(tmp_path / "train.json")) == {("train/a.jpg", "train/b.jpg"): [0]}
    short = [{**ANIMALS, "rank": [1, 2]}]
    with pytest.raises(BenchmarkError, match="Row 0: 2 ranks for 3 images"):
        make(short, layout="hpdv2")


def test_images_that_are_there_come_along(tmp_path):
    (tmp_path / "test").mkdir()
    for number in range(1, 4):
        (tmp_path / "test" / f"{number}.jpg").write_bytes(png(40 * number))
    (tmp_path / "test.json").write_text(json.dumps([{**ANIMALS, "rank": [3, 1, 2]}]))
    made = make(tmp_path / "test.json")
    assert made.has_images
    assert made.items["item_id"].tolist() == ANIMALS["image_path"]


RANKED = {"classification": "People", "image_amount_in_total": 2, "overall_rating": 5}
RATED = {"image_text_alignment_rating": 5, "fidelity_rating": 6}


def test_imagerewarddb_images():
    rows = [
        {"image_path": f"{name}.webp", "prompt_id": "000-1", "prompt": "a man", **RANKED, **RATED, "rank": rank}
        for name, rank in (("x", 2), ("y", 1), ("z", 2))
    ]
    made = make(Dataset.from_list(rows))
    assert pairs_of(made) == {("x.webp", "y.webp"): [0], ("x.webp", "z.webp"): [0.5], ("y.webp", "z.webp"): [1]}
    assert made.items["prompt_id"].unique().tolist() == ["000-1"]


def test_imagerewarddb_groups_pairs_and_the_authors_test_json(tmp_path):
    group = {"prompt_id": "7", "prompt": "a hat", "classification": "x", "image": [png(1), png(9)], "rank": [1, 2]}
    made = make([{**group, "overall_rating": [6, 2], **{name: [1, 1] for name in RATED}}])
    assert pairs_of(made) == {("7/0", "7/1"): [1]}
    assert made.has_images
    better = {"prompt_id": "7", "prompt": "a hat", "classification": "x", "img_better": png(1), "img_worse": png(9)}
    made = make([better])
    assert (pairs_of(made), made.has_images) == ({("7/0/a", "7/0/b"): [1]}, True)
    listed = {"id": "3", "prompt": "a hat", "generations": ["t/a.webp", "t/b.webp"], "ranking": [2, 1]}
    (tmp_path / "test.json").write_text(json.dumps([listed]))
    assert pairs_of(make(tmp_path / "test.json")) == {("t/a.webp", "t/b.webp"): [0]}
    with pytest.raises(BenchmarkError, match="prompt 3: 1 ranks for 2 images"):
        make([{**listed, "ranking": [1]}])


def test_pick_a_pic_with_images():
    row = {"caption": "a cat", "image_0_uid": "u", "image_1_uid": "v", "label_0": 0.5, "label_1": 0.5}
    made = make([{**row, "jpg_0": png(1), "jpg_1": png(2), "has_label": True}])
    assert (pairs_of(made), made.has_images) == ({("u", "v"): [0.5]}, True)


def test_evalmuse(tmp_path):
    row = {"prompt_id": "00012", "prompt": "two puffins", "type": "real_hybrid", "total_score": [4, 5, 2]}
    more = {"element_score": {"puffins (animal)": [1, 1, 0]}, "promt_meaningless": [0, 0, 0]}
    labels = {"split_confidence": [1, 1, 1], "attribute_confidence": [1, 1, 1], "fidelity_label": ["", "", ""]}
    rows = [{**row, "img_path": f"{model}/00012.png", **more, **labels} for model in ("SDXL", "PixArt")]
    rows[1]["total_score"] = [1, 1, 2]
    (tmp_path / "train_list.json").write_text(json.dumps(rows))
    made = make(tmp_path / "train_list.json")
    assert made.items["ratings"].tolist() == [[4, 5, 2], [1, 1, 2]]
    assert made.items["subset"].unique().tolist() == ["real"]
    assert made.items["label"].tolist() == [True, False]
    assert made.scale.rule == "mean rating above 3, on a scale of 1 to 5"


def example(features):
    """A tf.train.Example, as TensorFlow writes it."""

    def field(number, content):
        return bytes([number << 3 | 2]) + varint(len(content)) + content

    def varint(number):
        low, number = number & 0x7F, number >> 7
        return bytes([low | 0x80]) + varint(number) if number else bytes([low])

    def value(content):
        if isinstance(content, bytes):
            return field(1, field(1, content))
        if isinstance(content, float):
            return field(2, field(1, struct.pack("<f", content)))
        return field(3, field(1, b"".join(map(varint, content))))

    entries = [field(1, field(1, name.encode()) + field(2, value(content))) for name, content in features.items()]
    return field(1, b"".join(entries))


def record(content):
    """A TFRecord record; the checksum is that of Castagnoli, bit by bit."""

    def masked(data):
        crc = 0xFFFFFFFF
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        crc ^= 0xFFFFFFFF
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    head = struct.pack("<Q", len(content))
    return head + masked(head) + content + masked(content)


SCORES = {"aesthetics_score": 0.75, "artifact_score": 0.5, "misalignment_score": 0.25, "overall_score": 0.5}


@pytest.fixture
def richhf(tmp_path):
    examples = [
        {"filename": f"test/{uid}.png".encode(), **SCORES, "misalignment_score": score, "artifact_map": b"\x89" * 300}
        for uid, score in (("u1", 0.25), ("u2", 1.0))
    ]
    path = tmp_path / "test.tfrecord"
    path.write_bytes(b"".join(record(example({**one, "numbers": [1, 300]})) for one in examples))
    return path


def test_richhf_tfrecord(richhf):
    with pytest.raises(BenchmarkError, match=r"2 of 2 images have no caption, first 'test/u1\.png'"):
        make(richhf)
    pickapic = pd.DataFrame({"image_0_uid": ["u1"], "image_1_uid": ["u2"], "caption": ["a cat"]})
    pickapic.to_csv(richhf.parent / "captions.csv", index=False)
    made = make(richhf)
    assert made.items["item_id"].tolist() == ["test/u1.png", "test/u2.png"]
    assert made.items["human_score"].tolist() == [0.25, 1]
    assert made.items["prompt"].unique().tolist() == ["a cat"]
    (richhf.parent / "captions.csv").write_text("filename,caption\nu1.png,a cat\nu2.png,a dog\n")
    assert make(richhf).items["prompt"].tolist() == ["a cat", "a dog"]


def test_richhf_as_a_table():
    made = make([{"filename": "train/u.png", **SCORES, "caption": "a cat", "prompt_misalignment_label": "1 1 0"}])
    assert made.items["human_score"].tolist() == [0.25]


def test_damaged_tfrecords(richhf):
    whole = richhf.read_bytes()
    for content, message in (
        (whole[:-9], "ends within record 1"),
        (b"\x00" * 40, "record 0 is damaged, or the file is no TFRecord"),
        (record(b"\xff\xff\xff\xff\xff\xff\xff"), "record 0 is no tf.train.Example"),
        (record(example({"filename": b"x"})), "example 0 has no misalignment_score"),
    ):
        richhf.write_bytes(content)
        with pytest.raises(BenchmarkError, match=message):
            make(richhf)


def test_a_layout_can_be_named():
    with pytest.raises(UnknownNameError, match="hpdv3"):
        make([ANIMALS], layout="hpdv3")
    with pytest.raises(BenchmarkError, match="isn't in the layout evalmuse: expected the columns element_score"):
        make([ANIMALS], layout="evalmuse")
    assert layout_of(["prompt", "image", "votes"]) is None
    assert all(layout.note and layout.title for layout in LAYOUTS.values())
