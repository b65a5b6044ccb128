"""Upstream's checkpoints of the BLIP family in transformers' names, and the sizes that follow from the shapes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.checkpoints import rename

if TYPE_CHECKING:
    import torch

    from tia2.rewards.checkpoints import StateDict

HEAD_WIDTH = 64
"""How wide an attention head is in every published ViT-B, ViT-L and BERT."""

LAYER_NORM_EPS = 1e-6
"""Of upstream's vision transformers; transformers' default is 1e-5."""

_VISION = (
    (r"^cls_token$", "embeddings.class_embedding"),
    (r"^pos_embed$", "embeddings.position_embedding"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embedding."),
    (r"^blocks\.", "encoder.layers."),
    (r"\.norm([12])\.", r".layer_norm\1."),
    (r"\.attn\.proj\.", ".self_attn.projection."),
    (r"\.attn\.", ".self_attn."),
    (r"^norm\.", "post_layernorm."),
)


def part(state: Mapping[str, torch.Tensor], prefix: str) -> StateDict:
    """Return the tensors under a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def vision_state(state: Mapping[str, torch.Tensor]) -> StateDict:
    """Rename the weights of a vision transformer in timm's layout to those of BlipVisionModel."""
    return rename(state, _VISION)


def vision_sizes(state: Mapping[str, torch.Tensor], where: str, heads: int | None) -> dict[str, Any]:
    """Return the configuration of a vision transformer in timm's layout, as far as it follows from the shapes.

    Args:
        state: Its tensors, by names without a prefix.
        where: What the error calls the checkpoint.
        heads: How many attention heads; width / 64 if None.

    Raises:
        RewardError: It is none.
    """
    try:
        positions = state["pos_embed"].shape[1] - 1
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        inner = state["blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError, IndexError):
        raise RewardError(
            f"{where} has no vision transformer in upstream's layout (visual_encoder.pos_embed, .patch_embed, .blocks)."
        ) from None
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers(state, "blocks"),
        "num_attention_heads": _heads(width, heads, "vision_heads", where),
        "image_size": math.isqrt(positions) * patch,
        "patch_size": patch,
        "hidden_act": "gelu",
        "layer_norm_eps": LAYER_NORM_EPS,
    }


def bert_sizes(state: Mapping[str, torch.Tensor], where: str, heads: int | None) -> dict[str, Any]:
    """Return the configuration of a BERT, as far as it follows from the shapes.

    Args:
        state: Its tensors, by names without a prefix.
        where: What the error calls the checkpoint.
        heads: How many attention heads; width / 64 if None.

    Raises:
        RewardError: It is none.
    """
    try:
        vocabulary, width = state["embeddings.word_embeddings.weight"].shape
        positions = state["embeddings.position_embeddings.weight"].shape[0]
        inner = state["encoder.layer.0.intermediate.dense.weight"].shape[0]
    except (KeyError, ValueError):
        raise RewardError(f"{where} has no BERT in upstream's layout (text_encoder.embeddings, .encoder).") from None
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers(state, r"encoder\.layer"),
        "num_attention_heads": _heads(width, heads, "text_heads", where),
        "max_position_embeddings": positions,
        "layer_norm_eps": 1e-12,
    }


def layers(state: Mapping[str, torch.Tensor], name: str) -> int:
    """Return one more than the highest number that follows a name."""
    found = (re.match(rf"{name}\.(\d+)\.", key) for key in state)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def med_config(folder: Path) -> dict[str, Any]:
    """Read the med_config.json beside a checkpoint: upstream's configuration of the text model; empty if there is none.

    Raises:
        RewardError: It can't be read.
    """
    path = folder / "med_config.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardError(f"{path} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise RewardError(f"{path} holds {type(found).__name__}; expected the configuration of a BERT.")
    return found


def only_checkpoint(folder: Path) -> Path | None:
    """Return the .pth or .pt file of a folder, None if there is none.

    Raises:
        RewardError: There are several.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix in (".pth", ".pt"))
    if len(found) > 1:
        raise RewardError(f"{folder} holds several checkpoints ({', '.join(path.name for path in found)}): name one.")
    return found[0] if found else None


def _heads(width: int, heads: int | None, option: str, where: str) -> int:
    found = heads or max(1, width // HEAD_WIDTH)
    if width % found:
        raise RewardError(f"{where}: {found} attention heads don't divide a width of {width}; set {option}=.")
    return found
