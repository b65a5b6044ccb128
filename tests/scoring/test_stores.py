"""Score tables in object stores: the bytes of a folder's, resumed from what is there, and of one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

import tia2
from tia2.errors import MissingDependencyError, ScoreTableError
from tia2.rewards import DualEncoder
from tia2.scoring import ScoreTable
from tia2.storage import LocalFolder, absolute, stored_folder

OPTIONS = {"batch_size": 3, "shard_size": 4}


class Counts(DualEncoder):
    """Counts the images that it sees, and stops after a number of them."""

    name, fingerprint = "counts", "c" * 64

    def __init__(self, most: int | None = None) -> None:
        self.seen, self.most = 0, most

    def embed_images(self, prepared):
        self.seen += len(prepared)
        if self.most is not None and self.seen > self.most:
            raise KeyboardInterrupt
        return np.array([np.asarray(image).mean((0, 1)) for image in prepared])

    def embed_texts(self, texts):
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts])


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server on this machine's loopback interface, with a bucket; the URL of the bucket."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'tia2[scale]'")
    server = pytest.importorskip("moto.server", reason="needs moto and flask, which the extra 'dev' brings")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("bench")
        yield "s3://bench"
    running.stop()


@pytest.fixture
def memory() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    yield "memory://bench"
    files.rm("/bench", recursive=True)


@pytest.fixture(params=["s3", "memory"])
def store(request) -> str:
    return request.getfixturevalue(request.param)


def contents(folder: str | Path) -> dict[str, bytes]:
    """Every Parquet file of a table, by name."""
    stored = stored_folder(folder)
    names = ["items.parquet", *(f"shards/{name}" for name in stored.names("shards"))]
    return {name: stored.read(name) for name in names}


def test_a_run_that_stops_is_resumed_and_gives_the_bytes_of_a_folder(store, benchmark_, tmp_path, cli):
    whole = tia2.score(Counts(), benchmark_, tmp_path / "t", **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        tia2.score(Counts(most=9), benchmark_, f"{store}/t", **OPTIONS)
    manifest, shards, texts = stored_folder(f"{store}/t").names()
    assert (manifest, shards) == ("manifest.json", "shards")
    assert texts.startswith("texts-")
    assert len(stored_folder(f"{store}/t").names("shards")) == 2
    with pytest.raises(ScoreTableError, match=rf"^{store}/t is not complete, 2 of 5 shards are there: score again"):
        ScoreTable.load(f"{store}/t")
    reward = Counts()
    table = tia2.score(reward, benchmark_, f"{store}/t", shard_size=4)
    assert (reward.seen, table.computed) == (12, 12)
    assert stored_folder(f"{store}/t").names() == ["items.parquet", "manifest.json", "shards"]
    assert contents(f"{store}/t") == contents(tmp_path / "t")
    assert ScoreTable.load(f"{store}/t").rewards.tobytes() == whole.rewards.tobytes()
    assert tia2.evaluate(f"{store}/t") == tia2.evaluate(tmp_path / "t")
    said, local = (cli("evaluate", path, "--json") for path in (f"{store}/t", tmp_path / "t"))
    assert (said.code, said.out) == (0, local.out), said.err

    # What is damaged or lost is scored again, and nothing else.
    stored = stored_folder(f"{store}/t")
    stored.write("shards/00001.parquet", stored.read("shards/00001.parquet")[:-9])
    stored.delete("shards/00003.parquet")
    reward = Counts()
    tia2.score(reward, benchmark_, f"{store}/t", shard_size=4)
    assert reward.seen == 8
    assert contents(f"{store}/t") == contents(tmp_path / "t")
    with pytest.raises(ScoreTableError, match=rf"^{store}/t holds another score table: shard size 4, now 5"):
        tia2.score(Counts(), benchmark_, f"{store}/t", shard_size=5)
    tia2.score(Counts(), benchmark_, f"{store}/t", shard_size=5, overwrite=True)
    assert len(stored.names("shards")) == 4


def test_the_command_scores_to_a_url(store, cli, benchmark_file, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def length(images, texts):\n    return [float(len(text)) for text in texts]\n"
        "def half(images, texts):\n    return [len(text) / 2 for text in texts]\n"
    )
    rewards = [f"--reward={tmp_path / 'mine.py'}:{name}" for name in ("length", "half")]
    said = cli("score", *rewards, "--benchmark", benchmark_file, "--out", f"{store}/two")
    assert said.code == 0, said.err
    assert f"evaluate {store}/two/length {store}/two/half" in said.err
    said = cli("evaluate", f"{store}/two/length", f"{store}/two/half")
    assert said.code == 0, said.err
    assert cli("score", *rewards, "--benchmark", benchmark_file, "--out", tmp_path / "two").code == 0
    for words in (["compare"], ["analyze", "power", "--out", tmp_path / "power"]):
        here, there = (
            cli(*words, f"{folder}/length", f"{folder}/half") for folder in (tmp_path / "two", f"{store}/two")
        )
        assert there == here
    assert cli("export-scores", f"{store}/two/half", tmp_path / "half.csv").code == 0


@pytest.mark.parametrize("kind", ["s3", "memory", "local"])
def test_of_many_that_create_a_file_one_succeeds(kind, request, tmp_path):
    url = tmp_path if kind == "local" else f"{request.getfixturevalue(kind)}/race"
    results: list[tuple[int, bool]] = []
    barrier = threading.Barrier(8)

    def create(number: int) -> None:
        stored = stored_folder(url)
        barrier.wait()
        results.append((number, stored.create("only.txt", str(number).encode() * 1000)))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [number for number, first in results if first]
    assert stored_folder(url).read("only.txt") == str(winner).encode() * 1000
    assert stored_folder(url).names() == ["only.txt"]


def test_a_process_that_begins_second_takes_the_manifest_of_the_first(store, benchmark_, tmp_path, monkeypatch):
    from tia2.scoring.run import TableRun

    begin = TableRun.begin.__func__
    url = f"{store}/second"

    def late(cls, *arguments):
        run = begin(cls, *arguments)
        monkeypatch.undo()
        tia2.score(Counts(), benchmark_, url, batch_size=2, shard_size=4)  # the first one, meanwhile
        return run

    monkeypatch.setattr(TableRun, "begin", classmethod(late))
    table = tia2.score(Counts(), benchmark_, url, shard_size=4)
    assert table.manifest.batch_size == 2

    def late_and_other(cls, *arguments):
        run = begin(cls, *arguments)
        monkeypatch.undo()
        tia2.score(lambda images, texts: [1.0] * len(texts), benchmark_, f"{url}/other", shard_size=4)
        return run

    monkeypatch.setattr(TableRun, "begin", classmethod(late_and_other))
    with pytest.raises(ScoreTableError, match="other holds another score table: reward model"):
        tia2.score(Counts(), benchmark_, f"{url}/other", shard_size=4)


def test_what_can_not_be_written_to_is_refused_before_anything_is_scored(benchmark_, s3, monkeypatch):
    reward = Counts()
    with pytest.raises(
        ScoreTableError,
        match=r"^Nothing can be written to hf://datasets/org/name, since each file .* a commit of its own, .*\.$",
    ):
        stored_folder("hf://datasets/org/name", ScoreTableError).write("a", b"")
    with pytest.raises(ScoreTableError, match=r"^nowhere://x can't be opened: Protocol not known: nowhere"):
        tia2.score(reward, benchmark_, "nowhere://x")
    with pytest.raises(
        ScoreTableError,
        match=r"manifest\.json can't be written: The specified bucket does not exist",
    ):
        tia2.score(reward, benchmark_, "s3://no-such-bucket/t")
    assert reward.seen == 0

    def absent(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", absent)
    with pytest.raises(MissingDependencyError, match=r"s3:// needs a package that isn't installed .*tia2\[scale\]"):
        tia2.score(reward, benchmark_, "s3://bench/t")


def test_locations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("runs") == tmp_path / "runs"
    assert absolute(f"file://{tmp_path}/runs") == tmp_path / "runs"
    assert isinstance(stored_folder(f"file://{tmp_path}/runs"), LocalFolder)
