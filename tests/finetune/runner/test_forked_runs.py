"""Runs in real processes: one killed at any moment resumes to the byte, and two that share a run get what one gets."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tia2.finetune.runner.state import RunFolder

pytestmark = pytest.mark.slow

FAILING = """
import numpy as np
import torch.distributed

def mine(images, texts):
    if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
        raise ConnectionError("gone")
    return [float(np.asarray(image).mean()) / 255 for image in images]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny, weighted):
    """Runs that are killed, and runs by one process and by two.

    These are DDPO, weighted fine-tuning, and a run whose reward fails in the second process.
    """
    folder = tmp_path_factory.mktemp("forked")
    (folder / "failing.py").write_text(FAILING)
    every = [
        tiny(),
        tiny(evaluation={"every": 1, "images_per_prompt": 2, "kl_images": 2}),
        weighted(weighted__epochs=2, sampler__batch=2, sampler__steps=2, reward=tiny().reward.model_dump()),
        tiny(reward={"proxy": f"{folder / 'failing.py'}:mine", "gold": "judge"}),
    ]
    files = [folder / f"settings-{number}.json" for number in range(len(every))]
    for path, settings in zip(files, every, strict=True):
        path.write_text(json.dumps(settings.model_dump(mode="json")))
    script = Path(__file__).with_name("forked_runs.py")
    command = [sys.executable, str(script), str(folder), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def kept(path, name):
    return json.loads(Path(f"{path}.{name}.json").read_text())


def test_kill_9_at_ten_moments_resumes_to_the_same_bytes(folder, assert_equal_runs):
    assert (folder / "kills").read_text() == "10"
    whole, killed = RunFolder(folder / "whole"), sorted(folder.glob("killed-*"))
    assert killed
    for path in killed:
        assert_equal_runs(whole, RunFolder(path))
        for epoch in whole.evaluated_epochs():
            for name in ("weights_path", "evaluation_path"):
                mine, theirs = (getattr(folder, name)(epoch) for folder in (RunFolder(path), whole))
                pair = (mine, theirs) if mine.is_file() else (next(mine.iterdir()), next(theirs.iterdir()))
                assert pair[0].read_bytes() == pair[1].read_bytes()
        assert not list(path.rglob("*.tmp"))


def test_rewards_and_advantages_are_those_of_one_process_in_both(folder):
    single = kept(folder / "single-0", "only")
    assert len(single) == 2
    for number in range(2):
        own = kept(folder / "shared-0", f"rank-{number}")
        for epoch, expected in zip(own, single, strict=True):
            assert epoch["prompts"] == expected["prompts"]
            np.testing.assert_allclose(epoch["rewards"], expected["rewards"], atol=1e-5)
            np.testing.assert_allclose(epoch["advantages"], expected["advantages"], atol=1e-3)
    assert kept(folder / "shared-0", "rank-0") == kept(folder / "shared-0", "rank-1")


@pytest.mark.parametrize("number", [0, 1], ids=["ddpo", "weighted"])
def test_first_gradients_are_those_of_one_process_in_both(folder, number):
    expected = torch.load(folder / f"single-{number}.only.pt")
    assert any(gradient is not None and gradient.abs().max() > 1e-4 for gradient in expected)
    for rank in range(2):
        summed = torch.load(folder / f"shared-{number}.rank-{rank}.pt")
        for gradient, value in zip(summed, expected, strict=True):
            torch.testing.assert_close(gradient, value, rtol=0, atol=1e-6)


@pytest.mark.parametrize("number", [0, 1], ids=["ddpo", "weighted"])
def test_weights_images_and_journal_are_those_of_one_process(folder, number):
    from safetensors.torch import load_file

    single, both = (RunFolder(folder / f"{kind}-{number}") for kind in ("single", "shared"))
    assert both.evaluated_epochs() == single.evaluated_epochs()
    for epoch in single.evaluated_epochs():
        expected, weights = (
            load_file(folder.weights_path(epoch) / "pytorch_lora_weights.safetensors") for folder in (single, both)
        )
        assert expected.keys() == weights.keys()
        for name, value in expected.items():
            torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-5)
        frames = [folder.evaluation(epoch) for folder in (single, both)]
        for name in ("prompt", "split", "part", "number"):
            assert frames[0][name].tolist() == frames[1][name].tolist()
        np.testing.assert_allclose(frames[0]["proxy"], frames[1]["proxy"], atol=1e-3)
    assert frames[0]["image"].tolist() != single.evaluation(0)["image"].tolist(), "something was learned"
    for expected, record in zip(single.records(), both.records(), strict=True):
        assert record.keys() == expected.keys()
        assert (record["kind"], record["epoch"]) == (expected["kind"], expected["epoch"])
        for name in ("updates", "images", "reward_mean", "loss", "grad_norm", "kl"):
            if name in expected:
                assert record[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-5), name
    assert not (both.path / "run.lock").exists()


def test_an_error_in_one_process_ends_the_run_in_all(folder):
    assert len(kept(folder / "single-2", "only")) == 2
    words = [kept(folder / "shared-2", f"rank-{number}") for number in range(2)]
    assert words[0] == words[1]
    assert "mine failed on image" in words[0][0]
    assert "ConnectionError: gone" in words[0][0]


def test_a_process_whose_other_one_is_killed_says_so_and_one_alone_resumes_exactly(folder):
    from safetensors.torch import load_file

    *_, words = kept(folder / "bereft", "rank-0")
    assert words.startswith("Another process of this run has ended (")
    assert words.endswith(").")
    (epoch,) = kept(folder / "bereft", "resumed")
    np.testing.assert_allclose(epoch["advantages"], kept(folder / "single-0", "only")[1]["advantages"], atol=1e-3)
    single, resumed = (RunFolder(folder / name) for name in ("single-0", "bereft"))
    assert resumed.evaluated_epochs() == single.evaluated_epochs()
    expected, weights = (
        load_file(folder.weights_path(single.evaluated_epochs()[-1]) / "pytorch_lora_weights.safetensors")
        for folder in (single, resumed)
    )
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-5)
