"""What a run says of the model that it trains and of how that model samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]


class Section(BaseModel):
    """Base of the settings' sections: unknown fields are refused, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraSettings(Section):
    """A low-rank adapter on the UNet's attention."""

    rank: Count = 4
    alpha: Count | None = None
    """Scale of the adapter; the rank by default, which scales by 1."""
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    """Names of the layers that get an adapter."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the adapter's first weights; the adapter as a whole begins as the identity whatever they are."""


class ModelSettings(Section):
    """The diffusion model, and which of its weights are trained."""

    name: str = "mini-halfway"
    """"mini", "mini-halfway", the folder of a diffusers pipeline, or a hub id."""
    lora: LoraSettings | None = LoraSettings()
    """The adapter to train; null trains all of the UNet's weights."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Number format of the frozen weights and of the network's arithmetic; trajectories, probabilities and trained
    weights are float32 always."""
    gradient_checkpointing: bool = False
    """Compute activations a second time in the backward pass instead of keeping them: the same gradients with a
    fraction of the memory, for about a third more time."""
    resolution: Annotated[int, Field(ge=8)] | None = None
    """Side of the images in pixels; the model's own by default."""


class SamplerSettings(Section):
    """How images are sampled."""

    steps: Count = 50
    """Denoising steps."""
    eta: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of DDPM's noise in each step: 1 for a policy, 0 for DDIM without noise."""
    guidance: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 5.0
    """Scale of classifier-free guidance; 1 is none, at half the cost."""
    batch: Count = 16
    """Images at a time; lower it when memory runs out."""
