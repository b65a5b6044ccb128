"""A run small enough for a test: the miniature model, two prompts, and few steps."""

import pandas as pd
import pytest

from tia2.finetune.settings.run import checked

SMALL = {
    "name": "small",
    "method": "ddpo",
    "model": {"name": "mini-halfway", "lora": {"rank": 2}},
    "prompts": {"benchmark": "mini", "subset": "counting", "train": [2, 3], "held_out": [4]},
    "reward": {"proxy": "mini-countblind", "watch": ["mini-strong + textnorm"], "gold": "judge"},
    "sampler": {"steps": 3, "eta": 1.0, "guidance": 1.0, "batch": 4},
    "optimiser": {"lr": 1e-3, "warmup": 2, "ema": 0.5},
    "ddpo": {
        "images_per_epoch": 4,
        "updates_per_epoch": 2,
        "epochs": 4,
        "batch": 4,
        "clip_nats": 1.6,
        "advantages": {"kind": "tracker", "buffer": 8, "min_count": 3},
    },
    "evaluation": {"every": 2, "images_per_prompt": 2, "kl_images": 2},
}
TINY = {
    **SMALL,
    "name": "tiny",
    "prompts": {"benchmark": "mini", "subset": "counting", "train": [2, 3]},
    "reward": {"proxy": "mini-countblind", "gold": "judge"},
    "sampler": {"steps": 2, "eta": 1.0, "guidance": 1.0, "batch": 2},
    "ddpo": {**SMALL["ddpo"], "epochs": 2, "batch": 2},
    "evaluation": {"every": 2, "images_per_prompt": 1, "kl_images": 1},
}
"""Enough for faults: two epochs, two evaluations."""
WEIGHTED = {
    **{key: value for key, value in SMALL.items() if key != "ddpo"},
    "name": "small-weighted",
    "method": "weighted",
    "weighted": {
        "kind": "sft",
        "samples_per_prompt": 4,
        "top": 0.5,
        "batch": 4,
        "micro_batch": 2,
        "updates_per_epoch": 1,
        "epochs": 4,
    },
}


def settings_with(base, **changes):
    """Settings with fields of sections replaced, as {"section__field": value}."""
    content = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            content[section][field] = value
        else:
            content[section] = value
    return checked(content, "a test")


@pytest.fixture(scope="session")
def small():
    return lambda **changes: settings_with(SMALL, **changes)


@pytest.fixture(scope="session")
def tiny():
    return lambda **changes: settings_with(TINY, **changes)


@pytest.fixture(scope="session")
def weighted():
    return lambda **changes: settings_with(WEIGHTED, **changes)


TIMED = ("time", "seconds", "wall_seconds", "seconds_sampling", "seconds_rewards", "seconds_updates")


def weights(folder, epoch):
    from safetensors.torch import load_file

    return load_file(folder.weights_path(epoch) / "pytorch_lora_weights.safetensors")


def check_equal_runs(first, second):
    import torch

    assert first.evaluated_epochs() == second.evaluated_epochs()
    for epoch in first.evaluated_epochs():
        assert first.evaluation(epoch).equals(second.evaluation(epoch))
        expected, resumed = weights(first, epoch), weights(second, epoch)
        assert expected.keys() == resumed.keys()
        for name, value in expected.items():
            assert torch.equal(value, resumed[name]), name
    plain = [
        [{key: value for key, value in line.items() if key not in TIMED} for line in folder.records()]
        for folder in (first, second)
    ]
    assert plain[0] == plain[1]
    tables = [
        pd.read_parquet(folder.curves_path).drop(columns=list(TIMED), errors="ignore") for folder in (first, second)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.fixture(scope="session")
def assert_equal_runs():
    """Two folders hold the same images, scores, weights and journal, but for the times that things took."""
    return check_equal_runs


class StoppedError(Exception):
    """The power went out."""


def stop_at(folder, settings, calls):
    from tia2.finetune.runner.run import Run

    run, count = Run(folder, settings), 0

    def tell(*_):
        nonlocal count
        count += 1
        if count == calls:
            raise StoppedError

    run.report_to(tell)
    with pytest.raises(StoppedError):
        run.go()


@pytest.fixture(scope="session")
def run_until():
    """Start a run and stop it in the middle of whatever it does at the given report."""
    return stop_at


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory, small, tiny, weighted):
    """Uninterrupted runs, each made once."""
    from tia2.finetune.runner.run import Run

    runs = {}

    def get(kind):
        if kind not in runs:
            settings = {"small": small, "tiny": tiny, "weighted": weighted}[kind]()
            runs[kind] = Run(tmp_path_factory.mktemp(kind) / "run", settings).go()
        return runs[kind]

    return get


@pytest.fixture(scope="session")
def finished_tiny(finished_runs):
    return finished_runs("tiny")
