"""One short run whose adapter is strong enough to be seen."""

import pytest

from tia2.finetune.settings.run import checked

SETTINGS = {
    "name": "short",
    "model": {"name": "mini-halfway", "lora": {"rank": 2}},
    "prompts": {"benchmark": "mini", "subset": "counting", "train": [2, 3]},
    "reward": {"proxy": "mini-countblind", "gold": "judge"},
    "sampler": {"steps": 3, "guidance": 1.0, "batch": 8},
    "optimiser": {"lr": 0.05},
    "ddpo": {"images_per_epoch": 4, "updates_per_epoch": 1, "epochs": 2, "batch": 12, "clip_nats": 1.6},
    "evaluation": {"every": 1, "images_per_prompt": 4, "kl_images": 4},
}


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    from tia2.finetune.runner.run import Run

    return Run(tmp_path_factory.mktemp("sampling") / "run", checked(SETTINGS, "a test")).go()
