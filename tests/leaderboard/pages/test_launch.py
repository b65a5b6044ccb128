"""The app starts on a machine that is so busy that its first page takes long."""

from __future__ import annotations

import socket

import pytest

from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index

pytest.importorskip("gradio")


def test_it_does_not_give_up_waiting_for_its_own_page(tmp_path, monkeypatch):
    from gradio import networking

    from tia2.leaderboard.pages.app import launch

    monkeypatch.setattr(networking, "url_ok", lambda _: False)
    store = embedded_store(tmp_path / "store")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = launch(Live(store, index=Index(store, resamples=50)), port=port, wait=False)
    try:
        assert app.local_url == f"http://127.0.0.1:{port}/"
    finally:
        app.close(verbose=False)
