"""What the machine around a command gets wrong: encodings, disks, caches, pipes, control characters, the network."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from tia2.streams import visible

PARTING = "---- next ----"
SEVERAL = f"""
import json, sys
from tia2.cli import main
codes = []
for words in json.loads(sys.argv[1]):
    codes.append(main(words))
    print("{PARTING}", flush=True)
sys.exit(max(codes))
"""
"""Several commands in one process: each process takes seconds to start."""


def several(shell, commands, before="", **options):
    words = json.dumps([[str(word) for word in command] for command in commands])
    return shell(words, code=before + SEVERAL, **options)


RUN = "import sys; from tia2.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def results(tables, tmp_path_factory):
    """Saved results of two score tables, which are shown without computing anything."""
    import tia2

    folder = tmp_path_factory.mktemp("results")
    return [
        tia2.evaluate(table, resamples=50).save(folder / f"{name}.json") for name, table in list(tables.items())[:2]
    ]


def one_error(said, code=1) -> str:
    assert "Traceback" not in said.err, said.err
    assert said.code == code, said
    (line,) = said.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


# Encodings


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_encoding_takes_what_is_printed(shell, results, encoding):
    words = [["evaluate", *results], ["compare", *results], ["evaluate", results[0], "--json"], ["evaluate", "--help"]]
    said = several(shell, words, env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}, encoding=encoding)
    assert (said.code, said.err.count("Traceback")) == (0, 0), said.err
    ranking, comparison, exported, described = said.out.split(PARTING)[:4]
    assert max(map(len, (ranking + comparison).splitlines())) <= 80
    assert "--calibration" in described
    assert [row["entry"]["name"] for row in json.loads(exported)] == ["bright"]
    if encoding == "ascii":
        assert re.search(r"\d\.\d{3}-\d\.\d{3}", ranking)


def test_settings_of_the_terminal_and_of_notebooks_hide_nothing(shell, results, tmp_path):
    """A terminal of no columns printed nothing; a notebook's backend that isn't installed ended with a traceback."""
    odd = {"COLUMNS": "0", "MPLBACKEND": "module://not_installed"}
    words = [["compare", *results, "--figure", tmp_path / "a.svg"]]
    said = several(shell, words, env={**os.environ, **odd})
    assert said.code == 0, said.err
    assert "agrees with people better" in " ".join(said.out.split())
    assert (tmp_path / "a.svg").is_file()


def test_an_error_about_a_name_that_is_no_text(shell):
    """A file name on Linux is any bytes: half a character in it must not end the message."""
    said = shell("evaluate", "zwei-K\udcfche", env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
    assert "There is no score table at zwei-K\\udcfche" in one_error(said)


def test_a_board_is_exported_as_utf_8_whatever_the_terminal_takes(capfdbinary, monkeypatch):
    from tia2 import console

    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    console.print_file("zwei Kühe – 2×\n")
    narrow.flush()
    assert narrow.buffer.getvalue().decode() == "zwei Kühe – 2×\n"


# Control characters


def test_control_characters_are_shown():
    assert visible("a\x1b[2Jb\x00\x9b\x7f\u2028\u202e") == r"a\x1b[2Jb\x00\x9b\x7f\u2028\u202e"
    assert visible("zwei Kühe\n\t– 牛 🐄") == "zwei Kühe\n\t– 牛 🐄"


HOSTILE = "two \x1b[31mred\x1b]0;title\x07 cats\x00\x9b2J"


def test_no_prompt_reaches_the_terminal_as_it_is(cli, results, tmp_path):
    content = json.loads(results[0].read_text())
    for prompt in content["prompts"]:
        prompt["prompt"] = HOSTILE
    content["entry"]["name"] = HOSTILE
    content["benchmark"]["name"] = f"[bold]{HOSTILE}"
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(content))
    for words in (("evaluate", path), ("compare", path, results[1]), ("compare", path, results[1], "--json")):
        said = cli(*words)
        assert said.code == 0, said.err
        for text in (said.out, said.err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), words
        assert r"\x1b[31mred" in said.out or r"\u001b[31mred" in said.out


def test_no_error_or_warning_reaches_the_terminal_as_it_is(cli):
    from tia2 import console

    line = one_error(cli("evaluate", f"./{HOSTILE.replace(chr(0), '')}"))
    assert "\x1b" not in line
    assert r"\x1b[31mred" in line
    with console._VisibleConsole(file=io.StringIO(), width=80).capture() as captured:
        pass
    shown = io.StringIO()
    console._VisibleConsole(file=shown, width=80).print(f"plain {HOSTILE}", markup=False)
    assert r"\x1b[31mred\x1b]0;title" in shown.getvalue()
    assert "\x1b" not in captured.get() + shown.getvalue()


def test_names_that_look_like_markup_are_shown(cli, results, tmp_path):
    content = json.loads(results[0].read_text())
    content["entry"]["name"] = "[/nothing]"
    path = tmp_path / "markup.json"
    path.write_text(json.dumps(content))
    assert "[/nothing]" in cli("evaluate", path).out


# Pipes and disks


def test_a_reader_that_leaves_is_no_error(results):
    words = [sys.executable, "-c", RUN, "evaluate", *map(str, results), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read().decode()
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--json"]])
def test_a_full_disk_under_standard_output_is_one_line(results, words):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", RUN, "evaluate", *map(str, results), *words], stdout=full, stderr=subprocess.PIPE
        )
    assert done.stderr.decode().strip() == "error: standard output: No space left on device."
    assert done.returncode == 1


NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
def test_what_was_computed_is_printed_when_it_can_not_be_saved(shell, results, tmp_path):
    """A disk that fills up while a command computes: the numbers are shown, and the error comes last."""
    words = [
        ["evaluate", results[0], "--out", tmp_path / "a.json"],
        ["evaluate", results[0], "--out", tmp_path / "a.json", "--json"],
        ["compare", *results, "--figure", tmp_path / "a.svg"],
    ]
    said = several(shell, words, before=NO_ROOM)
    table, exported, comparison, _ = said.out.split(PARTING)
    assert "AUROC" in table
    assert json.loads(exported)[0]["entry"]["name"] == "bright"
    assert "agrees with people better" in " ".join(comparison.split())
    assert said.err.count("can't be written: File too large") == 3
    assert "Traceback" not in said.err
    assert (said.code, list(tmp_path.iterdir())) == (1, [])


def test_a_place_that_can_not_be_written_is_refused_before_anything_is_computed(cli, tables, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    table = next(iter(tables.values()))

    def computes(*arguments, **options):
        raise AssertionError("computed")

    monkeypatch.setattr(import_module("tia2.evaluation.evaluate"), "_result", computes)
    monkeypatch.setattr("tia2.prompts.making.contrastive_prompts", computes)
    for words in (
        ("evaluate", table, "--out", blocked / "a.json"),
        ("evaluate", table, "--out", blocked / "folder"),
        ("compare", table, table, "--figure", blocked / "a.png"),
        ("prompts", "contrast", "two cats", "--out", blocked / "a.json"),
        ("analyze", "errors", table, table, "--out", blocked / "analysis"),
        ("miniworld", "sample", "two red circles", "--out", blocked / "a.png"),
        ("miniworld", "build", "--out", blocked / "a.parquet"),
    ):
        assert "can't be written: Not a directory" in one_error(cli(*words)), words
    assert blocked.read_text() == ""


# Caches


def test_the_embedded_benchmark_needs_no_cache(shell, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    nowhere = {"HF_HOME": "/dev/null/nothing", "HOME": "/dev/null/nothing"}
    said = shell("data", "show", "mini", env={**environment, **nowhere}, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "1,000" in said.out


def test_the_embedded_benchmark_is_what_datasets_loads():
    import pyarrow as pa
    from datasets import load_dataset

    from tia2.benchmark import load

    ours, theirs = load("mini").dataset, load_dataset("tia2", "mini", split="test")
    assert ours.features == theirs.features
    for name in ours.column_names:
        assert (
            pa.chunked_array(ours.data.column(name))
            .combine_chunks()
            .equals(pa.chunked_array(theirs.data.column(name)).combine_chunks())
        ), name


def test_a_cache_that_can_not_be_written_is_one_line(cli, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "file" / "datasets"))
    monkeypatch.setattr("tia2.benchmark.upstream.sources.annotations_root", lambda *_: tmp_path)
    assert "HF_HOME moves it" in one_error(cli("data", "show", "counting"))


# The network


def test_offline_is_said_and_nothing_is_tried(shell, tmp_path):
    began = time.monotonic()
    said = shell(code=OFFLINE, env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)})
    assert said.out.strip().endswith(
        "it isn't in the cache, and HF_HUB_OFFLINE is set. Unset that, or give a local folder."
    )
    assert time.monotonic() - began < 60


OFFLINE = """
from tia2.errors import RewardError
from tia2.rewards.loading.hub import fetch_file
try:
    fetch_file("xswu/HPSv2", "HPS_v2.1_compressed.pt")
except RewardError as error:
    print(error)
"""


@pytest.mark.parametrize("proxy", [{"HTTPS_PROXY": "http://127.0.0.1:9"}, {"ALL_PROXY": "socks5://127.0.0.1:9"}])
def test_a_hub_that_can_not_be_reached_is_one_line_at_once(shell, tmp_path, proxy):
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    said = shell(code=OFFLINE, env={**environment, "HF_HOME": str(tmp_path), **proxy})
    assert (said.code, said.err) == (0, "")
    assert len(said.out.strip().splitlines()) == 1
    assert "xswu/HPSv2" in said.out
