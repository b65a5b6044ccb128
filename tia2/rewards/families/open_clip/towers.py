"""The two towers of a model of open_clip, which `open_clip:` and `hpsv2:` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.rewards.pretrained import LoadedEncoder, PlacedModel

if TYPE_CHECKING:
    import torch

    from tia2.rewards.families.open_clip.tensor_resize import LongestSide
    from tia2.rewards.families.open_clip.texts import OpenClipTokens
    from tia2.rewards.loading.pixels import Preprocessing
    from tia2.rewards.options import EncoderOptions


def open_clip_encoder(
    module: Any,
    options: EncoderOptions,
    *,
    name: str,
    architecture: Mapping[str, Any],
    preprocessing: Preprocessing | LongestSide,
    tokens: OpenClipTokens,
    files: Sequence[Path],
    hub_id: str | None,
    revision: str | None,
) -> LoadedEncoder:
    """Place a model of open_clip and say what decides its rewards.

    Args:
        module: The model with its weights, in float32 on the CPU.
        options: The options that every encoder takes.
        name: Name of the model.
        architecture: Configuration of open_clip that the model was made from.
        preprocessing: Preprocessing of RGB images.
        tokens: Tokenizer of the model.
        files: Weights, and a configuration beside them.
        hub_id: Id of the model on the hub, or None.
        revision: Commit on the hub, or None.
    """
    model = PlacedModel.of(module.eval(), options)

    def text_features(texts: Sequence[str]) -> torch.Tensor:
        features: torch.Tensor = model.module.encode_text(tokens.batch(texts, model.device))
        return features

    return LoadedEncoder(
        name=name,
        preprocessing=preprocessing,
        image_tower=model.image_tower(preprocessing, model.module.encode_image),
        dtype=model.dtype,
        device=model.device,
        parameters=model.parameters,
        files=[*files, *([tokens.vocabulary] if tokens.vocabulary else [])],
        tokens=tokens,
        text_tower=text_features,
        facts={"hub_id": hub_id, "revision": revision},
        settings={"architecture": dict(architecture)},
    )
