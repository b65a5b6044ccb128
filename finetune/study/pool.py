"""Images of the base model that best-of-n chooses among, scored by every entry of a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..policy.model import DiffusionModel
from ..policy.noise import TRAINING, trajectory_noise
from ..policy.rollout import rollout
from ..policy.schedule import NoiseSchedule
from ..rewards.online import Judges, accepted
from ..settings.run import RunSettings
from ..training.prompts import load_prompts
from .plan import StudyPlan, StudyRun

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from PIL import Image

Report = Callable[[str, int, int], None]


def scored_pool(plan: StudyPlan, seed: int, device: str, report: Report) -> pd.DataFrame:
    """Sample the base model as the study's runs do, and score every image by the exact judge and by every entry.

    Args:
        plan: The study.
        seed: Seed of the images; a run of this seed shares the noise of its first epoch.
        device: Where models run.
        report: Called with what is done, how much of it, and how much there is.

    Returns:
        One row per image: prompt, number, gold, and a column per condition that is chosen by.

    Raises:
        FinetuneError: A reward isn't finite, or a prompt isn't of the miniature world.
    """
    import pandas as pd

    conditions = [condition for condition in plan.conditions if condition.best_of_n]
    settings = {condition.name: plan.settings(StudyRun(condition, seed)) for condition in conditions}
    first = next(iter(settings.values()))
    prompts = [prompt for prompt in load_prompts(first.prompts).train for _ in range(plan.pool_per_prompt)]
    images = _sampled(first, prompts, seed, device, report)
    columns: dict[str, NDArray[np.float64]] = {}
    for contrast in dict.fromkeys(each.prompts.contrast for each in settings.values()):
        alike = {name: each for name, each in settings.items() if each.prompts.contrast == contrast}
        contrastive = load_prompts(next(iter(alike.values())).prompts).contrastive
        for name, each in alike.items():
            columns[name] = Judges(each.reward.model_copy(update={"watch": (), "gold": None}), contrastive).proxy(
                images, prompts
            )
    numbers = [number % plan.pool_per_prompt for number in range(len(prompts))]
    frame: pd.DataFrame = pd.DataFrame(
        {"prompt": prompts, "number": numbers, "gold": accepted(images, prompts), **columns}
    )
    return frame


def _sampled(
    settings: RunSettings, prompts: Sequence[str], seed: int, device: str, report: Report
) -> list[Image.Image]:
    model = DiffusionModel.load(settings.model, device)
    sampler = settings.sampler
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, sampler.steps, sampler.eta)
    noise = trajectory_noise(seed, TRAINING, 0, range(len(prompts)), model.latent_shape, len(schedule))
    tell = partial(report, "sampling the base model")
    with model.base():
        sampled = rollout(model, schedule, prompts, noise, sampler.guidance, sampler.batch, tell)
    return model.images(sampled.finals, sampler.batch)
