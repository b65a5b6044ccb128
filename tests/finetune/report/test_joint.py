"""Several runs side by side: the matrix, gold at equal distance, and what can't be compared."""

import math

import pytest

from tia2.errors import FinetuneError
from tia2.finetune.report.joint import gold_at, make_joint_report
from tia2.finetune.report.joint_figures import end_blocks, matrix, overlay
from tia2.finetune.report.joint_writing import write_joint_report


@pytest.fixture(scope="module")
def runs(tmp_path_factory, write_run, drawn_run):
    """The drawn run, and one against another reward, whose gold keeps rising."""
    folder = tmp_path_factory.mktemp("other") / "strong"
    swapped = ["reward.proxy=mini-strong", "reward.watch=[]"]
    other = write_run(folder, gold=[0.5, 0.6, 0.7, 0.8, 0.9, 1.0], changes=swapped, names={"proxy": "mini-strong"})
    return [drawn_run, other]


def test_the_matrix_has_a_row_per_run_and_a_column_per_judge(runs):
    report = make_joint_report(runs)
    assert [run.name for run in report.runs] == ["mini-countblind", "mini-strong"]
    assert report.judges == ["mini-countblind", "mini-strong", "exact judge"]
    assert report.cell("mini-strong", "mini-countblind") is None, "nobody watched it"
    gold = report.cell("mini-strong", "exact judge")
    assert (gold.base, gold.end) == (report.runs[1].gold.mean[0], 1.0)
    assert gold.gain("end") == pytest.approx((1.0 - gold.base) / gold.spread)
    fallen = report.cell("mini-countblind", "exact judge")
    assert fallen.gain("end") < 0 < fallen.gain("peak")
    assert report.verdict == "2 runs. Over-optimised: mini-countblind; no peak within budget: mini-strong."
    end, peak = matrix(report).panels
    assert end.texts[1][0] == ""
    assert end.texts[1][2] == f"{gold.gain('end'):+.2f}"
    assert peak.values[1] == pytest.approx(end.values[1], nan_ok=True), "it peaks at its end"


@pytest.mark.slow
def test_kept_images_fill_the_empty_cells_with_what_the_reward_gives(runs):
    from tia2.finetune.report.filling import KeptImageScorer
    from tia2.rewards import load_reward

    report = make_joint_report(runs, KeptImageScorer(runs))
    assert len(report.gains) == 6
    frame = runs[1].evaluation(25)
    tests = frame[frame["part"] == "test"]
    import io

    from PIL import Image

    images = [Image.open(io.BytesIO(png)) for png in tests["image"]]
    direct = load_reward("mini-countblind").score(images, tests["prompt"].tolist()).mean()
    assert report.cell("mini-strong", "mini-countblind").end == pytest.approx(direct, abs=1e-5)


def test_gold_at_equal_distance_is_interpolated_and_missing_beyond_the_end(runs):
    report = make_joint_report(runs)
    assert report.budgets == [0.3, 1.0, 3.0, 10.0]
    for run in report.runs:
        low, high = sorted((run.gold.mean[0], run.gold.mean[1]))
        assert low <= run.gold_at_budget[1] <= high
    assert gold_at([0, 1, 4], [0.5, 0.7, 0.3], 9) != gold_at([0, 1, 4], [0.5, 0.7, 0.3], 9)
    assert gold_at([0, 4, 9], [0.5, 0.7, 0.4], 4) == pytest.approx(0.7)
    assert gold_at([0, 4, 9], [0.5, 0.7, 0.4], 1) == pytest.approx(0.6), "half way in √KL"
    assert math.isnan(gold_at([0, 4, 9], [0.5, 0.7, 0.4], 10))


def test_the_page_shows_each_run(runs, tmp_path):
    report, files = write_joint_report(runs, tmp_path / "joint")
    assert [path.name for path in files] == ["joint.html", "joint.json", "joint_curves.png", "joint_matrix.png"]
    page = files[0].read_text(encoding="utf-8")
    assert report.verdict in page
    assert page.count("Plotly.newPlot") == 5
    blocks = end_blocks(report, runs, prompts=2, seeds=3)
    assert [row.label for row in blocks[0].rows] == ["base model", "mini-countblind", "mini-strong"]
    assert len(overlay(report).panels) == 3


@pytest.mark.parametrize(
    ("changes", "names", "difference"),
    [
        (["evaluation.seed=7"], {}, "the evaluations' seeds differ, 1000000 and 7"),
        (["prompts.train=[6,7,8,10]"], {}, "the evaluated prompts or their split differ."),
        (["sampler.steps=20"], {}, "samplers differ, 10 steps, η 1, guidance 1 and 20 steps"),
        (["model.name=mini"], {}, "the base models differ, mini-halfway and mini"),
        ([], {"gold": "people"}, "the gold judges differ, exact judge and people"),
    ],
)
def test_runs_of_other_images_or_judges_are_refused(tmp_path, write_run, drawn_run, changes, names, difference):
    other = write_run(tmp_path / "other", gold=[0.5, 0.5], changes=changes, names=names, images=2)
    with pytest.raises(FinetuneError, match="can't be compared: ") as refused:
        make_joint_report([drawn_run, other])
    assert difference in str(refused.value)


def test_one_run_twice_is_no_comparison(drawn_run):
    with pytest.raises(FinetuneError, match="at least two different runs"):
        make_joint_report([drawn_run, drawn_run])


def test_the_command_compares_and_hints_at_empty_cells(cli, runs, tmp_path):
    done = cli("finetune", "report", *(run.path for run in runs), "--out", tmp_path / "joint")
    assert done.code == 0, done.err
    assert "over-optimised" in done.out
    assert "--fill" in done.err
    assert (tmp_path / "joint" / "joint.html").is_file()
    done = cli("finetune", "report", runs[0].path, "--fill")
    assert done.code == 1
    assert "belong to several runs" in " ".join(done.err.split())
