"""The commands from prompts to a benchmark: what they print, and one line for what goes wrong."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tia2.people.store.study import Study


def test_from_a_table_to_a_study_and_its_links(cli, mini_table, tmp_path):
    folder = tmp_path / "study"
    said = cli("people", "new", folder, mini_table, "--rater", "Ann", "--most", 5, "--gold-share", 0.1)
    assert said.code == 0
    assert "144 images" in said.out
    said = cli("people", "vote", folder, "--links", "--rater", "Bob", "--port", 7999)
    study = Study(folder)
    tokens = [*(rater.token for rater in study.raters()), study.owner_token]
    assert [rater.name for rater in study.raters()] == ["Ann", "Bob"]
    assert study.settings.adaptive.most == 5
    study.close()
    printed = "".join(said.out.split())
    assert all(f"#t={token}" in printed for token in tokens)
    assert f"http://localhost:7999/owner#t={tokens[-1]}" in printed
    again = cli("people", "new", folder, mini_table, "--rater", "Ann")
    assert again.code == 1
    assert "A study needs a new or empty folder." in " ".join(again.err.split())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_every_vote_is_exported_without_names_unless_asked(cli, voted, tmp_path, suffix):
    out = tmp_path / f"votes{suffix}"
    assert cli("people", "export", voted, out).code == 0
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda path: pd.read_json(path, lines=True)}
    frame = read[suffix](out)
    study = Study(voted)
    assert len(frame) == len(study.votes())
    study.close()
    assert set(frame["rater"]) == {f"rater {number}" for number in range(1, 8)}
    assert {"item", "prompt", "slot", "seconds", "at", "alignment"} <= set(frame.columns)
    assert "Careful" not in out.read_bytes().decode("latin-1")


def test_prompts_of_files_and_recipes(cli, tmp_path):
    (tmp_path / "my own.txt").write_text("a red cat\nthe red cat\n\ntwo dogs\n")
    out = tmp_path / "prompts.json"
    said = cli("people", "prompts", out, "--file", tmp_path / "my own.txt", "--recipe", "counting", "--most", 3)
    assert said.code == 0
    rows = json.loads(out.read_text())
    assert [row["subset"] for row in rows] == ["counting"] * 3 + ["my-own"] * 3
    assert rows[3]["prompt_id"] == "my-own/0"
    assert "near-duplicate: 'a red cat' and 'the red cat'" in said.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["new", "study", "nothing"], "no folder of samples"),
        (["new", "study", "empty"], "holds no samples"),
        (["new", "study", "table.csv"], "a.png can't be read"),
        (["new", "study", "table.csv", "--question", "pairs"], "Unknown question 'pairs'"),
        (["new", "study", "table.csv", "--votes", 3, "--most", 2], "adaptive.most is below"),
        (["new", "study", "table.csv", "--guide", "nothing.txt"], "nothing.txt can't be read"),
        (["new", "study", "table.csv", "--gold", "table.csv"], "Known answers stand in the column answer"),
        (["vote", "empty"], "holds no study"),
        (["build", "empty", "out"], "holds no study"),
        (["export", "empty", "votes.txt"], "Expected a .csv"),
        (["backup", "empty", "out"], "holds no study"),
        (["prompts", "prompts.txt"], "Expected a .json file"),
        (["prompts", "p.json", "--world", "moon"], "Unknown world 'moon'"),
        (["prompts", "p.json", "--number", 99], "Expected numbers from 1"),
        (["prompts", "p.json", "--file", "nothing.txt"], "nothing.txt"),
        (["sample", "nothing.txt", "out"], "nothing.txt"),
        (["sample", "prompts.txt", "out", "--model", "no model"], "no model"),
    ],
)
def test_what_goes_wrong_is_one_line(cli, tmp_path, monkeypatch, words, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("image,prompt\na.png,a cat\n")
    (tmp_path / "prompts.txt").write_text("a cat\n")
    said = cli("people", *words)
    assert said.code == 1
    assert complaint in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "study").exists()


def test_a_taken_port_is_said(cli, new_study):
    import socket

    study = new_study()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = cli("people", "vote", study.folder, "--port", taken.getsockname()[1])
    assert said.code == 1
    assert "Nothing can be served at 127.0.0.1" in said.err
