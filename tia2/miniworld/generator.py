"""The tiny Stable Diffusion as people use it: an ordinary diffusers pipeline, and one seeded way to sample from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tia2.errors import BenchmarkError, unknown_name
from tia2.miniworld.assets import HALFWAY_UNET, PIPELINE, existing
from tia2.miniworld.diffusers_loading import importing_diffusers, loading_quietly
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

STEPS = 15
GUIDANCE = 3.0
CHECKPOINTS = ("final", "halfway")


def load_pipeline(
    path: str | Path | None = None, *, checkpoint: str = "final", device: str = "cpu"
) -> StableDiffusionPipeline:
    """Load the miniature world's generator, or another pipeline of the same kind.

    Args:
        path: A pipeline's folder; None for the shipped one.
        checkpoint: "final", or "halfway" for the UNet of half the training, which leaves fine-tuning something to gain.
        device: Device to run on.

    Returns:
        A `diffusers.StableDiffusionPipeline` in float32.

    Raises:
        MissingDependencyError: When diffusers isn't installed.
        UnknownNameError: When the checkpoint has another name.
        BenchmarkError: When the folder isn't there or holds no such pipeline.

    Example:
        >>> pipeline = load_pipeline()  # doctest: +SKIP
        >>> pipeline("a red circle", num_inference_steps=15, guidance_scale=3.0).images[0]  # doctest: +SKIP
    """
    with importing_diffusers("Sampling"):
        from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    if checkpoint not in CHECKPOINTS:
        raise unknown_name("checkpoint", checkpoint, CHECKPOINTS)
    folder = existing(PIPELINE) if path is None else Path(path)
    if not (folder / "model_index.json").is_file():
        raise BenchmarkError(f"Expected a pipeline's folder with a model_index.json, got {folder}.")
    with loading_quietly():
        parts = {} if checkpoint == "final" else {"unet": UNet2DConditionModel.from_pretrained(existing(HALFWAY_UNET))}
        pipeline = StableDiffusionPipeline.from_pretrained(folder, **parts)
    pipeline.set_progress_bar_config(disable=True)
    moved: StableDiffusionPipeline = pipeline.to(device)
    return moved


def sample(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    batch: int = 50,
    progress: Progress = silent,
) -> npt.NDArray[np.uint8]:
    """Sample one image for each prompt.

    Args:
        pipeline: The generator.
        prompts: Prompts to draw.
        seeds: One seed per image; its starting noise comes from the CPU, so that every device starts alike.
        steps: DDIM steps.
        guidance: Classifier-free guidance scale.
        batch: Images at a time.
        progress: Called after every batch with "images", the images done, and the images in all.

    Returns:
        (n, 64, 64, 3) uint8.

    Raises:
        BenchmarkError: When there are not as many seeds as prompts, or no prompts.
    """
    import torch

    if len(prompts) != len(seeds) or not prompts:
        raise BenchmarkError(f"Expected one seed for each of one or more prompts, got {len(prompts)} and {len(seeds)}.")
    parts = []
    for start in range(0, len(prompts), batch):
        window = slice(start, start + batch)
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds[window]]
        output = pipeline(
            list(prompts[window]),
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=generators,
            output_type="np",
        )
        parts.append(np.rint(output.images * 255).astype(np.uint8))
        progress("images", min(start + batch, len(prompts)), len(prompts))
    return np.concatenate(parts)
