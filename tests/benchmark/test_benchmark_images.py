"""Images as files, zip and tar."""

from __future__ import annotations

import zipfile

import pytest

from tia2.benchmark.upstream.image_files import ImageReader, find_images
from tia2.errors import BenchmarkError

KINDS = ["folder", "zip", "tar", "tar.gz", "tgz"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inside", ["", "some/where/"])
def test_every_kind_gives_the_same_bytes(layout, kind, inside):
    layout.add_images("counting", kind, inside)
    found = find_images(layout.root, "counting")
    expected = layout.pictures("counting")
    assert found.refs.keys() == expected.keys()
    with ImageReader() as reader:
        backwards = list(reversed(found.refs))
        assert {name: reader.read(found.refs[name]) for name in backwards} == expected


def test_nothing_there(layout):
    assert find_images(None, "counting") is None
    assert find_images(layout.root, "counting") is None


def test_hidden_files_are_passed_over(layout):
    folder = layout.add_images("counting")
    (folder / ".DS_Store").write_bytes(b"x")
    path = layout.add_images("composition", "zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._image_0_0_0.jpg", b"x")
        archive.writestr("folder/.hidden", b"x")
    for subset in ("counting", "composition"):
        assert find_images(layout.root, subset).refs.keys() == layout.pictures(subset).keys()


def test_files_come_before_an_archive_unless_the_folder_is_empty(layout):
    archive = layout.add_images("counting", "zip")
    (layout.root / "images" / "counting").mkdir()
    assert find_images(layout.root, "counting").location == archive
    (layout.root / "images" / "counting" / "image_0_0_0.jpg").write_bytes(b"x")
    assert find_images(layout.root, "counting").location.name == "counting"


def test_two_archives_are_refused(layout):
    layout.add_images("counting", "zip")
    layout.add_images("counting", "tar")
    with pytest.raises(BenchmarkError, match="one archive for counting"):
        find_images(layout.root, "counting")


def test_two_files_of_one_name_are_refused(layout):
    folder = layout.add_images("counting")
    (folder / "again").mkdir()
    (folder / "again" / "image_0_0_0.jpg").write_bytes(b"x")
    with pytest.raises(BenchmarkError, match=r"two files named 'image_0_0_0.jpg'"):
        find_images(layout.root, "counting")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_truncated_archive_is_named(layout, kind, keep, isolated_caches):
    path = layout.add_images("counting", kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(
        BenchmarkError, match=rf"counting\.{kind} is not a whole (zip|tar|tar\.gz) archive .*get it again"
    ):
        find_images(layout.root, "counting")
    assert not list(isolated_caches.rglob("*.tar"))
    assert not list(isolated_caches.rglob("*.partial"))


def test_damaged_member_is_named(layout):
    path = layout.add_images("counting", "zip")
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF  # inside the first image, which is stored without compression
    path.write_bytes(content)
    found = find_images(layout.root, "counting")
    with ImageReader() as reader, pytest.raises(BenchmarkError, match=r"image_0_0_0\.jpg in .*counting\.zip"):
        reader.read(found.refs["image_0_0_0.jpg"])


def test_file_that_goes_away_is_named(layout):
    folder = layout.add_images("counting")
    found = find_images(layout.root, "counting")
    (folder / "image_0_0_1.jpg").unlink()
    with ImageReader() as reader, pytest.raises(BenchmarkError, match=r"image_0_0_1\.jpg: .*No such file"):
        reader.read(found.refs["image_0_0_1.jpg"])


def test_compressed_tar_is_unpacked_once_and_again_when_it_changes(layout, isolated_caches):
    layout.add_images("counting", "tar.gz")
    find_images(layout.root, "counting")
    (copy,) = isolated_caches.rglob("*.tar")
    before = copy.stat().st_mtime_ns
    find_images(layout.root, "counting")
    assert copy.stat().st_mtime_ns == before
    layout.add_images("counting", "tar.gz", image_0_0_0=b"new")
    with ImageReader() as reader:
        assert reader.read(find_images(layout.root, "counting").refs["image_0_0_0.jpg"]) == b"new"
