"""Downloads, against a server on this machine that misbehaves in every way a real one does."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from datasets import load_dataset

import tia2  # noqa: F401  installs the hook
from tia2.benchmark import load
from tia2.benchmark.upstream import sources
from tia2.errors import BenchmarkError, DownloadError

pytestmark = pytest.mark.network
COUNTING = sources.annotation_files(["counting"])


class Server:
    """Serves a folder; `plan[path]` is a list of ways to misbehave first, one per request."""

    def __init__(self, root):
        self.plan: dict[str, list[str]] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                path = self.path.removeprefix("/mirror/")
                server.requests.append(path)
                steps = server.plan.get(path, [])
                step = steps.pop(0) if steps else "ok"
                file = root / path
                if step == "404" or not file.is_file():
                    self.send_error(404)
                elif step.isdigit():
                    self.send_error(int(step))
                elif step == "slow":
                    time.sleep(3.0)
                    self.close_connection = True
                else:
                    self.reply(step, file.read_bytes())

            def reply(self, step, content):
                body = content.replace(b"prompt", b"PROMPT") if step == "altered" else content
                self.send_response(200)
                if step == "cut without length":
                    self.send_header("Connection", "close")
                    self.close_connection = True
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if step.startswith("cut") else body)
                self.close_connection |= step.startswith("cut")
                if step == "stall":
                    time.sleep(3.0)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/mirror"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(layout, monkeypatch):
    running = Server(layout.root)
    monkeypatch.setenv("TIA2_BASE_URL", running.url + "/")
    checksums = {path: hashlib.sha256((layout.root / path).read_bytes()).hexdigest() for path in sources.SHA256}
    monkeypatch.setattr(sources, "SHA256", checksums)
    monkeypatch.setattr(sources, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(sources, "TIMEOUT", (10.0, 1.0))
    yield running
    running.http.shutdown()
    running.http.server_close()


def kept(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file() and "annotations" in str(path.parent.parent))


def test_load_dataset_downloads_what_the_config_needs_once(server, isolated_caches):
    assert len(load_dataset("tia2", "counting", split="test")) == 6
    assert server.requests == COUNTING
    load_dataset("tia2", "counting", split="test", download_mode="force_redownload")
    assert server.requests == COUNTING
    assert len(load("all")) == 18
    assert sorted(server.requests) == sorted(sources.annotation_files())
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in isolated_caches.rglob("*labels*.json"))


@pytest.mark.parametrize("steps", [["500"], ["503", "429", "502"], ["cut"], ["cut", "cut", "500"], ["slow"]])
def test_what_may_pass_is_tried_again(server, steps):
    server.plan[COUNTING[0]] = list(steps)
    assert len(load("counting")) == 6
    assert server.requests == [COUNTING[0]] * (len(steps) + 1) + [COUNTING[1]]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("500", "the server answered 500 Internal Server Error, 4 times in a row"),
        ("cut", "the connection was cut off before the end, 4 times in a row"),
        ("slow", "the server did not answer in time, 4 times in a row"),
    ],
)
def test_it_gives_up_after_four_attempts(server, isolated_caches, step, message):
    server.plan[COUNTING[0]] = [step] * 9
    with pytest.raises(DownloadError) as caught:
        load("counting")
    assert message in str(caught.value)
    assert f"{server.url}/{COUNTING[0]}" in str(caught.value)
    assert "data_dir= or TIA2_DATA_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.requests == [COUNTING[0]] * 4
    assert kept(isolated_caches) == []


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("404", "the server answered 404 Not Found"),
        ("403", "the server answered 403 Forbidden"),
        ("altered", "is not the released file: expected sha256"),
        ("cut without length", "is not the released file: expected sha256"),
    ],
)
def test_what_will_not_pass_is_not_tried_again_and_nothing_is_kept(server, isolated_caches, step, message):
    server.plan[COUNTING[0]] = [step] * 9
    with pytest.raises(DownloadError) as caught:
        load_dataset("tia2", "counting")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.requests == [COUNTING[0]]
    assert kept(isolated_caches) == []


def test_a_failed_download_goes_on_with_the_missing_files(server):
    server.plan[COUNTING[1]] = ["404"]
    with pytest.raises(DownloadError):
        load("counting")
    assert len(load("counting")) == 6
    assert server.requests == [COUNTING[0], COUNTING[1], COUNTING[1]]


def test_a_damaged_copy_is_fetched_again(server, isolated_caches):
    load("counting")
    (copy,) = isolated_caches.rglob("human_labels_counting.json")
    copy.write_text("{}")
    load_dataset("tia2", "counting", download_mode="force_redownload")
    assert server.requests == [*COUNTING, COUNTING[0]]


def test_no_network(server, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("TIA2_BASE_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(DownloadError, match=r"no connection, 4 times in a row\. A local copy works too"):
        load("counting")


def test_cache_that_can_not_be_written(server, isolated_caches):
    isolated_caches.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match=r"can't be written: Not a directory\. HF_HOME moves the cache"):
        sources.fetch_annotations(sources.cache_dir(), ["counting"])
    assert server.requests == []


def test_waits_grow(server, monkeypatch):
    waits = []
    monkeypatch.setattr(sources.time, "sleep", waits.append)
    server.plan[COUNTING[0]] = ["500"] * 3
    sources.download(f"{server.url}/{COUNTING[0]}", sources.cache_dir() / "x.json", sources.SHA256[COUNTING[0]])
    assert waits == [0.01, 0.02, 0.04]


def test_no_address_but_the_pinned_one_without_the_variable():
    assert sources.base_url() == f"https://raw.githubusercontent.com/kykim0/TextNorm/{sources.COMMIT}"


def test_a_local_copy_is_never_fetched(server, layout):
    load("counting", data_dir=layout.root)
    assert server.requests == []


def test_incomplete_local_copy_is_an_error_and_not_filled_up(server, layout):
    os.remove(layout.root / COUNTING[1])
    with pytest.raises(BenchmarkError, match=r"prompt_set_counting\.json is missing"):
        load("counting", data_dir=layout.root)
    assert server.requests == []
