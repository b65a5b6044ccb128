"""`tia2 analyze`, and the entries that `tia2 evaluate` makes with TextNorm."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd
import pytest

from tia2.evaluation import Result

_spec = spec_from_file_location("made", Path(__file__).parents[1] / "calibration" / "conftest.py")
made = module_from_spec(_spec)
_spec.loader.exec_module(made)

ANALYSES = {
    "calibration": "calibration",
    "temperature": "temperature",
    "prompt-set": "prompt_set",
    "errors": "errors",
    "contrastive": "contrastive",
    "power": "power",
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Two score tables with contrastive prompts, and one of a control, on one benchmark."""
    folder = tmp_path_factory.mktemp("toys")
    items = made._items(prompts=8, items=8)
    for number, (name, kind, temperature) in enumerate(
        [("one", "dual encoder", 0.5), ("two", "dual encoder", 0.5), ("pretty", "control", None)]
    ):
        rewards = made._rewards(items, seed=number + 1)
        made._table(items, rewards, name, kind=kind, temperature=temperature).save(folder / name)
    return {name: folder / name for name in ("one", "two", "pretty")}


@pytest.mark.parametrize("command", ANALYSES)
def test_every_analysis_writes_a_picture_a_page_and_a_table(cli, toys, tmp_path, command):
    said = cli("analyze", command, toys["one"], toys["two"], "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.out.startswith("- ")
    name = ANALYSES[command]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{name}.{end}" for end in ("csv", "html", "png")
    ]
    assert len(pd.read_csv(tmp_path / "out" / f"{name}.csv"))
    assert said.err.count("Saved") == 3


def test_benchmarks_are_put_side_by_side(cli, toys, tmp_path):
    items = made._items(prompts=8, items=8, seed=9)
    for number, name in enumerate(("uno", "two")):
        table = made._table(items, made._rewards(items, seed=number), name, benchmark="c" * 64)
        benchmark = table.manifest.benchmark.model_copy(update={"name": "others"})
        table.manifest = table.manifest.model_copy(update={"benchmark": benchmark})
        table.save(tmp_path / name)
    words = ("--family", "uno=one", "--out", tmp_path / "out")
    said = cli("analyze", "generalization", toys["one"], toys["two"], tmp_path / "uno", tmp_path / "two", *words)
    assert said.code == 0, said.err
    assert "- Of 1 pair of models that benchmarks share" in said.out
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".csv", ".html", ".png"]


def test_json_holds_findings_and_table(cli, toys, tmp_path):
    said = cli("analyze", "temperature", toys["one"], "--sweep", "scale", "--json", "--out", tmp_path)
    found = json.loads(said.out)
    assert [row["sweep"] for row in found["table"]] == ["scale"] * len(found["table"])
    assert len(found["files"]) == 3
    assert "upper bound" in found["findings"][-1]


def test_only_the_formats_asked_for_are_written(cli, toys, tmp_path):
    said = cli("analyze", "power", toys["one"], toys["two"], "--format", "pdf, csv", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["power.csv", "power.pdf"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["power", "one", "two", "--format", "png,gif"], "Unknown format 'gif'"),
        (["power", "one", "two", "--format", ","], "Expected at least one format of png, pdf, svg, html, csv"),
        (["calibration", "pretty"], "pretty scores the image alone"),
        (["temperature", "one", "--sweep", "tau"], "Unknown sweep 'tau'"),
        (["temperature", "one", "--sweep", "penalty"], "give two score tables"),
        (["calibration", "one", "--scaling", "softmax"], "Unknown scaling 'softmax'"),
        (["prompt-set", "one", "--draws", "0"], "at least 1 draw"),
        (["errors", "one"], "Expected at least 2 score tables, got 1"),
        (["power", "one"], "Expected at least 2 score tables, got 1"),
        (["contrastive", "nowhere"], "There is no score table at"),
        (["power", "one", "two", "--metric", "auc"], "Unknown metric 'auc'"),
        (["generalization", "one", "two"], "Expected two models that two benchmarks share, got toys: one, two."),
    ],
)
def test_a_mistake_is_one_line(cli, toys, tmp_path, words, said):
    answer = cli("analyze", *(toys.get(word, word) for word in words), "--out", tmp_path / "out")
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_family_needs_a_model_and_a_name(cli, toys):
    said = cli("analyze", "generalization", toys["one"], "--family", "one")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "Expected --family MODEL=FAMILY, got 'one'" in said.err


def test_out_must_be_a_folder(cli, toys, tmp_path):
    (tmp_path / "file").write_text("kept")
    said = cli("analyze", "calibration", toys["one"], "--out", tmp_path / "file")
    assert (said.code, "Expected a folder" in said.err) == (1, True)
    assert (tmp_path / "file").read_text() == "kept"


def test_evaluate_makes_every_entry_that_is_asked_for(cli, toys, tmp_path):
    said = cli(
        "evaluate", toys["one"], toys["two"], "--calibration", "raw", "--calibration", "textnorm",
        "--ensemble", "mean", "--ensemble", "ur", "--setting", "fixed", "--setting", "cv", "--setting", "oracle",
        "--out", tmp_path / "results",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert max(map(len, said.out.splitlines())) <= 80
    results = [Result.load(path) for path in (tmp_path / "results").iterdir()]
    assert len(results) == 2 + 3 * (2 + 2)
    assert sum(result.entry.upper_bound for result in results) == 4
    overall = said.out[said.out.index("overall") :]
    shown = re.sub(r"\s+", " ", overall)
    assert "upper bound" in shown
    # An upper bound has neither rank nor group; an entry has both.
    for line in overall.splitlines():
        if re.search(r"\d\.\d{3}–", line) and not line.startswith("overall"):
            ranked = re.match(r"^ +\d+(–\d+)? ", line)
            lettered = re.search(r" [a-z]+ *$", line)
            assert bool(ranked) == bool(lettered), line


def test_results_of_calibrated_entries_can_be_compared(cli, toys, tmp_path):
    cli("evaluate", toys["one"], "--out", tmp_path / "raw.json")
    cli("evaluate", toys["one"], "--calibration", "textnorm", "--setting", "cv", "--out", tmp_path / "cv.json")
    said = cli("compare", tmp_path / "cv.json", tmp_path / "raw.json")
    assert said.code == 0
    assert "one + TextNorm (cv)" in said.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--setting", "cv"], 2, "--setting belongs to TextNorm: add --calibration textnorm"),
        (["--temperature", "0.1"], 2, "--temperature belongs to TextNorm"),
        (["--penalty", "0.1", "--ensemble", "mean"], 2, "--penalty belongs to the ensemble ur"),
        (["--calibration", "temper"], 1, "Unknown calibration 'temper'"),
        (["--calibration", "textnorm", "--setting", "best"], 1, "Unknown setting 'best'"),
        (["--ensemble", "median"], 1, "Unknown ensemble 'median'"),
        (["--ensemble", "mean"], 1, "at least two score tables, got one alone"),
        (["--calibration", "textnorm", "--temperature", "1", "--temperature", "2"], 2, "once for each of the 1 tables"),
        (["--calibration", "textnorm", "--temperature", "-1"], 1, "temperature must be finite and above 0"),
        (["--calibration", "textnorm", "--scale", "2"], 1, "has no scale"),
        (["--calibration", "raw", "--calibration", "textnorm", "--out", "one.json"], 2, "Expected a folder"),
        (["--published", "mini"], 1, "Unknown config with published figures 'mini'"),
    ],
)
def test_options_that_make_no_sense_are_one_line(cli, toys, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    answer = cli("evaluate", toys["one"], *words)
    assert answer.code == code
    assert answer.err.startswith("error: ")
    assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_one_temperature_a_table(cli, toys):
    words = ("--calibration", "textnorm", "--temperature", "0.1", "--temperature", "0.9", "--json")
    results = json.loads(cli("evaluate", toys["one"], toys["two"], *words).out)
    assert [one["entry"]["settings"].get("temperatures") for one in results] == [[0.1], [0.9]]


def test_a_control_beside_calibrated_entries(cli, toys):
    said = cli("evaluate", toys["one"], toys["pretty"], "--calibration", "textnorm")
    assert said.code == 1
    assert "Controls are evaluated raw" in said.err


@pytest.mark.upstream
def test_published_figures_stand_alone_or_beside(cli, tia2_dir, monkeypatch):
    monkeypatch.setenv("TIA2_DATA_DIR", str(tia2_dir))
    said = cli("evaluate", "--published", "comprehensive")
    assert said.code == 0, said.err
    assert re.search(r"0\.773 +0\.7\d\d–0\.8\d\d +—", said.out)
    assert "noise ceiling" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
