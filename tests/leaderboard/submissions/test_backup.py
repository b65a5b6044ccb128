from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.submissions.backup import backup, restore
from tia2.leaderboard.submissions.queue import Queue


@pytest.fixture
def lived(store, pack, make_table):
    """A store with one submission accepted and one waiting, and with what a killed process leaves."""
    with Queue(store) as queue:
        queue.accept(queue.receive(pack(make_table()), "somebody").id, "maintainer")
        queue.receive(pack(make_table(seed=3), card=pack_card("other")), "somebody")
    (store.folder / "tables" / ".unfinished-x").mkdir()
    (store.folder / "listings" / ".x.json.tmp").write_text("x")
    return store


def pack_card(name: str):
    from tia2.leaderboard.data.records import ModelCard

    return ModelCard(name=name)


def kept(tools, folder: Path) -> dict:
    files = tools.contents(folder)
    return {
        name: content
        for name, content in files.items()
        if content is not None and not name.startswith("index/") and "/." not in name and name != "queue.sqlite"
    }


def test_there_and_back(lived, tmp_path, tools):
    out = tmp_path / "deep" / "backup.tar.gz"
    count = backup(lived, out)
    again = restore(out, tmp_path / "again")
    assert again.name == lived.name
    assert kept(tools, again.folder) == kept(tools, lived.folder)
    assert count == len(kept(tools, lived.folder)) + 1
    assert not (again.folder / "index").exists()
    with Queue(lived) as before, Queue(again) as after:
        assert before.log() == after.log()
        assert before.pending() == after.pending()
        (waiting,) = after.pending()
        after.accept(waiting.id, "maintainer")
    assert [path.name for path in out.parent.iterdir()] == ["backup.tar.gz"]


def test_nobody_reviews_meanwhile(lived, tmp_path, monkeypatch):
    from tia2.leaderboard.submissions import backup as module

    locked = []

    def add(archive, name, path):
        other = sqlite3.connect(lived.folder / "queue.sqlite", timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            locked.append(name)
        other.close()

    monkeypatch.setattr(module, "_add", add)
    count = backup(lived, tmp_path / "backup.tar.gz")
    assert len(locked) == count


def test_without_a_queue(store, tmp_path):
    backup(store, tmp_path / "backup.tar.gz")
    assert restore(tmp_path / "backup.tar.gz", tmp_path / "again").listings == store.listings


def test_nothing_is_overwritten(store, tmp_path):
    backup(store, tmp_path / "backup.tar.gz")
    with pytest.raises(LeaderboardError, match="is there already: choose another name"):
        backup(store, tmp_path / "backup.tar.gz")
    with pytest.raises(LeaderboardError, match="is not empty: restore to another folder"):
        restore(tmp_path / "backup.tar.gz", store.folder)


def refused(archive: Path, folder: Path, match: str) -> None:
    with pytest.raises(LeaderboardError, match=match):
        restore(archive, folder)
    assert not folder.exists()
    assert not list(folder.parent.glob(f".{folder.name}-*"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        ("listings/../../evil.json", tarfile.REGTYPE),
        ("listings/.x.json", tarfile.REGTYPE),
        ("listings/x.json", tarfile.SYMTYPE),
        ("listings/x.json", tarfile.LNKTYPE),
        ("listings/x.json", tarfile.FIFOTYPE),
        ("run.py", tarfile.REGTYPE),
    ],
)
def test_what_is_no_part_of_a_leaderboard(store, tmp_path, name, kind):
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(store.folder / "store.json", "store.json")
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info, io.BytesIO())
    refused(path, tmp_path / "again", "is no part of a leaderboard")


def test_damaged(lived, tmp_path):
    path = tmp_path / "backup.tar.gz"
    backup(lived, path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"nothing", whole[:100] + b"\0" * 50 + whole[150:], b""):
        path.write_bytes(content)
        refused(path, tmp_path / "again", "damaged, or no backup|no leaderboard")
    refused(tmp_path / "nothing.tar.gz", tmp_path / "again", "There is no backup at")


def test_a_damaged_queue_is_not_restored(lived, tmp_path):
    path = tmp_path / "backup.tar.gz"
    backup(lived, path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    at = content.rindex(b"SQLite format 3")
    content[at + 4096 : at + 8192] = b"\xff" * 4096
    path.write_bytes(gzip.compress(bytes(content)))
    refused(path, tmp_path / "again", "The queue in .* is damaged")
