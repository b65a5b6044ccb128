"""When memory runs out, batches are halved, the rewards stay right, and a resumed run uses what fitted."""

from __future__ import annotations

import numpy as np
import pytest

import tia2
from tia2.errors import RewardError
from tia2.rewards import CrossEncoder, DualEncoder
from tia2.rewards.loading.batching import first_batch_size, is_out_of_memory
from tia2.scoring import ScoreTable

ERRORS = {
    "cuda": RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried …"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 18 GB)"),
    "python": MemoryError(),
}


class Small(DualEncoder):
    """Runs out of memory with more than `room` images, or `text_room` texts, at a time."""

    fingerprint = "small"

    def __init__(self, room, text_room=1000, error="cuda"):
        self.room, self.text_room, self.error = room, text_room, error
        self.batches, self.text_batches = [], []

    def embed_images(self, prepared):
        self.batches.append(len(prepared))
        if len(prepared) > self.room:
            raise ERRORS[self.error]
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])

    def embed_texts(self, texts):
        self.text_batches.append(len(texts))
        if len(texts) > self.text_room:
            raise ERRORS[self.error]
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts])


@pytest.mark.parametrize("error", ERRORS)
def test_a_run_halves_the_batch_size_until_it_fits(benchmark_, tmp_path, error):
    expected = tia2.score(Small(64), benchmark_, batch_size=16)
    model = Small(room=5, text_room=3, error=error)
    with pytest.warns(UserWarning, match="'Small' ran out of memory with a batch size of 16; going on with 4"):
        table = tia2.score(model, benchmark_, tmp_path / "t", batch_size=16, shard_size=20)
    np.testing.assert_allclose(table.rewards, expected.rewards, rtol=1e-6)
    assert (table.manifest.batch_size, table.manifest.text_batch_size) == (4, 2)
    assert model.batches == [16, 8, 4, 4, 4, 4, 4]


def test_later_shards_and_resumed_runs_begin_with_what_fitted(benchmark_, tmp_path):
    folder = tmp_path / "t"
    with pytest.warns(UserWarning, match="out of memory"):
        whole = tia2.score(Small(4), benchmark_, folder, batch_size=16, shard_size=10)
    shards = sorted((folder / "shards").iterdir())
    before = [path.read_bytes() for path in shards]
    shards[1].unlink()
    again = Small(4)
    resumed = tia2.score(again, benchmark_, folder, shard_size=10)
    assert again.batches == [4, 4, 2]
    assert [path.read_bytes() for path in shards] == before
    assert resumed.rewards.tobytes() == whole.rewards.tobytes()
    assert ScoreTable.load(folder).manifest.batch_size == 4


def test_one_input_that_does_not_fit_is_one_line(benchmark_, tmp_path):
    with pytest.raises(
        RewardError, match=r"'Small' runs out of memory even with one input at a time \(CUDA .*lower dtype"
    ):
        tia2.score(Small(0), benchmark_, tmp_path / "t")


def test_scoring_without_a_table_halves_too(benchmark_):
    model, images = Small(room=3), benchmark_.images(range(8))
    with pytest.warns(UserWarning, match="going on with 2"):
        found = model.score_matrix(images, ["a", "bb"])
    np.testing.assert_allclose(found, Small(64).score_matrix(images, ["a", "bb"]), rtol=1e-6)
    model.batches.clear()
    model.score_matrix(images, ["a"])
    assert model.batches == [2, 2, 2, 2]


def test_the_texts_of_a_cross_encoder_are_halved(benchmark_):
    class Cross(CrossEncoder):
        sizes: list[int] = []  # noqa: RUF012

        def embed_images(self, prepared):
            return [np.asarray(image).mean() for image in prepared]

        def score_batch(self, image_features, texts):
            self.sizes.append(len(texts))
            if len(texts) > 2:
                raise ERRORS["cuda"]
            return [image_features[0] * len(text) for text in texts]

    with pytest.warns(UserWarning, match="out of memory"):
        found = Cross().score_matrix(benchmark_.images([0, 1]), ["a", "bb", "ccc", "dddd"])
    np.testing.assert_allclose(found / found[:, :1], [[1, 2, 3, 4]] * 2, rtol=1e-6)
    assert Cross.sizes[-2:] == [2, 2]


def test_other_errors_are_not_taken_for_a_lack_of_memory(benchmark_):
    assert not is_out_of_memory(RuntimeError("expected scalar type Half"))
    assert not is_out_of_memory(ValueError("out of memory"))

    class Broken(Small):
        def embed_images(self, prepared):
            raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        tia2.score(Broken(1), benchmark_)


@pytest.mark.parametrize(
    ("device", "parameters", "expected"),
    [("cpu", 0, 64), ("cpu", 10**9, 8), ("cuda:1", 10**9, 256), ("mps", 10, 256), ("unknown", 0, 64)],
)
def test_the_first_batch_size_suits_device_and_model(device, parameters, expected):
    assert first_batch_size(device, parameters) == expected
