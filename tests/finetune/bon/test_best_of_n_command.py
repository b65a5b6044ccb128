"""`tia2 finetune best-of-n` and its figure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tia2.errors import ResultError, UnknownNameError
from tia2.finetune import BestOfNResult, best_of_n_curves
from tia2.finetune.bon.figure import best_of_n_figure, curves_of

EMBEDDED = Path(__file__).parents[3] / "leaderboard" / "assets"
VIVID, BLIND = EMBEDDED / "mini-vivid", EMBEDDED / "mini-countblind"


def test_table_and_files(cli, tmp_path):
    out = tmp_path / "new"
    done = cli("finetune", "best-of-n", BLIND, "--calibration", "raw", "--calibration", "textnorm", "--out", out)
    assert done.code == 0, done.err
    assert "mini-countblind: no peak within n ≤ 12" in done.out
    assert "over-optimises" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    for subset in ("comprehensive", "counting", "composition", "overall"):
        assert subset in done.out
    names = {
        "best_of_n.png",
        "best_of_n.html",
        "best_of_n.csv",
        "mini-countblind.json",
        "mini-countblind + TextNorm.json",
    }
    assert {path.name for path in out.iterdir()} == names
    result = BestOfNResult.load(out / "mini-countblind + TextNorm.json")
    assert f"{result.overall.peak.n} ({result.overall.peak.low} to {result.overall.peak.high})" in done.out
    table = pd.read_csv(out / "best_of_n.csv")
    assert table.groupby("entry").size().tolist() == [48, 48]
    assert table["gold"].tolist() == pytest.approx(
        curves_of([BestOfNResult.load(out / "mini-countblind.json"), result])["gold"].tolist(), abs=1e-5
    )


def test_the_page_shows_what_the_command_prints(cli):
    page = (Path(__file__).parents[3] / "docs" / "finetune-best-of-n.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- best-of-n output -->")[2].partition("<!-- end of best-of-n output -->")[0]
    done = cli("finetune", "best-of-n", BLIND, "--calibration", "raw", "--calibration", "textnorm")
    assert [line.strip() for line in shown.strip().splitlines()] == [
        line.strip() for line in done.out.strip().splitlines()
    ]


def test_json_of_one_subset_and_some_n(cli):
    done = cli("finetune", "best-of-n", VIVID, "--n", "2,4, 8", "--limit", 4, "--gold", "label", "--seed", 3, "--json")
    assert done.code == 0, done.err
    (content,) = json.loads(done.out)
    result = BestOfNResult.model_validate(content)
    assert (result.n, result.limit, result.gold, result.seed) == ([1, 2, 4, 8], 4, "label", 3)
    assert result == best_of_n_curves(VIVID, n=[2, 4, 8], limit=4, gold="label", seed=3)
    done = cli("finetune", "best-of-n", VIVID, "--subset", "counting")
    assert done.code == 0, done.err
    assert "composition" not in done.out
    assert f"{best_of_n_curves(VIVID).subsets['counting'].gold.mean[0]:.3f} at n = 1" in done.out


def test_every_calibration_and_ensembles_of_all_tables(cli):
    words = ("--calibration", "mean:of=textnorm", "--calibration", "textnorm:temperature=0.5", "--json")
    done = cli("finetune", "best-of-n", VIVID, BLIND, *words)
    assert done.code == 0, done.err
    names = [content["entry"]["name"] for content in json.loads(done.out)]
    assert names == [
        "mean of mini-vivid & mini-countblind + TextNorm",
        "mini-vivid + TextNorm (τ = 0.5)",
        "mini-countblind + TextNorm (τ = 0.5)",
    ]
    done = cli("finetune", "best-of-n", VIVID, "--calibration", "mean:of=textnorm")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "needs at least two score tables" in done.err


def test_saved_values(cli, tmp_path):
    from tia2.evaluation.values import values_of
    from tia2.scoring import ScoreTable

    path = values_of([ScoreTable.load(VIVID)]).save(tmp_path / "vivid.parquet")
    done = cli("finetune", "best-of-n", path, "--subset", "overall")
    assert (done.code, "mini-vivid" in done.out) == (0, True), done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "error: There is no score table at nowhere."),
        ((VIVID, "--subset", "countin"), "error: Unknown subset 'countin'. Did you mean 'counting'?"),
        ((VIVID, "--gold", "votes"), "error: Unknown gold 'votes'."),
        ((VIVID, "--calibration", "txtnorm"), "error: Unknown calibration 'txtnorm'. Did you mean 'textnorm'?"),
        (
            (VIVID, "--n", "1,two"),
            "error: Expected --n as whole numbers with commas between, such as 1,2,4,8, got '1,two'.",
        ),
        ((VIVID, "--n", "100"), "error: n must be from 1 to the 50 scored items of a prompt, got 100."),
        ((VIVID, "--n", ""), "error: Expected --n as whole numbers"),
        ((VIVID, "--limit", "60"), "error: The limit must be a whole number from 1 to the largest n, 50, got 60."),
        ((VIVID, "--seed", "-1"), "error: The seed must be a whole number of at least 0, got -1."),
        ((VIVID, VIVID, "--out", "somewhere"), "error: Several entries are named mini-vivid"),
        ((VIVID, "--out", __file__), "error: Expected a folder for --out, got the file"),
        ((), "error: Missing argument"),
    ],
)
def test_one_line_errors(cli, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = cli("finetune", "best-of-n", *words)
    assert done.code in (1, 2)
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert list(tmp_path.iterdir()) == []


def test_help_shows_examples_and_loads_nothing_heavy(cli):
    done = cli("finetune", "best-of-n", "--help")
    assert done.code == 0
    assert "tia2 finetune best-of-n runs/quickstart/scores/*" in done.out
    code = (
        "import sys; from tia2.cli import main; main(['finetune', 'best-of-n', '--help']); "
        "sys.exit(sorted({'numpy', 'pandas', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (alone.returncode, alone.stderr) == (0, "")


def test_figure(random_values, values_from, tmp_path):
    one = best_of_n_curves(random_values(noise=1.0, name="one"), resamples=50)
    two = best_of_n_curves(random_values(noise=3.0, name="two"), resamples=50)
    figure = best_of_n_figure([one, two])
    gold, gold_by_n, proxy, proxy_by_n = figure.panels
    assert [panel.x_title for panel in figure.panels] == ["√KL (√nats)", "n"] * 2
    np.testing.assert_allclose(gold.curves[0].x, np.sqrt(one.kl))
    assert list(gold.curves[1].y) == two.overall.gold.mean
    assert list(gold_by_n.curves[0].x) == one.n
    assert gold.levels == {"chance (n = 1)": one.overall.gold.mean[0]}
    assert not proxy.levels
    fits = [curve for curve in proxy.curves if curve.thin]
    assert [curve.name for curve in fits] == ["one", "two"]
    at = np.sqrt(one.kl[one.n.index(one.limit)])
    for curve, result in zip([curve for curve in gold.curves if curve.thin], (one, two), strict=True):
        fit, last = result.overall.fit, result.n.index(result.limit)
        assert curve.x[-1] == pytest.approx(at)
        assert curve.y[-1] == pytest.approx(result.overall.gold.mean[last] - fit.residuals[-1])
    assert not any(curve.thin for curve in proxy_by_n.curves)
    assert "residual" in figure.note
    assert figure.shares_y() is False
    assert best_of_n_figure([one], "counting").title.endswith("(counting): no proxy peaks within n ≤ 5")
    single = best_of_n_curves(values_from({"a": [[0, 1, 1, 0]]}, {"a": [[1, 2, 3, 4]]}))
    assert best_of_n_figure([single]).panels[0].curves[0].low is None


def test_figures_of_what_does_not_belong_together(random_values):
    one = best_of_n_curves(random_values(), resamples=10)
    for other, what in (
        (best_of_n_curves(random_values(), gold="label", resamples=10), "golds"),
        (best_of_n_curves(random_values(), n=[2], resamples=10), "n"),
    ):
        with pytest.raises(ResultError, match=f"Curves with different {what} can't be shown together"):
            best_of_n_figure([one, other])
    with pytest.raises(ResultError, match="Expected at least one result"):
        best_of_n_figure([])
    with pytest.raises(UnknownNameError, match="Unknown subset 'colour'"):
        best_of_n_figure([one], "colour")
