"""Upstream's checkpoints of the BLIP family: the sizes that follow from the shapes, and loading by upstream's names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from tia2.errors import RewardError
from tia2.files import json_of
from tia2.rewards.loading.checkpoints import check_keys, layer_count, rename, shape_text
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rewards.loading.transformers_models import quiet_transformers

if TYPE_CHECKING:
    from tia2.rewards.loading.checkpoints import StateDict
    from tia2.rewards.loading.transformers_files import PretrainedFiles

HEAD_WIDTH = 64
"""Width of an attention head in every published ViT-B, ViT-L and BERT."""

LAYER_NORM_EPS = 1e-6
"""The epsilon of upstream's vision transformers; transformers' default is 1e-5."""

VISION = (
    (r"\bembeddings\.class_embedding$", "cls_token"),
    (r"\bembeddings\.position_embedding$", "pos_embed"),
    (r"\bembeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"\bencoder\.layers\.", "blocks."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"\.self_attn\.projection\.", ".attn.proj."),
    (r"\.self_attn\.", ".attn."),
    (r"\bpost_layernorm\.", "norm."),
)
"""Rules that turn the names of BlipVisionModel into upstream's, which are timm's."""

POSITIONS = r"(^|\.)position_ids$"
"""A buffer of old checkpoints, which is no weight."""

FROM_SHAPES = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "max_position_embeddings")
"""The settings of a BERT that its weights show too."""

Module = TypeVar("Module", bound=torch.nn.Module)


def part(state: Mapping[str, torch.Tensor], prefix: str) -> StateDict:
    """Return the tensors under a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def load_upstream(
    make: Callable[[], Module],
    state: Mapping[str, torch.Tensor],
    where: str,
    rules: Sequence[tuple[str, str]],
    unused: Iterable[str] = (),
) -> Module:
    """Make a module with the weights of an upstream checkpoint: all of them, and nothing else.

    Args:
        make: Function that makes the module; its weights are never drawn, which would take seconds and move the global
            random state.
        state: The checkpoint's tensors.
        where: Name of the checkpoint in errors.
        rules: Regular expressions that turn the module's names into the checkpoint's.
        unused: Regular expressions of what the checkpoint may hold beside.

    Returns:
        The module in float32 on the CPU, for inference. It shares memory with the tensors.

    Raises:
        RewardError: Weights are missing, left over, or of other shapes; the text has the checkpoint's own names.
    """
    with quiet_transformers(), torch.device("meta"):
        module = make()
    weights_of = module.state_dict()
    names = dict(zip(rename(weights_of, rules), weights_of, strict=True))
    ignored = re.compile("|".join((POSITIONS, *unused)))
    check_keys(
        where,
        [name for name in names if name not in state],
        [name for name in state if name not in names and not ignored.search(name)],
        [
            f"{name} {shape_text(state[name].shape)}, expected {shape_text(weights_of[key].shape)}"
            for name, key in names.items()
            if name in state and state[name].shape != weights_of[key].shape
        ],
    )
    weights = {key: state[name].detach().to(torch.float32) for name, key in names.items()}
    module.load_state_dict(weights, assign=True)
    for owner in module.modules():
        for name, buffer in list(owner.named_buffers(recurse=False)):
            if name == "position_ids" and buffer.is_meta:
                owner.register_buffer(name, torch.arange(buffer.shape[-1])[None], persistent=False)
    return module.eval()


def vision_sizes(state: Mapping[str, torch.Tensor], where: str, heads: int | None) -> dict[str, Any]:
    """Return the configuration of a vision transformer in timm's layout, as far as it follows from the shapes.

    Args:
        state: Its tensors, by names without a prefix.
        where: Name of the checkpoint in errors.
        heads: Number of attention heads; width / 64 if None.

    Raises:
        RewardError: It is none, or the number of heads doesn't suit the width.
    """
    try:
        positions = state["pos_embed"].shape[1] - 1
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        inner = state["blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError, IndexError):
        raise RewardError(
            f"{where} has no vision transformer in upstream's layout (visual_encoder.pos_embed, .patch_embed, .blocks)."
        ) from None
    side = math.isqrt(max(positions, 0))
    if not side or side * side != positions:
        raise RewardError(f"{where} has {positions + 1} image positions; expected one more than a square number.")
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layer_count(state, "blocks"),
        "num_attention_heads": attention_heads(heads, width, HEAD_WIDTH, "vision_heads", where),
        "image_size": side * patch,
        "patch_size": patch,
        "hidden_act": "gelu",
        "layer_norm_eps": LAYER_NORM_EPS,
    }


def bert_sizes(
    state: Mapping[str, torch.Tensor], where: str, heads: int | None, config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the configuration of a BERT, as far as it follows from the shapes.

    Args:
        state: Its tensors, by names without a prefix.
        where: Name of the checkpoint in errors.
        heads: Number of attention heads; as in the med_config.json, or else width / 64, if None.
        config: The med_config.json beside it, if there is one.

    Raises:
        RewardError: It is none, or the configuration is of another model.
    """
    try:
        vocabulary, width = state["embeddings.word_embeddings.weight"].shape
        positions = state["embeddings.position_embeddings.weight"].shape[0]
        inner = state["encoder.layer.0.intermediate.dense.weight"].shape[0]
    except (KeyError, ValueError, IndexError):
        raise RewardError(f"{where} has no BERT in upstream's layout (text_encoder.embeddings, .encoder).") from None
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layer_count(state, r"encoder\.layer"),
        "max_position_embeddings": positions,
    }
    config = {} if config is None else config
    if wrong := [
        f"{key} {config[key]!r} instead of {sizes[key]}"
        for key in FROM_SHAPES
        if config.get(key, sizes[key]) != sizes[key]
    ]:
        raise RewardError(f"The med_config.json beside {where} is of another model: {', '.join(wrong)}.")
    return sizes | {
        "num_attention_heads": attention_heads(
            heads or config.get("num_attention_heads"), width, HEAD_WIDTH, "text_heads", where
        ),
        "layer_norm_eps": config.get("layer_norm_eps", 1e-12),
        "hidden_act": "gelu",
    }


def med_config(folder: Path) -> dict[str, Any] | None:
    """Read the med_config.json beside a checkpoint: upstream's configuration of the text model; None if there is none.

    Raises:
        RewardError: It can't be read, or isn't the configuration of a BERT with upstream's activation.
    """
    path = folder / "med_config.json"
    if not path.is_file():
        return None
    try:
        config = json_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardError(f"{path} can't be read: {error}") from None
    if not isinstance(config, dict):
        raise RewardError(f"{path} holds {type(config).__name__}; expected the configuration of a BERT.")
    heads, eps, act = (config.get(key) for key in ("num_attention_heads", "layer_norm_eps", "hidden_act"))
    if type(heads) is not int or heads < 1:
        raise RewardError(f"{path} has num_attention_heads {heads!r}; expected the number of a BERT's attention heads.")
    if eps is not None and not (isinstance(eps, float) and 0 < eps < 1):
        raise RewardError(f"{path} has layer_norm_eps {eps!r}; expected a small number such as 1e-12.")
    if act not in (None, "gelu"):
        raise RewardError(f"{path} has hidden_act {act!r}; expected 'gelu', as in every published model.")
    return config


def square_from_config(files: PretrainedFiles, side: int) -> Preprocessing:
    """Read the preprocessing of a BLIP in transformers' layout: a square, whatever the aspect ratio.

    Args:
        files: Files of the model.
        side: Side of the model's images, in pixels.

    Raises:
        RewardError: It gives images of another size.
    """
    defaults = {"do_center_crop": False, "size": {"height": side, "width": side}}
    preprocessing = Preprocessing.from_config({**defaults, **files.preprocessing})
    preprocessing.check_output(side, files.where)
    return preprocessing


def attention_heads(given: int | None, width: int, head_width: int, option: str, where: str) -> int:
    """Return the number of attention heads, which no shape of a checkpoint shows.

    Args:
        given: The number that the user gives; width / head_width if None.
        width: Width of a layer.
        head_width: Width of a head in the published models.
        option: Name of the user's option, for errors.
        where: Name of the checkpoint in errors.

    Raises:
        RewardError: The number doesn't divide the width.
    """
    if given is None and width % head_width:
        raise RewardError(
            f"{where} has a width of {width}, which is no multiple of the published models' {head_width} numbers per "
            f"head: say how many attention heads it has with {option}=."
        )
    heads = width // head_width if given is None else given
    if heads < 1 or width % heads:
        raise RewardError(f"{where}: {heads} attention heads don't divide a width of {width}; set {option}=.")
    return heads
