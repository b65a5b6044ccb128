"""Loading a pipeline of Stable Diffusion's kind, and saying in one line why one can't be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError

from .resolve import ModelSource
from .schedule import NoiseSchedule

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

_UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError)
"""What diffusers and transformers raise on files that are missing, damaged or of another kind of model."""


def load_pipeline(source: ModelSource) -> StableDiffusionPipeline:
    """Load a pipeline without its safety checker, on the CPU.

    The scheduler's settings are read first, so that a model that can't be trained is refused before gigabytes of
    weights are fetched.

    Args:
        source: The model's origin, as `resolve` returns it.

    Raises:
        MissingDependencyError: diffusers isn't installed.
        FinetuneError: It can't be fetched, is of another kind, or its scheduler can't be sampled as a policy.
    """
    from tia2.miniworld.diffusers_loading import importing_diffusers, loading_quietly

    with importing_diffusers("Fine-tuning"):
        from diffusers import DDIMScheduler
    if source.checkpoint is not None:
        from tia2.miniworld.generator import load_pipeline as load_miniature

        return load_miniature(checkpoint=source.checkpoint)
    try:
        with loading_quietly():
            scheduler: dict[str, Any] = DDIMScheduler.load_config(source.location, subfolder="scheduler")
            _check_scheduler(source, scheduler)
            pipeline = _load_any_variant(str(source.location))
    except _UNREADABLE as error:
        if isinstance(error, FinetuneError):
            raise
        words = " ".join(str(error).split())[:300]
        raise FinetuneError(f"The diffusion model {source.asked} can't be loaded: {words}") from None
    _check_network(source, pipeline)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _load_any_variant(location: str) -> StableDiffusionPipeline:
    """Load full-precision files, or half-precision ones from a repository that holds no others."""
    try:
        return _load_variant(location, None)
    except _UNREADABLE as error:
        try:
            return _load_variant(location, "fp16")
        except _UNREADABLE:
            raise error from None


def _load_variant(location: str, variant: str | None) -> StableDiffusionPipeline:
    from diffusers import StableDiffusionPipeline

    # The safety checker and its feature extractor judge images, which is what rewards are for; many folders name them
    # without having them.
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        location, variant=variant, safety_checker=None, requires_safety_checker=False, feature_extractor=None
    )
    return pipeline


def _check_scheduler(source: ModelSource, config: dict[str, Any]) -> None:
    try:
        NoiseSchedule.of(config, min(10, int(config.get("num_train_timesteps", 1000))))
    except FinetuneError as error:
        raise FinetuneError(f"{source.asked}, scheduler/scheduler_config.json: {error}") from None


def _check_network(source: ModelSource, pipeline: StableDiffusionPipeline) -> None:
    """Refuse networks that need more than a latent, a time and a text.

    Raises:
        FinetuneError: The UNet is one for inpainting, upscaling, or of Stable Diffusion XL.
    """
    config = pipeline.unet.config
    if config.in_channels != pipeline.vae.config.latent_channels:
        raise FinetuneError(
            f"{source.asked}: the UNet takes {config.in_channels} channels and a latent has "
            f"{pipeline.vae.config.latent_channels}, as models for inpainting, upscaling or depth do. Expected a model "
            "that makes images of texts alone."
        )
    if config.addition_embed_type is not None or config.class_embed_type is not None:
        raise FinetuneError(
            f"{source.asked}: the UNet needs more than a text (addition_embed_type {config.addition_embed_type}, "
            f"class_embed_type {config.class_embed_type}), as Stable Diffusion XL does. Expected Stable Diffusion 1 or "
            "2."
        )
