"""What commands print works as printed, and says what differs."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tia2 import console
from tia2.console import cut_in_the_middle

NAMES = ("mini-countblind + TextNorm", "mini-countblind + TextNorm (cv)", "mini-countblind + TextNorm (oracle)")


def shown(table, width: int) -> list[str]:
    file = io.StringIO()
    console._VisibleConsole(file=file, width=width, highlight=False).print(table)
    return file.getvalue().splitlines()


def ranking():
    numbers = ("#", "AUROC", "95 % interval", "pooled")
    table = console.table("subset", "#", "entry", *numbers[1:], right=numbers)
    for name in NAMES:
        table.add_row(console.plain("comprehensive"), "1–4", console.plain(name), "0.726", "0.629–0.804", "0.811")
    return table


@pytest.mark.parametrize("width", [120, 80, 72, 60, 40, 20])
def test_names_stay_apart_and_numbers_stay_whole(width):
    lines = shown(ranking(), width)[2:]
    assert len(set(lines)) == len(NAMES)
    for line in lines:
        assert "0.629–0.804" in line
        assert "mini-" in line
    if width >= 60:
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [60, 40, 20])
def test_numbers_of_several_words_leave_names_their_room(width):
    numbers = ("with contrast", "drop to n=12")
    table = console.table("subset", *numbers, right=numbers)
    for name in NAMES:
        table.add_row(console.plain(name), "20", "0.091 (0.001 to 0.181)")
    lines = shown(table, width)
    assert "with contrast" in lines[0]
    assert len(set(lines[2:])) == len(NAMES)
    assert all(line.startswith("mini-") and line.endswith(" 0.091 (0.001 to 0.181)") for line in lines[2:])


def test_a_name_is_cut_in_its_middle():
    assert cut_in_the_middle("mini-countblind + TextNorm (cv)", 20) == "mini-countbl…rm (cv)"
    assert [cut_in_the_middle("牛" * 9, width) for width in (0, 1, 2, 5, 18)] == ["", "…", "…", "牛牛…", "牛" * 9]


def test_what_comes_next_is_a_command_that_the_shell_finds(monkeypatch, tmp_path):
    """After `make quickstart`, `tia2` is in .venv/bin, which the shell doesn't search."""
    script = tmp_path / ".venv" / "bin" / "tia2"
    script.parent.mkdir(parents=True)
    script.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert console.program() == ".venv/bin/tia2"
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/tia2")
    assert console.program() == "tia2"


def test_folders_are_quoted_in_what_comes_next(cli, small_benchmark, reward_file, tmp_path):
    out = tmp_path / "my tables"
    said = cli("score", "--reward", f"{reward_file}:bright", "--benchmark", small_benchmark, "--out", out)
    assert f"evaluate '{out}'" in said.err


def test_items_that_were_not_scored_are_not_counted(cli, small_benchmark, reward_file, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(small_benchmark).to_pylist()
    rows[3]["image"]["bytes"] = b"damaged"
    path = tmp_path / "damaged.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    words = ("score", "--reward", f"{reward_file}:bright", "--benchmark", path, "--skip-bad-images")
    said = cli(*words, "--out", tmp_path / "t")
    row = next(line for line in said.out.splitlines() if line.startswith("bright"))
    assert row.split()[1] == str(len(rows) - 1)


def test_a_benchmark_of_ones_own_is_not_sent_to_download_images(cli, small_benchmark, reward_file, tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "mine.parquet"
    pq.write_table(pq.read_table(small_benchmark).drop_columns(["image"]), path)
    for words in (
        ("score", "--reward", f"{reward_file}:bright", "--benchmark", path, "--out", tmp_path / "t"),
        ("data", "show", path),
        ("data", "check", path),
    ):
        said = cli(*words)
        text = " ".join((said.out + said.err).split())
        assert "data download" not in text, words
        assert "Images belong into the column image" in text, words


def test_saved_results_are_tabulated(cli, tables, tmp_path):
    assert cli("evaluate", *tables.values(), "--out", tmp_path / "r").code == 0
    saved = sorted((tmp_path / "r").glob("*.json"))
    again = cli("evaluate", *saved)
    assert again.code == 0
    first = next(iter(tables.values()))
    mixed = cli("evaluate", first, *(path for path in saved if path.stem != first.name))
    assert sorted(mixed.out.splitlines()) == sorted(again.out.splitlines())
    said = cli("evaluate", *saved, "--calibration", "textnorm")
    assert (said.code, "give score tables to calibrate" in said.err) == (2, True)
    said = cli("evaluate", *saved, "--out", tmp_path / "one.json")
    assert (said.code, "Expected a folder" in said.err) == (2, True)


def test_either_spelling_of_licence():
    import typer

    from tia2.leaderboard.commands.leaderboard import app as leaderboard
    from tia2.leaderboard.commands.submit import app as submit

    add = typer.main.get_command(leaderboard).commands["add"]
    for command in (add, typer.main.get_command(submit)):
        (option,) = (parameter for parameter in command.params if parameter.name == "licence")
        assert option.opts == ["--licence", "--license"]


def test_score_and_evaluate_take_a_local_copy(cli, reward_file, tmp_path):
    said = cli("score", "--reward", f"{reward_file}:bright", "--benchmark", "counting", "--data-dir", tmp_path / "no")
    assert "is not a folder" in said.err
    said = cli("evaluate", "--reward", "mini-web", "--benchmark", "counting", "--data-dir", tmp_path / "no")
    assert "is not a folder" in said.err


def test_results_can_be_read_by_colleagues(cli, tables, tmp_path):
    """The mode is what the umask gives, as for any file that a program creates."""
    import os

    before = os.umask(0o022)
    try:
        cli("evaluate", next(iter(tables.values())), "--out", tmp_path / "a.json")
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644
    assert json.loads(Path(tmp_path / "a.json").read_text())["schema_version"] == 1
