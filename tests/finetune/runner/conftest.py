"""A run small enough for a test: the miniature model, two prompts, and few steps."""

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
def weighted():
    return lambda **changes: settings_with(WEIGHTED, **changes)
