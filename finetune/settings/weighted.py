"""What a run says of the methods that train on weighted samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .model import Count, Positive, Section


class WeightedSettings(Section):
    """Settings of supervised fine-tuning on samples that the reward weighs."""

    kind: Literal["sft", "rwr", "minmax", "nft"] = "sft"
    """"sft" keeps each prompt's best share; "rwr" weighs by a softmax of the reward; "minmax" by the reward scaled to 0
    to 1 within the prompt, as TextNorm's authors; "nft" pulls towards good and away from bad samples on the forward
    process."""
    samples_per_prompt: Count = 512
    """Images that the base model samples of each training prompt."""
    top: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of each prompt's samples that "sft" keeps."""
    inverse_temperature: Positive = 1.0
    """Of "rwr": weight ∝ exp(inverse temperature × reward)."""
    over: Literal["prompt", "all"] = "prompt"
    """Of "rwr": the samples that one softmax spans."""
    beta: Positive = 1.0
    """Of "nft": how far the implicit positive and negative models stand from the present one."""
    base_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the squared distance from the base model's output."""
    guidance: Annotated[float, Field(ge=1)] = 1.0
    """Guidance of the trained prediction; 1 trains the conditional branch, as supervised fine-tuning usually does."""
    batch: Count = 32
    """Samples per update."""
    micro_batch: Count = 32
    """Samples per forward and backward pass; lower it when memory runs out."""
    updates_per_epoch: Count = 50
    epochs: Count = 20
    """Epochs in all."""

    @model_validator(mode="after")
    def _fits(self) -> WeightedSettings:
        if self.kind == "nft" and self.samples_per_prompt < 2:
            raise ValueError("nft compares the samples of a prompt: samples_per_prompt must be at least 2")
        return self
