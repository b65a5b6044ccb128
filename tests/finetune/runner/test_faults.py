"""What can go wrong in the middle of a run: it stops with one sentence, and nothing that was written is lost."""

import pytest
import torch
from PIL import Image

from tia2.errors import FinetuneError
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.rewards.online import OnlineRewards
from tia2.finetune.runner.run import Run
from tia2.finetune.runner.state import RunFolder
from tia2.finetune.settings.adjusting import adjusted
from tia2.finetune.settings.rewards import EntrySettings
from tia2.finetune.training.memory import MemoryLimitError


@pytest.fixture
def reward_file(tmp_path):
    """Write a reward `mine` of the user's own; its body sees images and texts."""

    def write(body):
        path = tmp_path / "user.py"
        path.write_text(f"import numpy as np\ndef mine(images, texts):\n    {body}\n")
        return f"{path}:mine"

    return write


PROMPTS = ["a red circle", "a blue circle", "two red circles"]
DARK_ONE = [Image.new("RGB", (8, 8), (200, 200, 200)), Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (90, 90, 90))]
IS_DARK = "[np.asarray(image).max() == 0 for image in images]"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            f"return [float('nan') if dark else 0.5 for dark in {IS_DARK}]",
            "mine gave NaN or an infinite reward to 1 of 3 images; the first is image 8, sampled for 'a blue circle'.",
        ),
        (
            f"return [1 / (not dark) for dark in {IS_DARK}]",
            "mine failed on image 8, sampled for 'a blue circle': ZeroDivisionError: division by zero.",
        ),
        (
            f"return [0.5 for dark in {IS_DARK} if not dark]",
            "mine failed on image 8, sampled for 'a blue circle': Reward 'mine' returned shape (0,); expected (1,), "
            "one number per pair.",
        ),
        (
            "return 'much'",
            "mine failed on image 7, sampled for 'a red circle': Reward 'mine' returned str, not an array of numbers: "
            "could not convert string to float: 'much'.",
        ),
    ],
    ids=["nan", "raises", "one short", "no numbers"],
)
def test_a_reward_that_fails_is_named_with_the_image_and_its_prompt(reward_file, body, sentence):
    entry = EntrySettings(rewards=(reward_file(body),))
    rewards = OnlineRewards({"proxy": entry}, dict.fromkeys(PROMPTS, ()))
    with pytest.raises(FinetuneError) as raised:
        rewards.values(DARK_ONE, PROMPTS, numbers=[7, 8, 9])
    assert str(raised.value) == sentence


def test_a_reward_that_fails_on_no_image_alone_is_named_with_its_batch(reward_file):
    entry = EntrySettings(rewards=(reward_file("return [0.5] * min(len(images), 2)"),))
    rewards = OnlineRewards({"proxy": entry}, dict.fromkeys(PROMPTS, ()))
    sentence = (
        r"^mine failed on images 7 to 9, the first sampled for 'a red circle': Reward 'mine' returned shape \(2,\); "
        r"expected \(3,\), one number per pair\.$"
    )
    with pytest.raises(FinetuneError, match=sentence):
        rewards.values(DARK_ONE, ["a red circle"] * 3, numbers=[7, 8, 9])


def test_a_reward_that_runs_out_of_memory_gets_smaller_batches(reward_file):
    body = "return np.zeros(2 if len(images) < 3 else 1 << 58)[: len(images)]"
    entry = EntrySettings(rewards=(reward_file(body),))
    rewards = OnlineRewards({"proxy": entry}, {"a": ()})
    with pytest.warns(UserWarning, match="ran out of memory with a batch size of 64"):
        values = rewards.values([DARK_ONE[0]] * 5, ["a"] * 5)
    assert values["proxy"].tolist() == [0] * 5


@pytest.mark.slow
def test_a_reward_that_fails_in_mid_run_keeps_the_checkpoint(
    tmp_path, assert_equal_runs, tiny, reward_file, monkeypatch
):
    spec = reward_file("return [float(np.asarray(image).mean()) / 255 for image in images]")
    settings = tiny(reward={"proxy": spec, "gold": "judge"})
    whole = Run(tmp_path / "whole", settings).go()
    scored = run_scoring(monkeypatch)
    run = Run(tmp_path / "run", settings)
    scored.fails_after = 5
    with pytest.raises(FinetuneError, match=r"mine failed on image \d, sampled for '.*': ConnectionError: gone\."):
        run.go()
    assert run.folder.load_checkpoint()["epoch"] > 0
    scored.fails_after = None
    assert_equal_runs(whole, Run(tmp_path / "run", settings).go())


def run_scoring(monkeypatch):
    """Rewards that are computed until they fail, as those of a server that goes away."""
    from types import SimpleNamespace

    from tia2.rewards.functions import FunctionReward

    state, score = SimpleNamespace(fails_after=None), FunctionReward.exact_matrix

    def counted(self, images, texts):
        if state.fails_after is not None:
            state.fails_after -= 1
            if state.fails_after < 0:
                raise ConnectionError("gone")
        return score(self, images, texts)

    monkeypatch.setattr(FunctionReward, "exact_matrix", counted)
    return state


def test_textnorm_of_a_reward_that_ignores_the_text_is_refused_before_training(tmp_path, tiny, reward_file):
    spec = reward_file("return [float(np.asarray(image).mean()) for image in images]")
    settings = tiny(reward={"proxy": f"{spec} + textnorm:temperature=1", "gold": "judge"})
    with pytest.raises(FinetuneError, match=r"gave each image the same reward for all of them.*Use that reward raw"):
        Run(tmp_path / "run", settings).go()
    assert not [record for record in RunFolder(tmp_path / "run").records() if record["kind"] == "epoch"]


def test_unknown_rewards_and_models_are_named_before_anything_is_written(tmp_path, tiny):
    for changes, sentence in (
        ({"reward": {"proxy": "mini-vivd", "gold": "judge"}}, "Did you mean 'mini-vivid'"),
        ({"model": {"name": "mini-half"}}, "There is no diffusion model 'mini-half'"),
    ):
        with pytest.raises(Exception, match=sentence) as raised:
            Run(tmp_path / "run", tiny(**changes))
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def memory(monkeypatch):
    """A memory in which only so many samples fit; really asks for more than there is."""
    from types import SimpleNamespace

    state, predict = SimpleNamespace(fits=10**9, error=None, training=False), DiffusionModel.predict

    def limited(self, latents, *args):
        if len(latents) > state.fits and torch.is_grad_enabled() == state.training:
            if state.error is not None:
                raise state.error
            torch.empty(1 << 58)
        return predict(self, latents, *args)

    monkeypatch.setattr(DiffusionModel, "predict", limited)
    return state


APART = {"steps": 2, "guidance": 1.0}
"""A sampler of evaluations that isn't training's."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "training", "changes", "work", "setting"),
    [
        ("tiny", False, {}, "evaluating", "sampler.batch"),
        ("tiny", False, {"evaluation__sampler": {**APART, "batch": 1}}, "sampling", "sampler.batch"),
        ("tiny", False, {"evaluation__sampler": {**APART, "batch": 2}}, "evaluating", "evaluation.sampler.batch"),
        ("tiny", True, {}, "training", "ddpo.batch"),
        ("weighted", True, {}, "training", "weighted.micro_batch"),
    ],
    ids=["evaluating", "sampling", "evaluating apart", "training", "training on weights"],
)
def test_out_of_memory_names_the_setting_and_the_run_resumes_with_less(
    request, tmp_path, memory, kind, training, changes, work, setting
):
    settings = request.getfixturevalue(kind)(**changes, evaluation__kl_images=0)
    memory.fits, memory.training = 1, training
    with pytest.raises(MemoryLimitError, match=f"Memory ran out while {work}: lower {setting}, now 2") as raised:
        Run(tmp_path / "run", settings).go()
    assert raised.value.remedy == f"{setting}=1"
    kept = RunFolder(tmp_path / "run")
    assert (kept.load_checkpoint() is not None) == (work != "evaluating")
    smaller = adjusted(kept.settings(), [raised.value.remedy])
    if kind == "tiny" and work != "evaluating":
        assert Run(tmp_path / "run", smaller).go().evaluated_epochs() == [0, 2]
        assert kept.settings() == smaller


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()], ids=["cuda", "python"]
)
def test_every_kind_of_memory_error_counts(tmp_path, tiny, memory, error):
    memory.fits, memory.error = 0, error
    with pytest.raises(MemoryLimitError, match=r"Memory ran out while evaluating: lower sampler\.batch, now 2"):
        Run(tmp_path / "run", tiny()).go()
    with pytest.raises(MemoryLimitError, match=r"even with sampler\.batch 1: use a device with more memory"):
        Run(tmp_path / "other", tiny(sampler__batch=1)).go()


def test_only_settings_that_change_no_result_may_change_while_a_run_goes(tiny):
    assert adjusted(tiny(), ["sampler.batch=2", "ddpo.batch=3", "save_every=2"]).sampler.batch == 2
    with pytest.raises(
        FinetuneError, match=r"^optimiser\.lr can't change while a run goes.*sampler\.batch, ddpo\.batch"
    ):
        adjusted(tiny(), ["optimiser.lr=1"])
    with pytest.raises(FinetuneError, match=r"Unknown setting 'sampler\.bach'"):
        adjusted(tiny(), ["sampler.bach=1"])
