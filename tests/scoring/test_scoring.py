"""Score tables equal scores computed pair by pair, and bad rewards or benchmarks are named."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tia2
from tia2.benchmark import prompt_set
from tia2.errors import BenchmarkError, RewardError, ScoreTableError
from tia2.rewards import DualEncoder
from tia2.scoring import ScoreTable


def pair_by_pair(reward, benchmark):
    for index, item in enumerate(benchmark.items.itertuples()):
        image = benchmark.images([index])[0]
        texts = prompt_set(item.prompt, item.contrastive_prompts)
        yield [float(reward.score([image], [text])[0]) for text in texts]


def check_equal(table, reward, benchmark):
    for row, mask, expected in zip(table.rewards, table.mask, pair_by_pair(reward, benchmark), strict=True):
        np.testing.assert_allclose(row[mask], expected, rtol=1e-6, atol=1e-6)
        assert np.isnan(row[~mask]).all()


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_encode_once_equals_pair_by_pair(clip, benchmark_, batch_size):
    table = tia2.score(clip, benchmark_, batch_size=batch_size, shard_size=7)
    check_equal(table, clip, benchmark_)


def test_functions_equal_pair_by_pair(red, benchmark_):
    table = tia2.score(red, benchmark_, batch_size=4, shard_size=6)
    check_equal(table, tia2.load_reward(red), benchmark_)


def test_shape_names_and_manifest(clip, benchmark_):
    table = tia2.score(clip, benchmark_)
    assert table.rewards.shape == table.mask.shape == (20, 4)
    assert table.rewards.dtype == np.float32
    assert table.mask.sum(1).tolist() == [1] * 5 + [3] * 5 + [3] * 5 + [4] * 5
    assert table.items["texts"][10] == ["a blue star", "two blue stars", "three blue stars"]
    assert table.items["texts"][0] == ["a red star"]
    np.testing.assert_array_equal(table.raw, table.rewards[:, 0])
    assert "image" not in table.items.columns
    assert (table.name, len(table)) == ("tiny", 20)
    manifest = table.manifest
    assert manifest.complete
    assert manifest.benchmark.fingerprint == benchmark_.fingerprint
    assert manifest.benchmark.votes_fingerprint == benchmark_.votes_fingerprint
    assert (manifest.reward.fingerprint, manifest.reward.card) == (clip.fingerprint, clip.card)
    assert (manifest.dtype, manifest.device, manifest.batch_size) == ("float32", "cpu", 64)
    assert {"torch", "transformers", "pillow", "python"} <= set(manifest.versions)
    assert repr(table) == "ScoreTable('tiny' on 'dataset': 20 items, 55 rewards)"


def test_each_image_and_text_is_encoded_once(benchmark_):
    seen = {"prepared": 0, "images": 0, "texts": []}

    class Counting(DualEncoder):
        def prepare_image(self, image):
            seen["prepared"] += 1
            return np.asarray(image).mean((0, 1))

        def embed_images(self, prepared):
            seen["images"] += len(prepared)
            return np.stack(prepared)

        def embed_texts(self, texts):
            seen["texts"] += texts
            return np.array([[len(text), 1, 2] for text in texts])

    tia2.score(Counting(), benchmark_, batch_size=3, shard_size=7)
    assert (seen["prepared"], seen["images"]) == (20, 20)
    expected = {text for texts in tia2.score(Counting(), benchmark_).items["texts"] for text in texts}
    assert sorted(seen["texts"][: len(expected)]) == sorted(expected)


def test_progress_counts_up_to_all_items(clip, benchmark_, tmp_path):
    calls = []
    tia2.score(clip, benchmark_, tmp_path / "x", batch_size=4, shard_size=8, progress=lambda *call: calls.append(call))
    texts, done = ([call[1] for call in calls if call[0] == unit] for unit in ("texts", "items"))
    assert (calls[0], calls[-1]) == (("items", 0, 20), ("items", 20, 20))
    assert texts == sorted(texts)
    assert texts[-1] == calls[1][2] > 4
    assert done == sorted(done)
    assert {4, 8, 12, 16, 20} <= set(done)
    calls.clear()
    tia2.score(clip, benchmark_, tmp_path / "x", shard_size=8, progress=lambda *call: calls.append(call))
    assert calls == [("items", 20, 20)]


def test_save_and_load(clip, benchmark_, tmp_path):
    table = tia2.score(clip, benchmark_, shard_size=6)
    table.save(tmp_path / "kept")
    loaded = ScoreTable.load(tmp_path / "kept")
    assert loaded.rewards.tobytes() == table.rewards.tobytes()
    assert loaded.mask.tobytes() == table.mask.tobytes()
    assert loaded.manifest == table.manifest
    assert loaded.image_sha256 == table.image_sha256
    assert loaded.items.to_dict("list") == table.items.to_dict("list")
    with pytest.raises(ScoreTableError, match="holds a score table already"):
        table.save(tmp_path / "kept")


def test_the_table_on_disk_is_the_table_in_memory(clip, benchmark_, tmp_path):
    table = tia2.score(clip, benchmark_, tmp_path / "t")
    assert ScoreTable.load(tmp_path / "t").rewards.tobytes() == table.rewards.tobytes()
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["items.parquet", "manifest.json", "shards"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rewards_that_are_no_numbers_are_named(benchmark_, tmp_path, bad):
    def unlucky(images, texts):
        return [bad if text == "three blue stars" else 1.0 for text in texts]

    message = rf"Reward 'unlucky' gave {bad} for item counting/image_2_0_0 with 'three blue stars'; expected a finite"
    with pytest.raises(RewardError, match=message):
        tia2.score(unlucky, benchmark_, tmp_path / "t", shard_size=5)
    with pytest.raises(ScoreTableError, match="is not complete, 2 of 4 shards are there"):
        ScoreTable.load(tmp_path / "t")


def test_a_zero_embedding_is_named(benchmark_):
    class Zero(DualEncoder):
        def embed_images(self, prepared):
            return np.zeros((len(prepared), 2))

        def embed_texts(self, texts):
            return np.ones((len(texts), 2))

    with pytest.raises(RewardError, match="Reward 'Zero' gave nan for item counting/image_0_0_0 with 'a red star'"):
        tia2.score(Zero(), benchmark_)


def test_wrong_lengths_and_shapes_are_named(benchmark_):
    with pytest.raises(RewardError, match=r"Reward '<lambda>' returned shape \(1,\); expected \(5,\)"):
        tia2.score(lambda images, texts: [1.0], benchmark_)

    class Transposed(DualEncoder):
        def embed_images(self, prepared):
            return np.ones((len(prepared), 2))

        embed_texts = embed_images

        def similarity(self, image_features, text_features):
            return text_features @ image_features.T

    with pytest.raises(RewardError, match=r"Reward 'Transposed' returned shape \(1, 5\); expected \(5, 1\)"):
        tia2.score(Transposed(), benchmark_)


def test_missing_images_are_counted(clip, make_benchmark, rows, tmp_path):
    changed = copy.deepcopy(rows)
    for row in changed[3:6]:
        row["image"] = None
    message = (
        r"^3 of 20 items of benchmark 'dataset' have no image, the first is counting/image_0_0_3\. Images belong into "
    )
    with pytest.raises(BenchmarkError, match=message):
        tia2.score(clip, make_benchmark(changed), tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("content", [b"", b"not an image", "cut"])
def test_a_damaged_image_is_named(clip, make_benchmark, rows, content):
    changed = copy.deepcopy(rows)
    image = changed[7]["image"]
    image["bytes"] = image["bytes"][:-300] if content == "cut" else content
    with pytest.raises(BenchmarkError, match=r"The image of counting/image_1_0_2 is damaged \(.+\); `tia2 data check`"):
        tia2.score(clip, make_benchmark(changed))


def test_long_texts_are_counted_in_the_manifest(clip, make_benchmark, rows):
    changed = copy.deepcopy(rows)
    for row in changed[:5]:
        row["contrastive_prompts"] = ["a cyan star left of " * 9, "a green star " * 20]
    with pytest.warns(UserWarning, match="2 of 13 texts are longer than the 16 tokens"):
        table = tia2.score(clip, make_benchmark(changed))
    assert (table.manifest.texts, table.manifest.truncated_texts) == (13, 2)


def test_sizes_below_one_are_refused(clip, benchmark_):
    with pytest.raises(ScoreTableError, match="batch_size is 0; expected at least 1"):
        tia2.score(clip, benchmark_, batch_size=0)
    with pytest.raises(ScoreTableError, match="shard_size is -1"):
        tia2.score(clip, benchmark_, shard_size=-1)


def test_specs_paths_and_datasets_are_taken(clip_folder, clip, benchmark_, benchmark_file):
    expected = tia2.score(clip, benchmark_).rewards
    table = tia2.score(f"clip:{clip_folder}", benchmark_file)
    np.testing.assert_allclose(table.rewards, expected, atol=1e-6)
    assert table.manifest.reward.spec == f"clip:{clip_folder}"
    np.testing.assert_allclose(tia2.score(clip, benchmark_.dataset).rewards, expected, atol=1e-6)


def test_a_folder_that_could_not_be_read_back_is_refused_before_anything_is_scored(benchmark_, tmp_path):
    """A file name on Linux is any bytes; Parquet's reader takes UTF-8 alone."""

    def never(images, texts):
        raise AssertionError("scored")

    with pytest.raises(ScoreTableError, match=r"udce9' isn't UTF-8, and Parquet files there can't be read back"):
        tia2.score(never, benchmark_, f"{tmp_path}/caf\udce9")
