"""Sampling images into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import FinetuneError
from tia2.files import replacing

from ..sheets import SheetBlock, SheetRow, image_sheet
from .requests import CONTACT_SHEET, SampleRequest, begin, open_images, save_image

if TYPE_CHECKING:
    from torch import Tensor

    from ..policy.model import DiffusionModel

SHEET_PROMPTS, SHEET_SEEDS = 40, 8
"""Prompts and images per prompt that a contact sheet shows at most."""


def sample_images(
    load: Callable[[], DiffusionModel],
    request: SampleRequest,
    folder: Path,
    report: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Sample what a folder lacks, and draw its contact sheet.

    An image depends on the prompt and the seed alone, so that checkpoints, scales and samplers can be compared image by
    image, and further images of the same origin can be added later.

    Args:
        load: Returns the model; only called where images are missing.
        request: Images to sample.
        folder: Where to.
        report: Called after every batch with the images done and those missing before.

    Returns:
        The contact sheet, then the images, prompt by prompt.

    Raises:
        FinetuneError: The folder holds other images or can't be written to, or the model can't be sampled so.
    """
    from .requests import file_name

    missing = begin(folder, request)
    if missing:
        _sample(load(), request, missing, folder, report)
    shown = request.seeds[:SHEET_SEEDS]
    blocks = [
        SheetBlock(prompt, [SheetRow(f"seeds {shown[0]} to {shown[-1]}", images, [None] * len(images))])
        for prompt in request.prompts[:SHEET_PROMPTS]
        for images in [open_images(folder, prompt, shown)]
    ]
    sheet = folder / CONTACT_SHEET
    with replacing(sheet, FinetuneError) as unfinished:
        image_sheet(blocks, side=120).save(unfinished, format="PNG")
    return [sheet, *(folder / file_name(prompt, seed) for prompt in request.prompts for seed in request.seeds)]


def _sample(
    model: DiffusionModel,
    request: SampleRequest,
    missing: list[tuple[str, int]],
    folder: Path,
    report: Callable[[int, int], None] | None,
) -> None:
    from PIL import Image

    from ..policy.rollout import rollout
    from ..policy.scaling import scaled
    from ..policy.schedule import NoiseSchedule

    sampler = request.sampler
    schedule = NoiseSchedule.of(model.pipeline.scheduler.config, sampler.steps, sampler.eta)
    with scaled(model, request.scale):
        for start in range(0, len(missing), sampler.batch):
            batch = missing[start : start + sampler.batch]
            noise = _noise(model, [seed for _, seed in batch], len(schedule))
            prompts = [prompt for prompt, _ in batch]
            trajectories = rollout(model, schedule, prompts, noise, sampler.guidance, sampler.batch)
            for (prompt, seed), pixels in zip(batch, model.decode(trajectories.finals), strict=True):
                save_image(folder, Image.fromarray(pixels), prompt, seed, request)
            if report is not None:
                report(start + len(batch), len(missing))


def _noise(model: DiffusionModel, seeds: list[int], steps: int) -> Tensor:
    import torch

    from ..policy.noise import SAMPLES, trajectory_noise

    return torch.cat([trajectory_noise(seed, SAMPLES, 0, [0], model.latent_shape, steps) for seed in seeds])
