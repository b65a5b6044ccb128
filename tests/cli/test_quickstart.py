from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tia2.errors import ScoreTableError
from tia2.evaluation import Result, summarise
from tia2.evaluation.evaluate import evaluate
from tia2.quickstart import run
from tia2.quickstart.plots import Strip, contact_sheet, forest


@pytest.fixture(scope="module")
def small_run(small_benchmark, reward_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    specs = [f"{reward_file}:{name}" for name in ("bright", "dark")]
    calls = []
    outcome = run(folder, rewards=specs, benchmark=str(small_benchmark), progress=lambda *call: calls.append(call))
    return outcome, calls, folder


def test_writes_what_it_says(small_run):
    outcome, _, folder = small_run
    assert all(path.exists() and folder in path.parents for path in outcome.files.values())
    assert [path.name for path in folder.rglob("*") if path.name.endswith(".part")] == []
    with outcome.files["summary.csv"].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(outcome.summary) == 3 * 7 * (2 + 2), "two rewards, one annotator, the noise ceiling"
    best = [row["entry"] for row in rows if row["metric"] == "auroc" and row["rank"] == "1"]
    assert best == ["bright"] * 3


def test_results_are_those_of_the_tables(small_run):
    outcome, _, folder = small_run
    for result in outcome.results:
        saved = Result.load(folder / "results" / f"{result.entry.name}.json")
        assert saved == result
        assert saved.benchmark.fingerprint == outcome.benchmark.fingerprint


def test_reports_progress_for_each_reward(small_run):
    _, calls, _ = small_run
    assert len({name for name, _, _ in calls}) == 2
    assert all(done <= total == 48 for _, done, total in calls)
    assert calls[-1][1] == 48


def test_a_second_run_scores_nothing_anew(small_run, small_benchmark, reward_file):
    outcome, _, folder = small_run
    shards = {path: path.stat().st_mtime_ns for path in folder.rglob("shards/*.parquet")}
    assert shards
    specs = [f"{reward_file}:{name}" for name in ("bright", "dark")]
    again = run(folder, rewards=specs, benchmark=str(small_benchmark))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("shards/*.parquet")} == shards
    assert again.results == outcome.results


def test_a_lost_shard_is_scored_again(small_run, small_benchmark, reward_file, tmp_path):
    outcome, _, folder = small_run
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    lost = next(copy.rglob("shards/*.parquet"))
    before = lost.read_bytes()
    lost.unlink()
    specs = [f"{reward_file}:{name}" for name in ("bright", "dark")]
    assert run(copy, rewards=specs, benchmark=str(small_benchmark)).results == outcome.results
    assert lost.read_bytes() == before


def test_scores_of_something_else_are_refused_unless_told(small_run, small_benchmark, reward_file, tmp_path):
    _, _, folder = small_run
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    other = reward_file.with_name("other.py")
    other.write_text(
        reward_file.read_text(encoding="utf-8") + "\ndef bright(images, texts):\n    return dark(images, texts)\n"
    )
    (table,) = copy.glob("scores/*bright")
    table.rename(table.with_name(re.sub(r"[^\w.-]+", "-", f"{other}:bright").strip("-.")))
    arguments = {"rewards": [f"{other}:bright"], "benchmark": str(small_benchmark)}
    with pytest.raises(ScoreTableError, match="--overwrite"):
        run(copy, **arguments)
    assert run(copy, overwrite=True, **arguments).results[0].overall.metrics["auroc"].mean < 0.5


def test_pictures_are_pictures(small_run):
    outcome, _, _ = small_run
    for name in ("forest.png", "contact_sheet.png"):
        with Image.open(outcome.files[name]) as image:
            pixels = np.asarray(image.convert("L"))
        assert pixels.shape[1] > 900
        assert 0.5 < (pixels > 250).mean() < 0.99, "mostly white, with something on it"


def svg_words(monkeypatch, draw, path: Path) -> str:
    """Draw as SVG with its text as text, so that what is written can be read back."""
    import matplotlib as mpl

    from tia2.figures.picture import save_picture
    from tia2.quickstart import plots

    monkeypatch.setitem(plots.MATPLOTLIB, "svg.fonttype", "none")
    monkeypatch.setattr(plots, "_save", lambda figure, target: figure.savefig(target, format="svg"))
    monkeypatch.setattr(plots, "save_picture", lambda figure, target, _: save_picture(figure, target, ".svg"))
    with mpl.rc_context():
        draw(path)
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_forest_shows_every_entry_and_figure(tables, tmp_path, monkeypatch):
    summary = summarise([evaluate(path) for path in tables.values()])
    words = svg_words(monkeypatch, lambda path: forest(summary, path), tmp_path / "forest.svg")
    for expected in (
        "bright",
        "dark",
        "one annotator",
        "noise ceiling",
        "counting",
        "composition",
        "overall",
        "AUROC",
        "chance",
        "pooled",
    ):
        assert expected in words
    for mean in summary[summary["metric"] == "auroc"]["mean"]:
        assert f"{mean:.2f}" in words


def test_forest_of_one_entry_and_one_subset(tables, tmp_path):
    summary = summarise([evaluate(tables["bright"])])
    forest(summary[summary["subset"] == "counting"], tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_contact_sheet_shows_prompts_and_notes(tmp_path, monkeypatch):
    image = Image.new("RGB", (64, 64))
    strips = [Strip(f"prompt $x_{n}$", f"note {n}", [image] * 4, [[1, 0, -1]] * 4, 2) for n in range(2)]
    words = svg_words(monkeypatch, lambda path: contact_sheet(strips, path, heading="All"), tmp_path / "sheet.svg")
    for expected in ("prompt $x_0$", "prompt $x_1$", "note 1", "ranked best", "ranked worst", "unsure", "All"):
        assert expected in words


@pytest.mark.slow
def test_quickstart_ranks_the_four_mini_rewards(quickstart):
    said, folder = quickstart
    assert said.code == 0, said.err
    assert max(map(len, said.out.splitlines())) <= 80 + len(str(folder)), "the table fits 80 columns"
    table = said.out[: said.out.index("AUROC of")]
    assert max(map(len, table.splitlines())) <= 80
    for name in ("mini-strong", "mini-web", "mini-countblind", "mini-vivid"):
        assert table.count(name) == 4, "three subsets and overall"
    assert "simulated" in said.out
    assert "tia2 evaluate" in said.out
    assert {path.name for path in folder.iterdir()} == {
        "contact_sheet.png",
        "forest.png",
        "results",
        "scores",
        "summary.csv",
    }


@pytest.mark.slow
def test_the_readme_shows_this_table(quickstart):
    """Another machine may differ in the last digits."""
    said, _ = quickstart
    row = re.compile(
        r"^ *(?:\w+ +)?(?:\d(?:–\d)?)? *(mini-\w+|noise ceiling|one annotator)"
        r" +([\d.]+) +([\d.]+)–([\d.]+) +([\d.]+)",
        re.M,
    )
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown, real = (
        sorted((name, *map(float, figures)) for name, *figures in row.findall(text)) for text in (readme, said.out)
    )
    assert len(real) == 24
    assert [name for name, *_ in shown] == [name for name, *_ in real]
    assert np.allclose([figures for _, *figures in shown], [figures for _, *figures in real], atol=0.003)


@pytest.mark.slow
def test_the_documentation_shows_these_calibrations():
    """All of docs/findings-calibration.md is of the rewards that the leaderboard embeds, which are the quickstart's.

    Of rewards of another processor an oracle's temperature may differ, by more than the last digits.
    """
    from importlib.resources import files

    from tia2.analysis import calibration
    from tia2.quickstart import REWARDS
    from tia2.scoring import ScoreTable

    assets = Path(str(files("tia2.leaderboard") / "assets"))
    found = calibration([ScoreTable.load(assets / name) for name in REWARDS]).table
    page = (Path(__file__).resolve().parents[2] / "docs" / "findings-calibration.md").read_text(encoding="utf-8")
    tables = page[page.index("<!-- calibration tables -->") : page.index("**Optimism of the oracle")]
    shown = [float(number) for number in re.findall(r"[-+]?\d\.\d{3}", tables)]
    wanted = []
    for subset in ("overall", "comprehensive", "counting", "composition"):
        for row in found[found["subset"] == subset].to_dict("records"):
            for name, prefix in (("mean", ""), ("pooled", "pooled_")):
                wanted += [row[name], row[f"{prefix}low"], row[f"{prefix}high"]]
                gap = f"{prefix}difference"
                wanted += [row[gap], row[f"{gap}_low"], row[f"{gap}_high"]] if row["choice"] != "raw" else []
    assert len(shown) == len(wanted) == 4 * (4 * (6 + 3 * 12) + 2 * 3 * 12)
    assert np.allclose(shown, wanted, atol=0.001)


@pytest.mark.slow
def test_the_leaderboard_embeds_these_rewards(quickstart):
    """Another processor may differ in the last digits."""
    from importlib.resources import as_file, files

    from tia2.leaderboard.data.embedded import REWARDS
    from tia2.scoring import ScoreTable

    for name in REWARDS:
        with as_file(files("tia2.leaderboard") / "assets" / name) as asset:
            embedded = ScoreTable.load(asset)
        scored = ScoreTable.load(quickstart.folder / "scores" / name)
        assert embedded.manifest.key == scored.manifest.key
        assert np.allclose(embedded.rewards, scored.rewards, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name", ["mini-strong", "mini-vivid"])
def test_the_leaderboard_declares_these_costs(name):
    pytest.importorskip("torch", reason="the tiny rewards need the extra 'rewards'")
    from PIL import Image
    from torch.utils.flop_counter import FlopCounterMode

    from tia2 import load_reward
    from tia2.leaderboard.data.embedded import REWARDS

    reward = load_reward(name, device="cpu")
    with FlopCounterMode(display=False) as counter:
        reward.score([Image.new("RGB", (64, 64))], ["two red circles"])
    assert counter.get_total_flops() == 2 * REWARDS[name]


@pytest.mark.slow
def test_quickstart_again_as_json(quickstart, cli, tmp_path):
    folder = shutil.copytree(quickstart.folder, tmp_path / "out")
    said = cli("quickstart", "--out", folder, "--json")
    assert said.code == 0, said.err
    summary = json.loads(said.out)["summary"]
    overall = {row["entry"]: row for row in summary if (row["subset"], row["metric"]) == ("overall", "auroc")}
    assert len(overall) == 6
    assert [row["rank"] for row in overall.values()] == [1, 2, 3, 4, None, None]
    assert all(0.5 < row["mean"] < 1 and row["low"] < row["mean"] < row["high"] for row in overall.values())
