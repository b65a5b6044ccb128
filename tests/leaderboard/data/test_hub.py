"""A store on the Hub: a local server in place of it, with the endpoints that a snapshot needs."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tia2.errors import DownloadError, LeaderboardError
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.hub import open_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store

SHA = "a" * 40


@pytest.fixture
def hub(embedded, tmp_path, monkeypatch):
    """Serve a folder as the dataset repository someone/board, at one commit."""
    import huggingface_hub
    from huggingface_hub import constants

    store = Store(shutil.copytree(embedded, tmp_path / "served"))
    (store.folder / "code.py").write_text("raise SystemExit('never run')", encoding="utf-8")
    (store.folder / "queue.sqlite").write_bytes(b"private")
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            files = {p.relative_to(store.folder).as_posix(): p for p in store.folder.rglob("*") if p.is_file()}
            if path.startswith("/api/datasets/someone/board/revision/") and path.endswith(("/v1", f"/{SHA}")):
                siblings = [{"rfilename": name} for name in files]
                return self._send(json.dumps({"id": "someone/board", "sha": SHA, "siblings": siblings}).encode())
            if path.startswith("/api/datasets/someone/board/tree/"):
                rows = [
                    {"type": "file", "path": name, "size": p.stat().st_size, "oid": f"{len(name):040x}"}
                    for name, p in files.items()
                ]
                return self._send(json.dumps(rows).encode())
            name = path.partition(f"/resolve/{SHA}/")[2]
            if path.startswith("/datasets/someone/board/") and name in files:
                return self._send(files[name].read_bytes(), name)
            self.send_response(404)
            self.send_header("X-Error-Code", "RevisionNotFound" if "someone/board" in path else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def _send(self, body: bytes, name: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if name:
                self.send_header("ETag", f'"{len(body)}-{name.replace("/", "-")}"')
                self.send_header("X-Repo-Commit", SHA)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    address = f"http://127.0.0.1:{server.server_port}"
    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda repo, **kwargs: real(repo, endpoint=address, token=False, **kwargs)
    )
    yield asked
    server.shutdown()


@pytest.mark.network
def test_a_repository_at_a_revision_is_a_store(hub, tmp_path):
    store = open_store("hub:someone/board@v1")
    assert len(store.listings) == 5
    board = Board.load(store, "mini", index=Index(store, resamples=50))
    assert len(board) == 19
    fetched = {path.name for path in store.folder.rglob("*") if path.is_file()}
    assert "code.py" not in fetched, "code that lies beside a store is never fetched"
    assert "queue.sqlite" not in fetched


@pytest.mark.network
@pytest.mark.parametrize("place", ["hub:someone/board@v2", "hub:nobody/board"])
def test_what_is_not_there_is_one_clear_error(hub, place):
    with pytest.raises(
        DownloadError, match=r"^The leaderboard (someone|nobody)/board can't be downloaded: .+"
    ) as error:
        open_store(place)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", ["hub:", "hub:one", "hub:../x/y", "hub:a/b@", "hub:a/b@c d"])
def test_a_place_that_is_none(place):
    with pytest.raises(LeaderboardError, match=r"Expected hub:OWNER/NAME"):
        open_store(place)


def test_a_folder_is_a_store_or_an_error(embedded, tmp_path):
    with pytest.raises(LeaderboardError, match=r"holds no leaderboard"):
        open_store(Path(tmp_path))
    assert open_store(shutil.copytree(embedded, tmp_path / "x")).name == "TIA2 leaderboard"
