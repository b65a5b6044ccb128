"""Runs whose images are drawn by the renderer instead of a generator: the truth is known, and nothing is trained."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tia2.finetune.runner.parts import TEST, VALIDATION, total_kl
from tia2.finetune.runner.state import RunFolder
from tia2.finetune.settings.run import load_settings
from tia2.finetune.training.prompts import load_prompts
from tia2.miniworld.grammar import parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import sample_scene

GOLD = [0.5, 0.6, 0.75, 0.55, 0.3, 0.1]
"""Share of images with the right number of objects at each evaluation."""
STEP_KL = np.array([0.02, 0.03, 0.05, 0.05, 0.1, 0.2, 0.3, 0.6, 2.0, 60.0])


@cache
def draw(prompt, number, right):
    """One scene of a prompt; the wrong one has an object more. Equal numbers differ in nothing else."""
    rng = np.random.default_rng([number, sum(map(ord, prompt))])
    specification = parse(prompt)
    (group,) = specification.groups
    counted = replace(specification, groups=(replace(group, count=group.count + (not right)),))
    buffer = io.BytesIO()
    Image.fromarray(render(sample_scene(counted, rng), rng)).save(buffer, format="PNG")
    return buffer.getvalue()


def make_run(path, gold=GOLD, changes=(), names=(), images=16, without_gold=False):
    """A finished run in a folder: gold is exact, the proxy climbs evenly, another reward climbs with gold."""
    bare = ["reward.gold=null"] if without_gold else []
    settings = load_settings("mini-ddpo", ["reward.watch=[mini-strong]", *bare, *changes])
    prompts = load_prompts(settings.prompts)
    judges = {"proxy": "mini-countblind", "watch0": "mini-strong", "gold": "exact judge", **dict(names)}
    judges = {
        role: name
        for role, name in judges.items()
        if (role != "watch0" or settings.reward.watch) and (role != "gold" or not without_gold)
    }
    folder = RunFolder.create(path, settings, {"judges": judges, "tia2_version": "0.1.0"})
    random = np.random.default_rng(0)
    order = {
        prompt: np.random.default_rng(number).permutation(images)
        for number, prompt in enumerate((*prompts.train, *prompts.held_out))
    }
    for position, share in enumerate(gold):
        rows = []
        for prompt in (*prompts.train, *prompts.held_out):
            for number in range(images):
                right = order[prompt][number] < round(share * images)
                rows.append(
                    {
                        "prompt": prompt,
                        "split": "train" if prompt in prompts.train else "held-out",
                        "part": VALIDATION if number % 2 == 0 else TEST,
                        "number": number,
                        "proxy": 0.87 + 0.01 * position + 0.005 * random.normal(),
                        "watch0": 0.5 + 0.3 * share + 0.05 * random.normal(),
                        "gold": float(right),
                        "image": draw(prompt, number, right),
                    }
                )
        epoch = 5 * position
        columns = [name for name in rows[0] if name in judges or name not in ("proxy", "watch0", "gold")]
        folder.save_evaluation(epoch, pd.DataFrame(rows)[columns])
        step_kl = (STEP_KL * position**1.5).tolist()
        about = {"epoch": epoch, "updates": 2 * epoch, "kl": total_kl(step_kl), "step_kl": step_kl}
        folder.log({"kind": "evaluation", **about})
    return folder


@pytest.fixture(scope="session")
def write_run():
    """Writes runs into folders."""
    return make_run


@pytest.fixture(scope="session")
def drawn_run(tmp_path_factory):
    """A run in which gold rises and falls while the proxy climbs."""
    return make_run(tmp_path_factory.mktemp("drawn") / "run")
