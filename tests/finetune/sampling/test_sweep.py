"""`tia2 finetune sweep`: one adapter at many strengths, on the run's own seeds and judges."""

import json

import pytest

from tia2.finetune.diagnostics.curves import RunCurves
from tia2.finetune.report.content import make_report
from tia2.finetune.sampling.sweep import KeptSweep, sweep_scales

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def swept(short_run):
    return sweep_scales(short_run, 2, [0, 0.5, 1, 1.5])


def test_distance_grows_with_the_scale_and_the_ends_are_the_runs_own(short_run, swept):
    curves, run = swept.curves(), RunCurves.of(short_run)
    assert swept.scales() == [0.0, 0.5, 1.0, 1.5]
    assert curves.kl[0] == 0
    assert list(curves.kl) == sorted(curves.kl)
    assert curves.kl[2] == run.kl[-1]
    assert (curves.values["proxy"][0] == run.values["proxy"][0]).all()


def test_the_whole_strength_evaluated_again_is_what_the_run_kept(short_run):
    """What a sweep takes from the run instead of computing it."""
    from tia2.finetune.rewards.online import Judges
    from tia2.finetune.runner.evaluation import Evaluator
    from tia2.finetune.sampling.checkpoints import load_checkpoint
    from tia2.finetune.training.prompts import load_prompts

    settings = short_run.settings()
    prompts = load_prompts(settings.prompts)
    judges = Judges(settings.reward, prompts.contrastive, "cpu")
    evaluation = Evaluator(load_checkpoint(short_run, 2), settings, prompts, judges).evaluate(lambda *_: None)
    assert evaluation.frame.equals(short_run.evaluation(2))


def test_only_missing_scales_are_computed(short_run, swept):
    half, beyond = swept.path / "scale_0.5000.json", swept.path / "scale_1.5000.json"
    before, stamp = json.loads(half.read_text()), beyond.stat().st_mtime_ns
    half.unlink()
    assert KeptSweep(short_run, 2).scales() == [0.0, 1.0, 1.5]
    reported = []
    sweep_scales(short_run, 2, [0.5, 1.5], report=lambda scale, *_: reported.append(scale))
    assert set(reported) == {0.5}
    assert beyond.stat().st_mtime_ns == stamp
    assert json.loads(half.read_text()) == before


def test_the_report_chooses_the_scale_on_validation_images(short_run, swept):
    report = make_report(short_run)
    (sweep,) = report.sweeps
    assert (sweep.epoch, sweep.kind, sweep.scales) == (2, "adapter", [0.0, 0.5, 1.0, 1.5])
    validation = swept.curves().part("gold", part="validation").mean(axis=(1, 2))
    assert sweep.best_scale == sweep.scales[int(validation.argmax())]
    assert sweep.gold[2] == pytest.approx(report.curve("gold").mean[-1])
    assert sweep.best_gold == sweep.gold[int(validation.argmax())]


def test_the_command_prints_the_scales_and_adds_a_panel(cli, short_run, swept):
    done = cli("finetune", "sweep", short_run.path, "--scales", "0,0.5,1,1.5", "--device", "cpu")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows if len(row) == 4 and row[0][0].isdigit()] == ["0", "0.5", "1", "1.5"]
    assert "on validation images" in done.out
    page = (short_run.path / "report.html").read_text(encoding="utf-8")
    assert "The same weights at other strengths" in page
    as_json = cli("finetune", "sweep", short_run.path, "--scales", "0.5", "--json")
    assert json.loads(as_json.out)["scales"] == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--scales", "0,half"], "takes numbers with commas between"),
        (["--scales", "-1"], "A scale lies between 0 and 100"),
        (["--epoch", "0"], "nothing to scale"),
    ],
)
def test_what_can_not_be_swept_gets_one_sentence(cli, short_run, words, sentence):
    done = cli("finetune", "sweep", short_run.path, *words)
    assert done.code == 1
    assert sentence in " ".join(done.err.split())
