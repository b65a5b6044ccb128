"""`tia2 finetune study` on two tiny conditions: kept run by run, continued, and read back."""

import numpy as np
import pandas as pd
import pytest
import yaml

from tia2.errors import FinetuneError, UnknownNameError
from tia2.finetune.diagnostics.curves import RunCurves
from tia2.finetune.runner.state import RunFolder
from tia2.finetune.study.plan import load_plan
from tia2.finetune.study.results import load_results
from tia2.finetune.study.running import StudyFolder, missing_runs
from tia2.finetune.study.scores import RunScores

SMALL = [
    "model.lora.rank=2",
    "sampler.steps=3",
    "ddpo.steps.count=2",
    "prompts.train=[4, 5]",
    "prompts.held_out=[3]",
    "ddpo.images_per_epoch=4",
    "ddpo.epochs=1",
    "evaluation.every=1",
    "evaluation.images_per_prompt=2",
    "evaluation.kl_images=2",
]
PLAN = {
    "name": "tiny",
    "seeds": [0, 1],
    "pool_per_prompt": 4,
    "overrides": SMALL,
    "conditions": [
        {"name": "raw", "title": "raw", "group": "g", "series": "raw", "preset": "mini-ddpo-study"},
        {
            "name": "textnorm",
            "title": "TextNorm",
            "group": "g",
            "series": "TextNorm",
            "preset": "mini-ddpo-study",
            "round": 2,
            "overrides": ["reward.proxy=mini-vivid + textnorm", "prompts.contrast=wide"],
        },
    ],
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "tiny.yaml"
    path.write_text(yaml.safe_dump(PLAN), encoding="utf-8")
    return path


def test_plans_run_every_seed_of_a_round_before_the_next_round(plan):
    names = [run.name for run in load_plan(str(plan)).runs()]
    assert names == ["raw-seed0", "raw-seed1", "textnorm-seed0", "textnorm-seed1"]


def test_the_plan_that_comes_with_tia2_has_valid_runs():
    loaded = load_plan("miniature")
    settings = [loaded.settings(run) for run in loaded.runs()]
    assert len({each.name for each in settings}) == len(settings) == 3 * len(loaded.conditions)
    held_out = {each.prompts.held_out for each in settings}
    assert len(held_out) == 1, "all runs are judged on the same prompts"
    images = {
        each.ddpo.images_per_epoch * each.ddpo.epochs if each.ddpo else each.weighted.samples_per_prompt * 4
        for each in settings
    }
    assert images == {4 * loaded.pool_per_prompt}, "every method sees as many images"


def test_bad_plans_get_one_line(tmp_path):
    with pytest.raises(UnknownNameError, match="miniature"):
        load_plan("miniatur")
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({**PLAN, "conditions": PLAN["conditions"] * 2}), encoding="utf-8")
    with pytest.raises(FinetuneError, match="several conditions are named raw, textnorm"):
        load_plan(str(path))
    path.write_text("", encoding="utf-8")
    with pytest.raises(FinetuneError, match="holds no plan: expected a mapping, got NoneType"):
        load_plan(str(path))
    path.write_text(yaml.safe_dump({**PLAN, "overrides": ["ddpo.epoch=1"]}), encoding="utf-8")
    with pytest.raises(FinetuneError, match=r"ddpo\.epochs"):
        load_plan(str(path))


@pytest.mark.slow
def test_study_keeps_each_run_and_continues(cli, plan, tmp_path):
    out = tmp_path / "study"
    command = ("finetune", "study", plan, "--out", out, "--device", "cpu")
    first = cli(*command, "--only", "raw", "--seed", 0)
    assert first.code == 0, first.err
    assert "raw-seed0 is done" in first.err
    folder, loaded = StudyFolder(out), load_plan(str(plan))
    assert [run.name for run in missing_runs(loaded, folder)] == ["raw-seed1", "textnorm-seed0", "textnorm-seed1"]
    kept = (out / "results" / "raw-seed0.parquet").read_bytes()

    rest = cli(*command)
    assert rest.code == 0, rest.err
    assert missing_runs(loaded, folder) == []
    assert (out / "results" / "raw-seed0.parquet").read_bytes() == kept, "what is done isn't done again"

    results = load_results(str(plan), out)
    own = RunCurves.of(RunFolder(out / "runs" / "textnorm-seed1"))
    kept_curves = results.curves["textnorm"][1]
    for role, values in own.values.items():
        np.testing.assert_array_equal(values, kept_curves.values[role])
    np.testing.assert_array_equal(own.step_kl, kept_curves.step_kl)
    assert {name: len(outcome.seeds) for name, outcome in results.outcomes.items()} == {"raw": 2, "textnorm": 2}
    pool = pd.read_parquet(out / "results" / "pool-seed1.parquet")
    assert list(pool.columns) == ["prompt", "number", "gold", "raw", "textnorm"]
    assert len(pool) == 8, "four images of both prompts"

    scores = RunScores.load(out / "results" / "raw-seed1.parquet")
    changed = {**scores.facts, "settings": {**scores.facts["settings"], "save_every": 7}}
    RunScores(changed, scores.evaluations, scores.frame, scores.seconds).save(out / "results" / "raw-seed1.parquet")
    refused = cli(*command)
    assert refused.code == 1
    assert "other settings" in " ".join(refused.err.split())


def test_a_file_that_is_no_result_gets_one_line(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 nonsense")
    with pytest.raises(FinetuneError, match="no file of a run's scores"):
        RunScores.load(path)
