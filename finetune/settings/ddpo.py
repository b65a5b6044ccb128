"""What a run says of DDPO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .model import Count, Positive, Section


class AdvantageSettings(Section):
    """How rewards become advantages."""

    kind: Literal["tracker", "group"] = "tracker"
    """"tracker" standardises with statistics of the prompt's latest rewards, kept over epochs; "group" with those of
    the prompt's samples of this epoch alone (what others call GRPO)."""
    buffer: Count = 32
    """Rewards per prompt that the tracker keeps."""
    min_count: Count = 16
    """Rewards of a prompt from which on its own statistics are used; those of the epoch's batch before."""
    clip: Positive = 5.0
    """Largest size of an advantage."""


class StepSettings(Section):
    """Which denoising steps are trained, and how much each counts."""

    subset: Literal["all", "first", "random", "stratified"] = "all"
    """"first" trains the first `count` steps, "random" draws `count` for each sample, "stratified" draws one from
    each of `count` equal spans."""
    count: Count | None = None
    """Steps trained per sample; not with "all"."""
    weights: Literal["plain", "flat"] = "plain"
    """"plain" weighs all steps alike, as DDPO; "flat" by σ/|∂μ/∂output|, normalised to mean 1, so that each step gets a
    gradient of the same size for the same change of the network's output."""

    @model_validator(mode="after")
    def _fits(self) -> StepSettings:
        if (self.subset == "all") != (self.count is None):
            raise ValueError(
                'count belongs to the subsets "first", "random" and "stratified", and each of them needs it'
            )
        return self


class DdpoSettings(Section):
    """Settings of DDPO."""

    images_per_epoch: Count = 256
    """Images sampled per epoch, over all processes."""
    updates_per_epoch: Count = 4
    """Optimiser steps per inner epoch; each sees an equal share of the epoch's images."""
    inner_epochs: Count = 1
    """Times that each epoch's images are trained on."""
    epochs: Count = 100
    """Epochs in all."""
    batch: Count = 32
    """Pairs of sample and step per forward and backward pass; lower it when memory runs out."""
    clip_nats: Positive | None = None
    """Clip of the policy's log-ratio per step in nats, summed over a latent's dimensions; 1.64 nats are DDPO's 1e-4 per
    dimension at 512 pixels."""
    clip_per_dimension: Positive | None = None
    """The same as a mean over dimensions, as DDPO's code gives it; one of the two is needed."""
    steps: StepSettings = StepSettings()
    advantages: AdvantageSettings = AdvantageSettings()
    kl_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Weight of the exact KL divergence to the base model, per step and in nats per dimension; 0 spends nothing on
    it."""
    shuffle_advantages: bool = False
    """Deal the advantages to random samples: a control in which no reward can rise but by chance."""

    @model_validator(mode="after")
    def _fits(self) -> DdpoSettings:
        if (self.clip_nats is None) == (self.clip_per_dimension is None):
            raise ValueError("give clip_nats or clip_per_dimension, and not both")
        if self.images_per_epoch % self.updates_per_epoch:
            raise ValueError(
                f"images_per_epoch ({self.images_per_epoch}) must be a multiple of updates_per_epoch "
                f"({self.updates_per_epoch})"
            )
        return self

    def clip_for(self, dimensions: int) -> float:
        """Return the clip as a mean over a latent's dimensions.

        Args:
            dimensions: Channels × height × width of a latent.
        """
        if self.clip_per_dimension is not None:
            return self.clip_per_dimension
        return float(self.clip_nats or 0) / dimensions
