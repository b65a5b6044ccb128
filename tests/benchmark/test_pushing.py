"""Benchmarks on the Hub, spoken to a server on this machine that keeps what is committed; and in object stores."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import fsspec
import pytest

from tia2.benchmark import export, load, push
from tia2.errors import BenchmarkError

REPOSITORY = "org/tia2"


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as huggingface_hub needs to make a repository, commit to it and download it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refuses:
            self._json({"error": "no"}, 403)
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self._json({"url": f"{self.server.address}/datasets/{REPOSITORY}", "name": REPOSITORY})
        elif "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._json({"files": files, "commitOid": self._sha})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del self.server.files[line["value"]["path"]]
            self.server.commits += 1
            self._json(
                {
                    "commitUrl": f"{self.server.address}/datasets/{REPOSITORY}/commit/{self._sha}",
                    "commitOid": self._sha,
                    "pullRequestUrl": None,
                }
            )
        else:
            self._json({}, 200)

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if "/resolve/" in path:
            return self._file(path)
        if path.startswith(f"/api/datasets/{REPOSITORY}/tree/"):
            return self._json([{"type": "file", "path": n, "oid": "0", "size": len(c)} for n, c in self._files])
        if path.startswith(f"/api/datasets/{REPOSITORY}"):
            siblings = [{"rfilename": name} for name, _ in self._files]
            return self._json({"id": REPOSITORY, "sha": self._sha, "siblings": siblings})
        return self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self):
        self.do_GET()

    @property
    def _files(self):
        return sorted(self.server.files.items())

    @property
    def _sha(self) -> str:
        return hashlib.sha1(str(self.server.commits).encode()).hexdigest()

    def _file(self, path: str) -> None:
        content = self.server.files[path.partition("/resolve/")[2].partition("/")[2]]
        tag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._answer(
            content, 200, {"ETag": tag, "X-Repo-Commit": self._sha, "Content-Type": "application/octet-stream"}
        )

    def _json(self, content, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self._answer(json.dumps(content).encode(), code, {"Content-Type": "application/json", **(headers or {})})

    def _answer(self, content: bytes, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    import huggingface_hub.constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.files, server.created, server.commits, server.refuses = {}, [], 0, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(hub, tmp_path, monkeypatch):
    import huggingface_hub

    real = huggingface_hub.HfApi
    api = real(endpoint=hub.address, token="hf_none")

    def snapshot(*arguments, **options):
        return real.snapshot_download(api, *arguments, cache_dir=tmp_path / "hub-cache", **options)

    monkeypatch.setattr(api, "snapshot_download", snapshot)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    return api


@pytest.fixture
def exported(layout, tmp_path):
    layout.add_images("counting", "folder")
    return export("counting", tmp_path / "out", data_dir=layout.root)


def test_what_is_pushed_is_loaded_by_its_name(hub, api, exported):
    assert push(exported, REPOSITORY, private=True) == f"{hub.address}/datasets/{REPOSITORY}"
    assert hub.created[0].get("private") or hub.created[0].get("visibility") == "private"
    assert {name for name in hub.files if not name.startswith(".")} == {
        path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()
    }
    original, loaded = load(exported), load(REPOSITORY, split="test")
    assert loaded.name == "tia2"
    assert loaded.fingerprint == original.fingerprint
    assert loaded.votes_fingerprint == original.votes_fingerprint
    assert [loaded.image_bytes(index) for index in range(6)] == [original.image_bytes(index) for index in range(6)]
    assert load(f"hf://datasets/{REPOSITORY}").fingerprint == original.fingerprint

    # An export in other files replaces the earlier one, in one commit.
    hub.files["counting/test-00000-of-00009.parquet"] = b"of an earlier export"
    commits = hub.commits
    push(exported, REPOSITORY)
    assert "counting/test-00000-of-00009.parquet" not in hub.files
    assert hub.commits == commits + 1
    assert load(REPOSITORY).fingerprint == original.fingerprint


def test_the_command_pushes(hub, api, exported, layout, tmp_path, cli):
    words = ("data", "export", tmp_path / "again", "--benchmark", "counting", "--data-dir", layout.root)
    said = cli(*words, "--push", REPOSITORY)
    assert said.code == 0, said.err
    assert f"Pushed to {hub.address}/datasets/{REPOSITORY}" in said.out
    assert f"load_dataset('{REPOSITORY}')" in said.out
    assert "README.md" in hub.files
    assert "--private is for --push" in cli(*words, "--private").err


def test_what_can_not_be_pushed_or_loaded(hub, api, exported, tmp_path):
    with pytest.raises(BenchmarkError, match=r"holds no exported benchmark \(no README\.md\)"):
        push(tmp_path, REPOSITORY)
    with pytest.raises(BenchmarkError, match="Expected a dataset repository as OWNER/NAME, got 'tia2'"):
        push(exported, "tia2")
    hub.refuses = True
    with pytest.raises(BenchmarkError, match=r"^org/tia2 can't be pushed to the Hub: .*Log in with `hf auth login`"):
        push(exported, REPOSITORY)
    with pytest.raises(BenchmarkError, match="'no/where' is no file or folder, and can't be loaded from the Hub: 404"):
        load("no/where")


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_benchmark_in_a_store_is_copied_once(exported, isolated_caches, what):
    files = fsspec.filesystem("memory")
    files.put(str(exported), "/shop/mine", recursive=True)
    (parquet,) = exported.rglob("*.parquet")
    url = "memory://shop/mine" if what == "folder" else f"memory://shop/mine/{parquet.relative_to(exported).as_posix()}"
    original, loaded = load(exported), load(url)
    assert loaded.fingerprint == original.fingerprint
    assert loaded.image_bytes(3) == original.image_bytes(3)
    assert loaded.name == ("mine" if what == "folder" else parquet.stem)
    copies = list((isolated_caches / "tia2" / "stores").iterdir())
    load(url)
    assert list((isolated_caches / "tia2" / "stores").iterdir()) == copies

    changed = original.dataset.select(range(4))
    changed.to_parquet(parquet)
    files.put_file(str(parquet), f"/shop/mine/{parquet.relative_to(exported).as_posix()}")
    assert len(load(url)) == 4
    files.rm("/shop", recursive=True)
    with pytest.raises(BenchmarkError, match=r"^memory://shop/mine.* holds no file\."):
        load(url)
