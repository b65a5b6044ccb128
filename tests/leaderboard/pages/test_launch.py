"""The app starts on a machine that is so busy that its first page takes long."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store

pytest.importorskip("gradio")


def test_it_does_not_give_up_waiting_for_its_own_page(embedded, tmp_path, monkeypatch):
    from gradio import networking

    from tia2.leaderboard.pages.app import launch

    monkeypatch.setattr(networking, "url_ok", lambda _: False)
    store = Store(shutil.copytree(embedded, tmp_path / "store"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = launch(Live(store, index=Index(store, resamples=50)), port=port, wait=False)
    try:
        assert app.local_url == f"http://127.0.0.1:{port}/"
    finally:
        app.close(verbose=False)


STARTED = """
import sys
from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.pages.app import launch
store = embedded_store(sys.argv[1])
app = launch(Live(store, index=Index(store, resamples=20)), wait=False)
print(app.local_url)
app.close(verbose=False)
"""


@pytest.mark.slow
def test_proxies_and_a_temporary_folder_of_somebody_else_do_not_matter(shell, tmp_path):
    """One start with everything wrong at once, since each takes seconds."""
    (tmp_path / "gradio").write_text("somebody else's")
    nowhere = "http://127.0.0.1:9"
    surroundings = {
        "TMPDIR": str(tmp_path), "http_proxy": nowhere, "HTTPS_PROXY": nowhere, "ALL_PROXY": "socks5://127.0.0.1:9",
    }  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    said = shell(tmp_path / "store", code=STARTED, env={**environment, **surroundings}, cwd=tmp_path)
    assert said.out.startswith("http://127.0.0.1:"), said.err[-2000:]
    assert (tmp_path / "gradio").read_text() == "somebody else's"


def test_proxies_are_there_again_afterwards(monkeypatch):
    from tia2.leaderboard.pages.surroundings import without_proxies

    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    with without_proxies():
        assert "http_proxy" not in os.environ
    assert os.environ["http_proxy"] == "http://proxy:3128"


def test_without_a_folder_for_temporary_files_there_is_one_beside_the_store(monkeypatch, tmp_path):
    from tia2.errors import LeaderboardError
    from tia2.leaderboard.pages import surroundings

    real = surroundings.tempfile.mkdtemp

    def none_usable(*, prefix, dir=None):  # noqa: A002
        if dir is None:
            raise FileNotFoundError(2, "No usable temporary directory found")
        return real(prefix=prefix, dir=dir)

    monkeypatch.delenv(surroundings.TEMPORARY, raising=False)
    monkeypatch.setattr(surroundings.tempfile, "tempdir", None)
    monkeypatch.setattr(surroundings.tempfile, "mkdtemp", none_usable)
    store = tmp_path / "store"
    surroundings.prepare_temporary_folder(store)
    assert os.environ[surroundings.TEMPORARY].startswith(str(tmp_path / ".tia2-temporary-"))
    monkeypatch.delenv(surroundings.TEMPORARY)
    (tmp_path / "file").write_text("")
    with pytest.raises(LeaderboardError, match="name one with TMPDIR"):
        surroundings.prepare_temporary_folder(tmp_path / "file" / "store")
