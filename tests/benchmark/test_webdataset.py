"""WebDataset archives as a source: one row per sample, or one error; the same rows as datasets' own reader."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import datasets
import fsspec
import pytest
from PIL import Image

from tia2.benchmark import make
from tia2.benchmark.reading.webdataset import webdataset_frame
from tia2.errors import BenchmarkError

RATINGS = [5, 1, 3, 4]


def png(colour: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (12, 8), (colour, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


def samples(first: int = 0, count: int = 4) -> dict[str, bytes]:
    files = {}
    for number in range(first, first + count):
        files[f"{number:03}.png"] = png(number)
        files[f"{number:03}.json"] = json.dumps({"caption": "two dogs", "rating": RATINGS[number % 4]}).encode()
    return files


@pytest.fixture
def archive(tmp_path):
    def write(name: str = "a.tar", files: dict[str, bytes] | None = None):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as tar:
            for member, content in (samples() if files is None else files).items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return path

    return write


def made(source, **more):
    return make(source, prompt="caption", ratings="rating", scale={"low": 1, "high": 5}, **more)


@pytest.mark.parametrize("name", ["a.tar", "a.TAR.gz", "a.tgz"])
def test_an_archive_becomes_a_benchmark_with_its_images(archive, name):
    benchmark = made(archive(name))
    assert benchmark.items["prompt"].tolist() == ["two dogs"] * 4
    assert benchmark.items["human_score"].tolist() == [1.0, 0.0, 0.5, 0.75]
    assert [image.getpixel((0, 0)) for image in benchmark.images([0, 3])] == [(0, 0, 0), (3, 0, 0)]


def test_rows_are_those_of_the_reader_of_datasets(archive, tmp_path):
    path = archive()
    theirs = datasets.load_dataset("webdataset", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    ours = webdataset_frame([path])
    assert ours["key"].tolist() == theirs["__key__"][:]
    assert ours[["caption", "rating"]].to_dict("records") == theirs["json"][:]
    bytes_of = theirs.cast_column("png", datasets.Image(decode=False))["png"][:]
    assert [image["bytes"] for image in ours["image"]] == [image["bytes"] for image in bytes_of]


def test_a_folder_of_archives_is_read_in_the_order_of_their_names(archive, tmp_path):
    archive("shards/001.tar", samples(2, 2))
    archive("shards/000.tar", samples(0, 2))
    benchmark = made(tmp_path / "shards")
    assert [image.getpixel((0, 0))[0] for image in benchmark.images(range(4))] == [0, 1, 2, 3]
    (tmp_path / "shards" / "more.csv").write_text("caption,rating\na,1\n")
    with pytest.raises(BenchmarkError, match=r"holds archives \(000.tar\) and other data \(more.csv\): give one"):
        made(tmp_path / "shards")


def test_an_archive_in_a_store(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    fsspec.filesystem("memory").pipe("/bucket/a.tar", archive().read_bytes())
    assert made("memory://bucket/a.tar").items["human_score"].tolist() == [1.0, 0.0, 0.5, 0.75]


def test_what_differs_from_sample_to_sample(archive):
    files = {
        "./x/a.jpg": png(1), "x/a.txt": "\ufeffone cat\n".encode(), "x/._a.jpg": b"a file manager's",
        "__MACOSX/x/a.jpg": b"another's", "y/a.webp": png(2), "y/a.json": b'{"rating": 4}', "y/a.cls": b"7",
    }  # fmt: skip
    frame = webdataset_frame([archive(files=files)])
    assert frame["key"].tolist() == ["x/a", "y/a"]
    assert frame["image"].map(lambda image: image["path"]).tolist() == ["x/a.jpg", "y/a.webp"]
    assert frame[["txt", "rating", "cls"]].to_dict("list") == {
        "txt": ["one cat", None], "rating": [None, 4], "cls": [None, "7"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**samples(), "003.npy": b"\x93NUMPY"}, r"a\.tar: 003\.npy would be left out\. A sample has an image"),
        ({**samples(), "000.jpg": png(0)}, r"the sample '000' is there twice"),
        ({"0.png": png(0), "0.jpg": png(0)}, r"0\.jpg gives 'image' of the sample '0' a second time"),
        ({"0.json": b"{"}, r"0\.json can't be read: "),
        ({"0.json": b"[1]"}, r"0\.json is no JSON object"),
        ({"0.txt": b"\xff"}, r"0\.txt can't be read: "),
        ({"0.json": b"[" * 100_000}, r"0\.json can't be read: "),
        ({}, r"a\.tar holds no sample"),
    ],
)
def test_what_would_be_lost_or_misread_is_refused(archive, files, message):
    with pytest.raises(BenchmarkError, match=message) as caught:
        made(archive(files=files))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("damage", ["in a file", "in a header", "before a header", "a header", "gzip", "words"])
def test_damaged_archives_are_refused(archive, damage):
    path = archive()
    whole = path.read_bytes()
    path.write_bytes(
        {
            "in a file": whole[:700],
            "in a header": whole[:1200],
            "before a header": whole[:2048],
            "a header": whole[:2048] + b"\1" * 512 + whole[2560:],
            "gzip": gzip.compress(whole)[:-200],
            "words": b"no archive" * 100,
        }[damage]
    )
    with pytest.raises(BenchmarkError, match=r"a\.tar is no tar archive, or damaged: .*\.$"):
        made(path)
