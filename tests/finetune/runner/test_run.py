"""Whole runs on the miniature model: resumed to the bit, stopped in the middle, refused where something doesn't fit."""

import re

import numpy as np
import pytest

from tia2.errors import FinetuneError
from tia2.finetune.report.writing import write_report
from tia2.finetune.runner.run import Run
from tia2.finetune.runner.state import RunFolder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("kind", "calls"), [("small", (1, 6, 9)), ("weighted", (6,))], ids=["small", "weighted"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    request, tmp_path, finished_runs, assert_equal_runs, run_until, kind, calls
):
    """Stopped in evaluating the base model, then in training, then in measuring the KL; or in sampling."""
    settings = request.getfixturevalue(kind)()
    for each in calls:
        run_until(tmp_path / "run", settings, each)
    assert_equal_runs(finished_runs(kind), Run(tmp_path / "run", settings).go())


def test_the_report_of_a_run_is_whole_and_says_what_was_measured(finished_runs):
    report, files = write_report(finished_runs("small"))
    names = ["report.html", "report.json", "curves.png", "samples.png", "details.png", "statistics.png"]
    assert [path.name for path in files] == names
    assert all(path.stat().st_size > 1_000 for path in files)
    assert report.epochs == [0, 2, 4]
    assert report.updates == [0, 4, 8]
    assert report.kl[0] == 0
    assert {peak.split for peak in report.peaks} == {"train", "held-out"}
    page = files[0].read_text(encoding="utf-8")
    assert report.verdict in page.replace("&#39;", "'")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.https?:", page), "asks no server"
    assert len(repr(report)) < 400


def test_scores_are_recomputed_from_the_kept_images(finished_runs):
    """What a run claims can be checked by anybody who has its folder."""
    import io

    from PIL import Image

    from tia2.finetune.rewards.online import accepted

    frame = finished_runs("small").evaluation(4)
    images = [Image.open(io.BytesIO(png)) for png in frame["image"]]
    assert accepted(images, frame["prompt"].tolist()).tolist() == frame["gold"].tolist()
    from tia2.rewards import load_reward

    raw = load_reward("mini-countblind").score(images, frame["prompt"].tolist())
    np.testing.assert_allclose(raw, frame["proxy"], atol=1e-6)


def test_another_run_in_the_same_folder_is_refused(finished_runs, small):
    with pytest.raises(FinetuneError, match="holds the run 'small' with other settings"):
        Run(finished_runs("small").path, small(seed=1))


def test_a_reward_that_turns_nan_stops_the_run_and_keeps_the_checkpoint(tmp_path, small):
    module = tmp_path / "turns.py"
    module.write_text(
        "import itertools\ncalls = itertools.count()\n"
        "def turns(images, texts):\n"
        "    return [float('nan') if next(calls) > 40 else 0.5 for _ in images]\n"
    )
    settings = small(reward={"proxy": f"{module}:turns", "gold": "judge"})
    run = Run(tmp_path / "run", settings)
    with pytest.raises(
        FinetuneError, match=r"turns gave NaN or an infinite reward to \d of 4 images; the first is image"
    ):
        run.go()
    assert run.folder.load_checkpoint() is not None


def test_a_missing_run_gets_one_sentence(tmp_path):
    with pytest.raises(FinetuneError, match="holds no fine-tuning run"):
        RunFolder(tmp_path).settings()


def test_a_kl_budget_ends_the_run(tmp_path, small):
    settings = small(stop={"kl_nats": 1e-9}, evaluation={"every": 1, "images_per_prompt": 2, "kl_images": 2})
    run = Run(tmp_path / "run", settings)
    folder = run.go()
    assert folder.evaluated_epochs() == [0, 1]
    assert "KL budget of 1e-09 nats is spent" in run.stopped()
