"""Interrupted, repeated, damaged and concurrent runs end with the same bytes; foreign folders are refused."""

from __future__ import annotations

import copy
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

import tia2
from tia2.errors import RewardError, ScoreTableError
from tia2.rewards import DualEncoder
from tia2.rewards.families.clip.clip import ClipReward
from tia2.scoring import Manifest, ScoreTable, table_files

SLOW = """
import sys, time
import numpy as np
import tia2
from tia2.rewards import DualEncoder

class Slow(DualEncoder):
    fingerprint = "slow"
    def embed_images(self, prepared):
        time.sleep(float(sys.argv[3]))
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])
    def embed_texts(self, texts):
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts])

tia2.score(Slow(), sys.argv[1], sys.argv[2], batch_size=2, shard_size=4)
"""


class Stops(DualEncoder):
    """Fails, as a killed process would, after a number of images."""

    name = "stops"

    def __init__(self, after: int | None) -> None:
        self.left = after

    @property
    def fingerprint(self):
        return "f" * 64

    def embed_images(self, prepared):
        if self.left is not None:
            self.left -= len(prepared)
            if self.left < 0:
                raise KeyboardInterrupt
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])

    def embed_texts(self, texts):
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts])


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").glob("*.parquet"))}


@pytest.mark.parametrize("after", [0, 3, 4, 9, 17, 19])
def test_an_interrupted_run_ends_with_the_same_bytes(benchmark_, tmp_path, after):
    whole = tia2.score(Stops(None), benchmark_, tmp_path / "whole", batch_size=3, shard_size=4)
    with pytest.raises(KeyboardInterrupt):
        tia2.score(Stops(after), benchmark_, tmp_path / "cut", batch_size=3, shard_size=4)
    second = Stops(None)
    resumed = tia2.score(second, benchmark_, tmp_path / "cut", shard_size=4)
    assert resumed.rewards.tobytes() == whole.rewards.tobytes()
    assert shard_bytes(tmp_path / "cut") == shard_bytes(tmp_path / "whole")
    assert resumed.manifest.batch_size == 3
    assert resumed.manifest.images_fingerprint == whole.manifest.images_fingerprint


class Slow(Stops):
    """What the script computes."""

    name = "Slow"
    fingerprint = "slow"

    def __init__(self):
        super().__init__(None)


@pytest.fixture
def slow(fork, benchmark_file):
    def start(out: Path, seconds: float) -> BaseProcess:
        return fork(benchmark_file, out, seconds, code=SLOW).process

    return start


def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(slow, benchmark_file, tmp_path):
    whole = tia2.score(Slow(), benchmark_file, tmp_path / "whole", batch_size=2, shard_size=4)
    out, shards = tmp_path / "killed", tmp_path / "killed" / "shards"
    for stop_at in (1, 3):
        process = slow(out, 0.5)
        deadline = time.monotonic() + 600
        while len(list(shards.glob("*.parquet"))) < stop_at and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    done = len(list(shards.glob("*.parquet")))
    assert 3 <= done < 5
    with pytest.raises(ScoreTableError, match=f"is not complete, {done} of 5 shards are there: score again"):
        ScoreTable.load(out)
    resumed = tia2.score(Slow(), benchmark_file, out, batch_size=2, shard_size=4)
    assert resumed.rewards.tobytes() == whole.rewards.tobytes()
    assert shard_bytes(out) == shard_bytes(tmp_path / "whole")


def test_two_processes_on_one_folder(slow, benchmark_file, tmp_path):
    processes = [slow(tmp_path / "both", 0.02) for _ in range(2)]
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]
    alone = tia2.score(Slow(), benchmark_file, tmp_path / "alone", batch_size=2, shard_size=4)
    assert ScoreTable.load(tmp_path / "both").rewards.tobytes() == alone.rewards.tobytes()
    assert shard_bytes(tmp_path / "both") == shard_bytes(tmp_path / "alone")
    assert not list((tmp_path / "both").rglob("*.tmp"))


def test_threads_racing_on_one_folder(benchmark_, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(tia2.score, Slow(), benchmark_, tmp_path / "t", batch_size=2, shard_size=2) for _ in range(4)
        ]
        tables = [run.result() for run in runs]
    assert len({table.rewards.tobytes() for table in tables}) == 1
    assert ScoreTable.load(tmp_path / "t").rewards.tobytes() == tables[0].rewards.tobytes()


def test_no_changed_byte_goes_unnoticed(benchmark_, tmp_path):
    folder = tmp_path / "t"
    table = tia2.score(Stops(None), benchmark_, folder, shard_size=4)
    path = folder / "shards" / "00001.parquet"
    content, key = path.read_bytes(), table.manifest.key
    ids, lengths = table.items["item_id"].tolist()[4:8], table.mask.sum(1).tolist()[4:8]
    expected = table_files.TableFiles(folder).read_shard(1, key, ids, lengths).checksum()
    noticed = 0
    for place in range(0, len(content), 13):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            assert table_files.TableFiles(folder).read_shard(1, key, ids, lengths).checksum() == expected
        except ScoreTableError:
            noticed += 1
    assert noticed > len(content) / 13 / 4


def test_a_finished_table_is_not_scored_again(benchmark_, tmp_path):
    first = tia2.score(Stops(None), benchmark_, tmp_path / "t")
    again = tia2.score(Stops(0), benchmark_, tmp_path / "t")
    assert again.rewards.tobytes() == first.rewards.tobytes()
    assert again.manifest == first.manifest


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "gone"])
def test_a_damaged_shard_is_named_and_scored_anew(benchmark_, tmp_path, damage):
    folder = tmp_path / "t"
    whole = tia2.score(Stops(None), benchmark_, folder, shard_size=4)
    tia2.score(lambda images, texts: [1.0] * len(texts), benchmark_, tmp_path / "other", shard_size=4)
    before = shard_bytes(folder)
    path = folder / "shards" / "00002.parquet"
    other = (tmp_path / "other" / "shards" / path.name).read_bytes()
    replaced = {"empty": b"", "cut": before[path.name][:100], "foreign": other}
    path.unlink() if damage == "gone" else path.write_bytes(replaced[damage])
    with pytest.raises(ScoreTableError, match=r"00002\.parquet (is damaged|belongs to another|is missing)"):
        ScoreTable.load(folder)
    seen = Stops(None)
    seen.left = 4  # no more than the damaged shard is scored
    assert tia2.score(seen, benchmark_, folder, shard_size=4).rewards.tobytes() == whole.rewards.tobytes()
    assert shard_bytes(folder) == before


def test_changed_images_are_scored_anew(make_benchmark, rows, tmp_path):
    old = tia2.score(Stops(None), make_benchmark(rows), tmp_path / "t", shard_size=4)
    changed = copy.deepcopy(rows)
    changed[9]["image"] = rows[0]["image"]
    seen = Stops(4)
    new = tia2.score(seen, make_benchmark(changed), tmp_path / "t", shard_size=4, verify=True)
    assert seen.left == 0
    assert np.flatnonzero(old.raw != new.raw).tolist() == [9]
    assert old.manifest.images_fingerprint != new.manifest.images_fingerprint


def test_a_resumed_run_looks_at_one_image_of_each_shard(make_benchmark, rows, tmp_path, monkeypatch):
    tia2.score(Stops(None), make_benchmark(rows), tmp_path / "t", shard_size=4)
    changed = copy.deepcopy(rows)
    changed[8]["image"] = rows[0]["image"]
    benchmark, read = make_benchmark(changed), []
    image_bytes = type(benchmark).image_bytes
    monkeypatch.setattr(
        type(benchmark), "image_bytes", lambda self, index: read.append(index) or image_bytes(self, index)
    )
    table = tia2.score(Stops(4), benchmark, tmp_path / "t", shard_size=4)
    assert table.computed == 4
    # The third shard's first image is another one: it is looked for, found missing, and all four are scored.
    assert sorted(set(read)) == [0, 4, 8, 9, 10, 11, 12, 16]


def test_changed_votes_need_no_model(make_benchmark, rows, tmp_path):
    old = tia2.score(Stops(None), make_benchmark(rows), tmp_path / "t")
    changed = [row | {"human_score": 1.0, "votes": [1, 1, 1], "label": True} for row in rows]
    tia2.score(Stops(0), make_benchmark(changed), tmp_path / "t")
    loaded = ScoreTable.load(tmp_path / "t")
    assert loaded.items["label"].all()
    assert loaded.manifest.benchmark.votes_fingerprint != old.manifest.benchmark.votes_fingerprint
    assert loaded.rewards.tobytes() == old.rewards.tobytes()


def test_a_finished_table_needs_no_images(make_benchmark, rows, tmp_path):
    table = tia2.score(Stops(None), make_benchmark(rows), tmp_path / "t")
    bare = make_benchmark([row | {"image": None} for row in rows])
    assert tia2.score(Stops(0), bare, tmp_path / "t").rewards.tobytes() == table.rewards.tobytes()


def test_tables_of_something_else_are_refused(benchmark_, make_benchmark, rows, tmp_path, red):
    folder = tmp_path / "t"
    tia2.score(Stops(None), benchmark_, folder)
    before = shard_bytes(folder)
    refused = "holds another score table: .*Score to another folder, or with --overwrite"
    with pytest.raises(ScoreTableError, match=rf"{refused}") as error:
        tia2.score(red, benchmark_, folder)
    assert "reward model stops (ffffffffffff), now red_times_letters (" in str(error.value)
    with pytest.raises(ScoreTableError, match=r"benchmark dataset \(\w{12}\), now dataset \(\w{12}\)"):
        tia2.score(Stops(None), make_benchmark(rows[:10]), folder)
    with pytest.raises(ScoreTableError, match="shard size 256, now 8"):
        tia2.score(Stops(None), benchmark_, folder, shard_size=8)
    assert shard_bytes(folder) == before
    new = tia2.score(red, make_benchmark(rows[:10]), folder, overwrite=True, shard_size=4)
    assert ScoreTable.load(folder).rewards.tobytes() == new.rewards.tobytes()
    assert len(shard_bytes(folder)) == 3


def test_other_dtypes_are_refused(clip_folder, benchmark_, tmp_path):
    tia2.score(ClipReward(clip_folder, device="cpu"), benchmark_, tmp_path / "t")
    with pytest.raises(ScoreTableError, match="dtype float32, now bfloat16"):
        tia2.score(ClipReward(clip_folder, device="cpu", dtype="bf16"), benchmark_, tmp_path / "t")


@pytest.mark.parametrize("content", ["", "{", '{"schema_version": 1}', "[]"])
def test_a_damaged_manifest_is_refused_and_can_be_overwritten(benchmark_, tmp_path, content):
    folder = tmp_path / "t"
    whole = tia2.score(Stops(None), benchmark_, folder)
    (folder / "manifest.json").write_text(content)
    for use in (ScoreTable.load, lambda path: tia2.score(Stops(None), benchmark_, path)):
        with pytest.raises(
            ScoreTableError, match=r"manifest\.json is no manifest of a score table, or damaged [^\n]*$"
        ):
            use(folder)
    assert tia2.score(Stops(None), benchmark_, folder, overwrite=True).rewards.tobytes() == whole.rewards.tobytes()


def test_manifests_of_newer_versions_are_refused(benchmark_, tmp_path):
    manifest = tia2.score(Stops(None), benchmark_, tmp_path / "t").manifest
    newer = manifest.model_copy(update={"schema_version": 99})
    (tmp_path / "t" / "manifest.json").write_text(newer.model_dump_json())
    with pytest.raises(ScoreTableError, match="schema version 99; this tia2 reads 1"):
        ScoreTable.load(tmp_path / "t")


def test_folders_with_other_files_are_left_alone(benchmark_, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ScoreTableError, match=r"holds no score table but other files \(precious\.txt\)"):
            tia2.score(Stops(None), benchmark_, tmp_path, overwrite=overwrite)
    with pytest.raises(ScoreTableError, match="is a file; a score table needs a folder"):
        tia2.score(Stops(None), benchmark_, tmp_path / "precious.txt")
    with pytest.raises(ScoreTableError, match=r"holds no score table \(no manifest\.json\)"):
        ScoreTable.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_overwriting_deletes_nothing_else(benchmark_, tmp_path):
    folder = tmp_path / "t"
    tia2.score(Stops(None), benchmark_, folder)
    (folder / "notes.txt").write_text("mine")
    tia2.score(Stops(None), benchmark_, folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_full_disk_is_one_line_and_keeps_what_is_done(benchmark_, tmp_path, monkeypatch):
    real, folder = os.replace, tmp_path / "t"

    def full(source, target):
        if Path(target).name == "00002.parquet":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        ScoreTableError, match=r"00002\.parquet can't be written: No space left on device\. What was done"
    ):
        tia2.score(Stops(None), benchmark_, folder, shard_size=4)
    assert list(shard_bytes(folder)) == ["00000.parquet", "00001.parquet"]
    assert not list(folder.rglob("*.tmp"))
    monkeypatch.undo()
    seen = Stops(12)
    tia2.score(seen, benchmark_, folder, shard_size=4)
    assert seen.left == 0


def test_a_failing_reward_leaves_no_threads_running(benchmark_):
    import threading

    def fails(images, texts):
        raise RewardError("out of luck")

    with pytest.raises(RewardError, match="out of luck"):
        tia2.score(fails, benchmark_)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tia2-images")]


def test_the_key_depends_on_all_that_changes_a_reward(benchmark_, tmp_path):
    manifest = tia2.score(Stops(None), benchmark_, tmp_path / "t").manifest
    reward = manifest.reward.model_copy(update={"fingerprint": "0"})
    benchmark = manifest.benchmark.model_copy(update={"fingerprint": "0"})
    changes = ({}, {"reward": reward}, {"benchmark": benchmark}, {"dtype": "float16"}, {"shard_size": 1})
    keys = {manifest.model_copy(update=change).key for change in changes}
    assert len(keys) == len(changes)
    assert Manifest.read(tmp_path / "t" / "manifest.json").key == manifest.key
