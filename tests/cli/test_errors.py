"""Bad input gives one clear line on stderr, nothing on stdout, and an exit code that says which kind it was."""

from __future__ import annotations

import json
import os
import signal
import time
from importlib.metadata import version

import pytest

from tia2 import __version__


def one_error(said, code=1) -> str:
    assert said.code == code, said
    assert said.out == ""
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("error: ")
    return lines[0]


def test_unknown_command(cli):
    line = one_error(cli("evalute"), code=2)
    assert "Unknown command 'evalute'. Did you mean 'evaluate'?" in line
    assert "tia2 --help" in line


def test_unknown_option(cli):
    line = one_error(cli("evaluate", "--metrc", "auroc"), code=2)
    assert "--metrc" in line
    assert "tia2 evaluate --help" in line


def test_no_command_shows_the_help(cli):
    said = cli()
    assert "Usage: tia2" in said.out + said.err


def test_unknown_reward(cli, small_benchmark, tmp_path):
    line = one_error(cli("score", "--reward", "mini-stong", "--benchmark", small_benchmark, "--out", tmp_path / "out"))
    assert "Unknown reward 'mini-stong'. Did you mean 'mini-strong'?" in line


def test_unknown_benchmark(cli, reward_file, tmp_path):
    line = one_error(
        cli("score", "--reward", f"{reward_file}:bright", "--benchmark", "countng", "--out", tmp_path / "out")
    )
    assert "Did you mean 'counting'?" in line


def test_missing_table(cli, tmp_path):
    assert "no score table at" in one_error(cli("evaluate", tmp_path / "nothing"))


def test_no_table_at_all(cli):
    assert "at least one score table" in one_error(cli("evaluate"), code=2)


def test_unknown_metric(cli, tables):
    assert "Unknown metric 'auc'. Did you mean 'auroc'?" in one_error(
        cli("evaluate", tables["bright"], "--metric", "auc")
    )


def test_nan_rewards(cli, small_benchmark, reward_file, tmp_path):
    line = one_error(cli("evaluate", "--reward", f"{reward_file}:broken", "--benchmark", small_benchmark))
    assert "NaN" in line or "finite" in line


def test_several_results_need_a_folder(cli, tables, tmp_path):
    line = one_error(cli("evaluate", *tables.values(), "--out", tmp_path / "one.json"), code=2)
    assert "Expected a folder" in line
    assert not (tmp_path / "one.json").exists()


def test_version(cli):
    assert cli("--version").out == f"tia2 {__version__}\n"
    table = cli("version").out
    assert version("numpy") in table
    as_json = json.loads(cli("version", "--json").out)
    assert as_json["tia2"] == __version__
    assert as_json["numpy"] == version("numpy")
    torch = pytest.importorskip("torch", reason="the rest needs the extra 'rewards'")
    assert as_json["torch"] == version("torch") == torch.__version__.split("+")[0]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to a process")
def test_interrupted_scoring_keeps_its_shards_and_goes_on(cli, fork, small_benchmark, reward_file, tmp_path):
    out = tmp_path / "table"
    words = ("score", "--reward", f"{reward_file}:slow", "--benchmark", str(small_benchmark), "--out", str(out))
    started = fork(*words)
    deadline = time.monotonic() + 240
    while not (out / "manifest.json").exists() and started.process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(started.process.pid, signal.SIGINT)
    assert started.wait(240) == 130
    err = started.err.read_text(encoding="utf-8")
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("Interrupted; what was done is kept.")

    assert cli(*words).code == 0
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["complete"] is True
