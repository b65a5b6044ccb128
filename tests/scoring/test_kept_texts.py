"""Texts are encoded once for a table, whoever scores it, and kept until it is whole."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import tia2
from tia2.rewards import DualEncoder
from tia2.scoring.kept_texts import StoredTexts
from tia2.scoring.table_files import TableFiles
from tia2.storage import stored_folder

OPTIONS = {"batch_size": 3, "shard_size": 4}


class Once(DualEncoder):
    """Stops after a number of images, and counts the texts that it encodes."""

    name, fingerprint = "once", "d" * 64

    def __init__(self, most: int | None = None, shift: float = 0.0) -> None:
        self.images, self.texts, self.most, self.shift = 0, 0, most, shift

    def embed_images(self, prepared):
        self.images += len(prepared)
        if self.most is not None and self.images > self.most:
            raise KeyboardInterrupt
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])

    def embed_texts(self, texts):
        self.texts += len(texts)
        return np.array([[len(text) + self.shift, 1, sum(map(ord, text)) % 7] for text in texts])


@pytest.fixture
def stopped(benchmark_, tmp_path):
    """A table's folder after two shards, and the names of what is kept beside them."""
    with pytest.raises(KeyboardInterrupt):
        tia2.score(Once(most=8), benchmark_, tmp_path / "t", **OPTIONS)
    return tmp_path / "t"


def kept_in(folder):
    return sorted(folder.glob("texts-*.npz"))


def test_who_resumes_takes_the_texts_that_were_encoded(stopped, benchmark_):
    (kept,) = kept_in(stopped)
    with np.load(kept) as archive:
        assert archive["features"].dtype == np.float32
    # It would encode them otherwise; one table has rewards of one encoding.
    later = Once(shift=1.0)
    table = tia2.score(later, benchmark_, stopped, **OPTIONS)
    assert (later.texts, later.images) == (0, 12)
    whole = tia2.score(Once(), benchmark_, **OPTIONS)
    assert table.rewards.tobytes() == whole.rewards.tobytes()
    assert kept_in(stopped) == []


@pytest.mark.parametrize("damage", ["empty", "no archive", "cut", "flipped", "objects", "too few"])
def test_what_was_kept_and_is_damaged_is_encoded_again(stopped, benchmark_, damage):
    (kept,) = kept_in(stopped)
    content, sink = kept.read_bytes(), io.BytesIO()
    middle = len(content) // 2
    if damage in ("objects", "too few"):
        np.savez(sink, features=np.array([{}]) if damage == "objects" else np.zeros((1, 3), np.float32))
    kept.write_bytes(
        {
            "empty": b"",
            "no archive": b"no archive",
            "cut": content[:-40],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        }.get(damage, sink.getvalue())
    )
    later = Once()
    table = tia2.score(later, benchmark_, stopped, **OPTIONS)
    assert later.texts > 0
    assert table.rewards.tobytes() == tia2.score(Once(), benchmark_, **OPTIONS).rewards.tobytes()
    assert kept_in(stopped) == []


def test_of_two_that_encode_at_once_the_first_counts(tmp_path):
    mine, theirs = (StoredTexts(stored_folder(tmp_path), "k" * 64, 2) for _ in range(2))
    assert mine.read() is None
    first, second = (np.full((2, 3), value, np.float32) for value in (1, 2))
    assert theirs.keep(first) is first
    np.testing.assert_array_equal(mine.keep(second), first)
    assert StoredTexts(stored_folder(tmp_path), "l" * 64, 2).read() is None


def test_overwriting_deletes_them(stopped):
    TableFiles(stopped).clear()
    assert not stopped.exists() or list(stopped.iterdir()) == []


def test_the_manifest_names_the_batch_sizes_that_fitted_everywhere(stopped, benchmark_):
    path = stopped / "manifest.json"
    begun = json.loads(path.read_text())

    class Smaller(Once):
        """Another process notes a smaller batch size meanwhile."""

        def embed_images(self, prepared):
            path.write_text(json.dumps(begun | {"batch_size": 2, "text_batch_size": 1}))
            return super().embed_images(prepared)

    manifest = tia2.score(Smaller(), benchmark_, stopped, **OPTIONS).manifest
    assert (manifest.batch_size, manifest.text_batch_size) == (2, 1)
