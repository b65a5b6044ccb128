"""`tia2 leaderboard`, as maintainers type it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tia2.leaderboard.data.store import Store


@pytest.fixture
def cli(cli):
    """Run `tia2 leaderboard` with further words."""
    return lambda *words: cli("leaderboard", *words)


@pytest.fixture(scope="module")
def folder(embedded, tmp_path_factory) -> Path:
    return shutil.copytree(embedded, tmp_path_factory.mktemp("commands") / "store")


@pytest.fixture(scope="module")
def table(folder) -> Path:
    store = Store(folder)
    return store.table_path(next(one for one in store.listings if one.id == "mini-web").tables[0])


@pytest.fixture
def ours(cli, tmp_path) -> Path:
    said = cli("init", tmp_path / "ours", "--benchmark", "mini", "--name", "Ours")
    assert said.code == 0, said.err
    return tmp_path / "ours"


def test_init(ours):
    store = Store(ours)
    (record,) = store.benchmarks
    assert (store.name, record.name, record.simulated, record.images) == ("Ours", "mini", True, "mini")
    assert store.listings == []


def test_init_leaves_what_is_there(cli, tmp_path):
    (tmp_path / "x").write_text("x", encoding="utf-8")
    said = cli("init", tmp_path, "--benchmark", "mini")
    assert said.code == 1
    assert "is not empty" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_add(cli, ours, table):
    said = cli("add", table, "--store", ours, "--name", "Mine", "--licence", "MIT", "--contact", "https://example.org")
    assert said.code == 0, said.err
    assert said.out.splitlines()[1].strip() == "Mine"
    (listing,) = Store(ours).listings
    assert (listing.id, listing.card.licence, listing.card.contact) == ("mine", "MIT", "https://example.org")
    assert len(listing.calibrations) == 4
    again = cli("add", table, "--store", ours, "--name", "Mine")
    assert again.code == 1
    assert "Mine" in again.err
    assert cli("add", table, "--store", ours, "--name", "Mine", "--replace").code == 0
    (listing,) = Store(ours).listings
    assert listing.card.contact == ""


def test_an_ensemble_needs_a_name(cli, ours, folder, table):
    store = Store(folder)
    tables = [store.table_path(one.tables[0]) for one in store.listings if one.id in ("mini-vivid", "mini-web")]
    said = cli("add", *tables, "--store", ours)
    assert said.code == 1
    assert "--name" in said.err
    said = cli("add", *tables, "--store", ours, "--name", "Two")
    assert said.code == 0, said.err
    assert [one.registry_name for one in Store(ours).listings[0].calibrations] == ["mean", "ur"]
    said = cli("add", table, table, "--store", ours, "--name", "Twice")
    assert said.code == 1
    assert "list each once" in said.err


def test_add_refuses_what_is_no_table_or_no_card(cli, ours, table, tmp_path):
    for words, why in (
        ([tmp_path], "score table"),
        ([table, "--contact", "javascript:alert(1)"], "contact"),
        ([table, "--name", "x" * 61], "name"),
    ):
        said = cli("add", *words, "--store", ours)
        assert said.code == 1
        assert why in said.err.lower()
        assert len(said.err.splitlines()) == 1
    assert Store(ours).listings == []


def test_a_table_of_another_benchmark(cli, folder, table, tmp_path):
    store = Store.create(tmp_path / "empty", "Empty")
    said = cli("add", table, "--store", store.folder)
    assert said.code == 1
    assert "mini" in said.err
    said = cli("export", "--format", "csv", "--store", store.folder)
    assert said.code == 1
    assert "has no benchmark" in said.err


def test_export(cli, folder, tmp_path):
    said = cli("export", "--format", "csv", "--store", folder)
    assert said.code == 0, said.err
    assert {"mini-strong", "mini-web~textnorm"} <= {row["id"] for row in csv.DictReader(said.out.splitlines())}
    said = cli("export", "--format", "json", "--store", folder, "--out", tmp_path / "x.json")
    assert said.code == 0
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    said = cli("export", "--format", "latex", "--store", folder, "--subset", "counting", "--metric", "kendall")
    assert "\\toprule" in said.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--format", "xlsx"], "Unknown format 'xlsx'"),
        (["--format", "latex", "--subset", "countng"], "Did you mean 'counting'?"),
        (["--format", "latex", "--metric", "auc"], "Did you mean 'auroc'?"),
        (["--format", "csv", "--benchmark", "x"], "Unknown benchmark 'x'"),
    ],
)
def test_export_names_what_there_is(cli, folder, words, why):
    said = cli("export", *words, "--store", folder)
    assert said.code == 1
    assert why in said.err


def test_a_place_without_a_store(cli, tmp_path):
    said = cli("export", "--format", "csv", "--store", tmp_path)
    assert said.code == 1
    assert "tia2 leaderboard init" in said.err


@pytest.mark.upstream
def test_import_published(cli, tmp_path, tia2_dir):
    said = cli("import-published", "--store", tmp_path / "store", "--data-dir", tia2_dir)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 5
    store = Store(tmp_path / "store")
    assert sorted(record.name for record in store.benchmarks) == ["all", "mini"]
    assert len(store.published) == 5
    assert cli("import-published", "--store", tmp_path / "store", "--data-dir", tia2_dir).code == 0
    assert len(Store(tmp_path / "store").published) == 5


def test_without_gradio(cli, folder, monkeypatch):
    monkeypatch.setattr("tia2.leaderboard.commands.leaderboard.find_spec", lambda name: None)
    said = cli("--store", folder, "--no-open")
    assert said.code == 1
    assert "pip install 'tia2[leaderboard]'" in said.err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_serves_until_interrupted_on_the_next_free_port(tmp_path):
    pytest.importorskip("gradio")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "tia2.cli",
            "leaderboard",
            "--store",
            "store",
            "--port",
            str(port),
            "--no-open",
        ]
        running = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        try:
            line = running.stdout.readline()
            assert line.startswith("TIA2 leaderboard: http://127.0.0.1:"), running.stderr.read()
            address = line.split()[-1]
            assert int(address.rstrip("/").rpartition(":")[2]) > port
            with urllib.request.urlopen(f"{address}config", timeout=240) as answer:
                page = json.load(answer)
                # The real benchmark comes first, the miniature one beside it.
                menu = next(part["props"]["choices"] for part in page["components"] if part["type"] == "dropdown")
                assert menu[1:] == [["Miniature world", "mini"]]
                assert "default-src 'self'" in answer.headers["content-security-policy"]
            endpoint, asked = f"{address}gradio_api/call/leaderboard", {"data": [menu[0][1], "overall", "auroc"]}
            call = urllib.request.Request(endpoint, json.dumps(asked).encode(), {"Content-Type": "application/json"})
            event = json.load(urllib.request.urlopen(call, timeout=240))["event_id"]
            with urllib.request.urlopen(f"{endpoint}/{event}", timeout=240) as answer:
                assert "PickScore (as published)" in answer.read().decode()
            for path in ("gradio_api/file=store/store.json", f"gradio_api/file={tmp_path}/store/store.json"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(f"{address}{path}", timeout=240)
                assert refused.value.code == 403
            time.sleep(0.2)
            running.send_signal(signal.SIGINT)
            assert running.wait(240) == 130
            assert "Traceback" not in running.stderr.read()
        finally:
            running.kill()
            running.wait(30)
