from __future__ import annotations

import json
import re
import shutil

import pytest

from tia2.evaluation import Result


def test_ranks_tables_subset_by_subset(cli, tables):
    said = cli("evaluate", *tables.values())
    assert said.code == 0
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    ranked = re.findall(r"^(\w*) +(\d) +(\w+) +([\d.]+) +([\d.]+)–([\d.]+) +[\d.]+ +(\w)", said.out, re.M)
    assert [(row[0], row[1], row[2]) for row in ranked] == [
        ("counting", "1", "bright"),
        ("", "2", "dark"),
        ("composition", "1", "bright"),
        ("", "2", "dark"),
        ("overall", "1", "bright"),
        ("", "2", "dark"),
    ]
    for _, _, name, mean, low, high, group in ranked:
        assert float(low) <= float(mean) <= float(high)
        assert (float(mean) > 0.5) == (name == "bright")
        assert group == ("a" if name == "bright" else "b")
    assert len(re.findall(r"^ +(?:one annotator|noise ceiling) +[\d.]+", said.out, re.M)) == 6
    assert re.search(r"^counting +3 +3 +24 +24 +0\.\d+$", said.out, re.M)
    assert re.search(r"^overall +6 +6 +48 +48 +0\.\d+$", said.out, re.M)


def test_another_metric(cli, tables):
    said = cli("evaluate", tables["dark"], "--metric", "spearman")
    assert "Spearman" in said.out
    assert re.search(r"overall +1 +dark +-0\.\d", said.out)


def test_json_is_the_results(cli, tables):
    said = cli("evaluate", *tables.values(), "--json")
    results = [Result.model_validate(one) for one in json.loads(said.out)]
    assert [result.entry.name for result in results] == ["bright", "dark"]
    assert said.err == ""


def test_saves_one_file_or_a_folder(cli, tables, tmp_path):
    assert cli("evaluate", tables["bright"], "--out", tmp_path / "one.json").code == 0
    assert cli("evaluate", *tables.values(), "--out", tmp_path / "both").code == 0
    one = Result.load(tmp_path / "one.json")
    assert one == Result.load(tmp_path / "both" / "bright.json")
    assert Result.load(tmp_path / "both" / "dark.json").entry.name == "dark"


def test_seed_decides_the_interval_and_nothing_else(cli, tables):
    first, again, other = (
        json.loads(cli("evaluate", tables["bright"], "--json", "--seed", seed).out)[0] for seed in (0, 0, 1)
    )
    assert first == again
    assert first["overall"]["metrics"]["auroc"]["mean"] == other["overall"]["metrics"]["auroc"]["mean"]
    assert other["seed"] == 1


def test_scores_in_memory(cli, tables, small_benchmark, reward_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--reward", f"{reward_file}:bright", "--benchmark", small_benchmark, "--json")
    (in_memory,) = json.loads(cli("evaluate", *words).out)
    (from_table,) = json.loads(cli("evaluate", tables["bright"], "--json").out)
    assert in_memory["overall"] == from_table["overall"]
    assert list(tmp_path.iterdir()) == []


def test_long_names_never_break_the_layout(cli, tables, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tables["bright"], copy)
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["reward"]["name"] = "clip:[red]" + "x" * 200
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    said = cli("evaluate", copy, "--metric", "kendall")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert "clip:[red]x" in said.out
    assert "…" in said.out
    assert re.search("Kendall τ-b +95 % interval +pooled", said.out)
    whole = re.findall(r"-?\d\.\d{3}–-?\d\.\d{3} +-?\d\.\d{3}$", said.out, re.M)
    assert len(whole) == 3 * 3, "an entry, one annotator and the noise ceiling"


def test_the_same_entry_twice_is_shown_but_not_saved_over_itself(cli, tables, tmp_path):
    assert cli("evaluate", tables["bright"], tables["bright"]).code == 0
    said = cli("evaluate", tables["bright"], tables["bright"], "--out", tmp_path / "out")
    assert said.code == 1
    assert "named bright" in said.err


@pytest.mark.parametrize("metric", ["auprc", "ap5", "kendall"])
def test_every_metric_can_be_shown(cli, tables, metric):
    assert cli("evaluate", tables["bright"], "--metric", metric).code == 0
