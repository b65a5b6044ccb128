"""Image files that are damaged in ways of their own, and sound ones that look damaged."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from tia2.decoding import read_picture, read_rgb
from tia2.errors import ImageFileError

CASES = Path(__file__).parent / "cases"
PIXELS = np.arange(16 * 12 * 3, dtype=np.uint8).reshape(12, 16, 3)


def png(**options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("name", ["bad_avif.bin", "bad_dds.bin"])
def test_decoders_with_errors_of_their_own(name):
    content = (CASES / name).read_bytes()
    with pytest.raises(Exception) as raw:  # noqa: PT011
        Image.open(io.BytesIO(content)).load()
    assert not isinstance(raw.value, OSError)
    with pytest.raises(ImageFileError):
        read_picture(content)


@pytest.mark.parametrize("error", [RuntimeError("dimension"), NotImplementedError("mode"), MemoryError(), KeyError(7)])
def test_whatever_a_decoder_raises(monkeypatch, error):
    """Decoders of other packages register with Pillow, and raise what they like."""

    def load(self):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(ImageFileError, match=r"^(dimension|mode|MemoryError|7)$"):
        read_rgb(png())


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "many"])
def test_a_sound_png_with_long_texts_is_sound(kind):
    """Image editors keep whole workflows in a PNG's texts; Pillow gives up beyond a megabyte."""
    texts = PngImagePlugin.PngInfo()
    long = "two cats " * 400_000
    if kind == "many":
        for number in range(80):
            texts.add_text(f"t{number}", "x" * 1_000_000, zip=True)
    elif kind == "iTXt":
        texts.add_itxt("prompt", long, zip=True)
    else:
        texts.add_text("prompt", long, zip=kind == "zTXt")
    content = png(pnginfo=texts)
    if kind != "tEXt":
        with pytest.raises(ValueError, match=r"MAX_TEXT"):
            Image.open(io.BytesIO(content)).load()
    assert np.array_equal(np.asarray(read_rgb(content)), PIXELS)


def test_a_profile_that_is_too_long_is_passed_over():
    profile = zlib.compress(bytes(3_000_000))
    body = b"icc\0\0" + profile
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    content = png()
    with_profile = content[:33] + chunk + content[33:]
    assert np.array_equal(np.asarray(read_rgb(with_profile)), PIXELS)
    with pytest.raises(ImageFileError):
        read_rgb(with_profile[:-40])


def jpeg(exif: bytes) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_broken_exif_data_leave_a_sound_picture():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    assert read_rgb(jpeg(exif.tobytes())).size == (12, 16)
    whole = exif.tobytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(3):
            broken[int(rng.integers(6, len(broken)))] = int(rng.integers(0, 256))
        assert set(read_rgb(jpeg(bytes(broken))).size) == {12, 16}


def test_what_has_no_pixels_is_refused():
    with pytest.raises(ImageFileError, match=r"^the file is empty$"):
        read_picture(b"")
    with pytest.raises(ImageFileError, match=r"^not an image$"):
        read_picture(b"<html>not found</html>")
    with pytest.raises(ImageFileError, match="EPS is a program that draws"):
        read_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")


def test_check_and_score_agree_on_what_is_damaged(tmp_path, cli, monkeypatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    grey = io.BytesIO()
    Image.new("F", (8, 8)).save(grey, "TIFF")
    contents = [
        png(),
        (CASES / "bad_avif.bin").read_bytes(),
        (CASES / "bad_dds.bin").read_bytes(),
        grey.getvalue(),
        png(),
    ]
    rows = [
        {
            "item_id": f"a/{number}",
            "subset": "a",
            "prompt_id": "a/0",
            "prompt": "cats",
            "image": {"bytes": content, "path": None},
            "votes": [number % 2],
        }
        for number, content in enumerate(contents)
    ]
    pq.write_table(pa.Table.from_pylist(rows), "cases.parquet")
    Path("mine.py").write_text("def mine(images, texts):\n    return [float(image.width) for image in images]\n")
    said = cli("data", "check", "cases.parquet", "--json")
    assert said.code == 1
    assert sorted(json.loads(said.out)[0]["corrupt"]) == ["a/1", "a/2", "a/3"]
    words = ("score", "--reward", "mine.py:mine", "--benchmark", "cases.parquet", "--out", "t")
    assert "3 images can't be read (a/1, a/2, a/3)" in cli(*words).err
    said = cli(*words, "--skip-bad-images", "--json")
    assert (said.code, json.loads(said.out)[0]["skipped_items"]) == (0, ["a/1", "a/2", "a/3"])
