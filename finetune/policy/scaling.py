"""A fine-tuned model at part of its strength: between the base model and the trained one, or beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tia2.errors import FinetuneError

from .model import DiffusionModel


@contextmanager
def scaled(model: DiffusionModel, scale: float) -> Iterator[None]:
    """Within the block, the model is changed by fine-tuning only this far.

    The adapter's output is multiplied by the scale, which is what diffusers' `lora_scale` does. Where all weights are
    trained, they are interpolated instead: base + scale · (trained − base). At 0 the model is the base model and at 1
    the trained one, bit for bit.

    Args:
        model: The model with its trained weights.
        scale: 0 for the base model, 1 for the trained one; above 1 extrapolates.

    Raises:
        FinetuneError: The scale is negative or not finite.
    """
    if not 0 <= scale < float("inf"):
        raise FinetuneError(f"The scale must be 0 or more, got {scale:g}.")
    if scale == 1:
        yield
    elif model.settings.lora is not None:
        with _adapter_scaled(model, scale):
            yield
    else:
        with _interpolated(model, scale):
            yield


@contextmanager
def _adapter_scaled(model: DiffusionModel, scale: float) -> Iterator[None]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [module for module in model.unet.modules() if isinstance(module, BaseTunerLayer)]
    # Not by the layers' own scale_layer: dividing by the scale afterwards need not give back the same number.
    before = [dict(layer.scaling) for layer in layers]
    for layer, scaling in zip(layers, before, strict=True):
        layer.scaling.update({name: scale * value for name, value in scaling.items()})
    try:
        yield
    finally:
        for layer, scaling in zip(layers, before, strict=True):
            layer.scaling.update(scaling)


@contextmanager
def _interpolated(model: DiffusionModel, scale: float) -> Iterator[None]:
    trained = [parameter.detach().clone() for parameter in model.parameters]
    with model.base():
        base = [parameter.detach() for parameter in model.unet.parameters()]
    with torch.no_grad():
        for parameter, start in zip(model.parameters, base, strict=True):
            # Written this way round, the scale 0 gives the base model exactly.
            parameter.copy_(start + scale * (parameter - start))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(model.parameters, trained, strict=True):
                parameter.copy_(value)
