"""The shipped results of the miniature study agree with the plan, with one another, and with the page."""

import importlib.util
import re

import numpy as np
import pytest

from tia2.finetune.study.plan import load_plan
from tia2.finetune.study.results import load_results
from tia2.finetune.study.running import StudyFolder

RAW = {"countblind": "watch0", "vivid": "watch1", "web": "watch2", "strong": "watch3"}
"""The watched reward models of every run, in the plan's order."""


@pytest.fixture(scope="module")
def folder(pytestconfig):
    return pytestconfig.rootpath / "docs" / "study" / "miniature"


@pytest.fixture(scope="module")
def results(folder):
    return load_results("miniature", folder)


@pytest.fixture(scope="module")
def hook(pytestconfig):
    path = pytestconfig.rootpath / "docs" / "hooks" / "study.py"
    spec = importlib.util.spec_from_file_location("study_hook", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
    return module


def test_every_file_belongs_to_the_plan(folder, results):
    plan, files = load_plan("miniature"), StudyFolder(folder)
    expected = {files.scores_path(run) for run in plan.runs()} | {files.pool_path(seed) for seed in plan.seeds}
    assert set(files.results.iterdir()) <= expected
    assert sum(map(len, results.curves.values())) + len(results.pools) == len(list(files.results.iterdir()))


def test_all_runs_begin_as_the_same_base_model(results):
    """The runs were made on two kinds of processor, on which rewards of the same seeds differ by up to 0.0003."""
    starts = [
        {role: each.values[role][0] for role in ("gold", *RAW.values())}
        for runs in results.curves.values()
        for each in runs.values()
    ]
    for start in starts[1:]:
        np.testing.assert_array_equal(start["gold"], starts[0]["gold"])
        for role in RAW.values():
            np.testing.assert_allclose(start[role], starts[0][role], atol=5e-4)


def test_golds_are_verdicts_and_a_raw_proxy_is_the_watched_reward(results):
    for name, runs in results.curves.items():
        for curves in runs.values():
            assert set(np.unique(curves.values["gold"])) <= {0.0, 1.0}
            model = name.removesuffix("-raw")
            if model in RAW:
                np.testing.assert_allclose(curves.values["proxy"], curves.values[RAW[model]], atol=2e-5)
            assert curves.kl[0] == 0, "the base model is no distance from itself"
            assert (curves.kl[1:] > 0).all()


def test_pools_hold_as_many_images_of_every_prompt(results):
    for pool in results.pools.values():
        assert (pool.groupby("prompt").size() == results.plan.pool_per_prompt).all()
        assert set(pool["gold"]) == {0.0, 1.0}
    golds = [pool["gold"].mean() for pool in results.pools.values()]
    assert len(set(golds)) == len(golds), "seeds are other images"


def test_the_page_says_what_the_files_say(pytestconfig, hook, results):
    page = (pytestconfig.rootpath / "docs" / "findings-finetune.md").read_text(encoding="utf-8")
    for name, text in hook.tables(results).items():
        (shown,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", page, re.S)
        assert shown.strip() == text.strip(), name
