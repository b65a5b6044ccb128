"""BLIP-2's image-text model from either layout, in the classes of transformers.

References:
    https://github.com/salesforce/LAVIS (commit 506965b: lavis/models/eva_vit.py, lavis/models/blip2_models/) for names
    and sizes; the renamed weights give LAVIS' own numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tia2.errors import RewardError
from tia2.rewards.families.blip.upstream import attention_heads, square_from_config
from tia2.rewards.loading.checkpoints import check_keys, only_checkpoint, read_state_dict, rename, shape_text
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.loading.transformers_files import PretrainedFiles, find_model
from tia2.rewards.loading.transformers_models import load_model, quiet_transformers

if TYPE_CHECKING:
    from tia2.rewards.loading.checkpoints import StateDict

MODEL_CLASS = "Blip2ForImageTextRetrieval"
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
"""Endings of the names of LAVIS' checkpoints."""

VISION_URL = "https://storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2/eva_vit_g.pth"
VISION_LAYERS = 39
"""LAVIS runs this many layers of EVA's image tower, whose own checkpoint has one more."""

VISION_HEAD_WIDTH, TEXT_HEAD_WIDTH = 88, 64
"""Numbers per attention head in the published models, from which the number of heads follows."""

LAVIS_EPS = 1e-5
"""The epsilon of the layer norm after LAVIS' image tower; transformers adds 1e-6."""

LAVIS_PREPROCESSING = Preprocessing((224, 224), None, 3, 1 / 255, CLIP_MEAN, CLIP_STD)
"""LAVIS' preprocessing of an RGB image; for the model tuned on COCO with a larger square."""

UNUSED = (r"^temp$", r"^Qformer\.cls\.", r"(^|\.)position_ids$")
"""Weights of training and of captioning, and buffers."""

RENAMED = (
    (r"^visual_encoder\.cls_token$", "vision_model.embeddings.class_embedding"),
    (r"^visual_encoder\.pos_embed$", "vision_model.embeddings.position_embedding"),
    (r"^visual_encoder\.patch_embed\.proj\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual_encoder\.blocks\.", "vision_model.encoder.layers."),
    (r"^(vision_model\.encoder\.layers\.\d+)\.norm", r"\1.layer_norm"),
    (r"^(vision_model\.encoder\.layers\.\d+)\.attn\.proj\.", r"\1.self_attn.projection."),
    (r"^(vision_model\.encoder\.layers\.\d+)\.attn\.", r"\1.self_attn."),
    (r"^ln_vision\.", "vision_model.post_layernorm."),
    (r"^Qformer\.bert\.embeddings\.LayerNorm\.", "qformer.layernorm."),
    (r"^Qformer\.bert\.embeddings\.", "embeddings."),
    (r"^Qformer\.bert\.encoder\.", "qformer.encoder."),
    (r"^(qformer\.encoder\..*attention)\.self\.", r"\1.attention."),
    (r"^vision_proj\.", "vision_projection."),
    (r"^text_proj\.", "text_projection."),
)


@dataclass(frozen=True)
class LoadedBlip2:
    """A BLIP-2 and where it came from.

    Attributes:
        model: transformers' Blip2ForImageTextRetrieval, float32, on the CPU.
        where: Name of the model in errors.
        name: The hub id, or the name of the folder or file.
        preprocessing: Preprocessing of RGB images.
        weights: The files that decide the rewards, those of a tokenizer aside.
        pretrained: The folder in transformers' layout, or None for a checkpoint of LAVIS.
        facts: Whatever else decides the rewards.
    """

    model: Any
    where: str
    name: str
    preprocessing: Preprocessing
    weights: list[Path]
    pretrained: PretrainedFiles | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def load_blip2(
    source: str,
    *,
    revision: str | None = None,
    vision: str | Path | None = None,
    vision_heads: int | None = None,
    text_heads: int | None = None,
) -> LoadedBlip2:
    """Load BLIP-2's image-text model.

    Args:
        source: A folder in the layout of transformers, a hub id, or a checkpoint of LAVIS (or a folder that holds one
            such file and no config.json).
        revision: Branch, tag or commit on the hub.
        vision: EVA's own checkpoint of the image tower, for a checkpoint of LAVIS without one.
        vision_heads: Attention heads of a checkpoint's image tower; one for every 88 numbers of its width if None.
        text_heads: Attention heads of a checkpoint's Q-Former; one for every 64 numbers of its width if None.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """
    checkpoint = _checkpoint(Path(source).expanduser())
    if checkpoint is None:
        given = {"vision": vision, "vision_heads": vision_heads, "text_heads": text_heads}
        return _from_transformers(source, revision, [name for name, value in given.items() if value is not None])
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is a file.")
    return load_lavis(checkpoint, vision=vision, vision_heads=vision_heads, text_heads=text_heads)


def _checkpoint(path: Path) -> Path | None:
    """Return the checkpoint of LAVIS that a path means, or None if it means a model of transformers."""
    if path.is_dir():
        return None if (path / "config.json").is_file() else only_checkpoint(path)
    return path if path.is_file() or path.suffix in SUFFIXES else None


def _from_transformers(source: str, revision: str | None, surplus: list[str]) -> LoadedBlip2:
    files = find_model(source, revision, {"blip-2": MODEL_CLASS})
    if surplus:
        raise RewardError(f"{', '.join(surplus)}: for checkpoints of LAVIS only; {files.where} has a config.json.")
    files.check_complete(preprocessing=False)
    kinds = files.config.get("architectures") or [MODEL_CLASS]
    if MODEL_CLASS not in kinds:
        raise RewardError(
            f"{files.where} holds a {kinds[0]}, which has no matching head; expected {MODEL_CLASS}, such as "
            "Salesforce/blip2-itm-vit-g."
        )
    model = load_model(files, MODEL_CLASS)
    if not model.config.qformer_config.use_qformer_text_input:
        raise RewardError(f"{files.where}: use_qformer_text_input is false: its Q-Former reads no text.")
    preprocessing = square_from_config(files, model.config.vision_config.image_size)
    return LoadedBlip2(model, files.where, files.name, preprocessing, [*files.weights(), *files.small_files()], files)


def load_lavis(
    checkpoint: Path,
    state: StateDict | None = None,
    *,
    vision: str | Path | None = None,
    vision_heads: int | None = None,
    text_heads: int | None = None,
) -> LoadedBlip2:
    """Load BLIP-2's image-text model from a checkpoint of LAVIS.

    Args:
        checkpoint: The checkpoint.
        state: Its tensors, where they have been read and sorted out already.
        vision: EVA's own checkpoint of the image tower, for a checkpoint without one.
        vision_heads: Attention heads of the image tower; one for every 88 numbers of its width if None.
        text_heads: Attention heads of the Q-Former; one for every 64 numbers of its width if None.

    Raises:
        RewardError: The files are missing, damaged, or of another architecture.
    """
    where = str(checkpoint)
    state = read_state_dict(checkpoint) if state is None else state
    weights = [checkpoint]
    has_tower = any(key.startswith("visual_encoder.") for key in state)
    if vision is None and not has_tower:
        raise RewardError(
            f"{where} has no image tower (visual_encoder.*), which LAVIS keeps in a file of its own: download "
            f"{VISION_URL} and give it with vision=PATH."
        )
    if vision is not None and has_tower:
        raise RewardError(f"{where} has an image tower of its own: leave out vision={str(vision)!r}.")
    if vision is not None:
        weights.append(Path(vision).expanduser())
        state = {**state, **_tower(read_state_dict(weights[-1]))}
    config = lavis_config(state, where, vision_heads, text_heads)
    model = _load(to_transformers(state), config, where)
    model.vision_model.post_layernorm.eps = LAVIS_EPS
    side = config.vision_config.image_size
    preprocessing = replace(LAVIS_PREPROCESSING, resize=(side, side))
    heads = [config.vision_config.num_attention_heads, config.qformer_config.num_attention_heads]
    return LoadedBlip2(model, where, checkpoint.stem, preprocessing, weights, facts={"heads": heads})


def _tower(state: StateDict) -> StateDict:
    """Return the part of EVA's checkpoint that LAVIS runs, under LAVIS' names."""
    kept = {}
    for key, value in state.items():
        layer = re.match(r"blocks\.(\d+)\.", key)
        wanted = int(layer[1]) < VISION_LAYERS if layer else key.startswith(("cls_token", "pos_embed", "patch_embed."))
        if wanted:
            kept[f"visual_encoder.{key}"] = value
    return kept


def lavis_config(
    state: Mapping[str, torch.Tensor], where: str, vision_heads: int | None = None, text_heads: int | None = None
) -> Any:
    """Read the sizes of a model off the shapes of its weights.

    Args:
        state: Weights under LAVIS' names.
        where: Name of the checkpoint in errors.
        vision_heads: Attention heads of the image tower, which no shape shows; None for the published rule.
        text_heads: Attention heads of the Q-Former; None for the published rule.

    Returns:
        transformers' Blip2Config.

    Raises:
        RewardError: The weights that show the sizes are missing, of another shape, or don't fit the heads.
    """
    from transformers import Blip2Config

    dims = {
        "query_tokens": 3,
        "visual_encoder.pos_embed": 3,
        "visual_encoder.patch_embed.proj.weight": 4,
        "visual_encoder.blocks.0.mlp.fc1.weight": 2,
        "Qformer.bert.embeddings.word_embeddings.weight": 2,
        "Qformer.bert.embeddings.position_embeddings.weight": 2,
        "Qformer.bert.encoder.layer.0.intermediate.dense.weight": 2,
        "text_proj.weight": 2,
    }
    absent = [key for key in dims if key not in state]
    odd = [f"{key} of {state[key].ndim} axes" for key in dims if key in state and state[key].ndim != dims[key]]
    check_keys(where, absent, [], odd)
    shapes = {key: tuple(state[key].shape) for key in dims}
    _, queries, text_width = shapes["query_tokens"]
    _, positions, width = shapes["visual_encoder.pos_embed"]
    patch = shapes["visual_encoder.patch_embed.proj.weight"][-1]
    rows = math.isqrt(positions - 1)
    if rows * rows != positions - 1 or not rows:
        raise RewardError(f"{where} has {positions} image positions; expected one more than a square number.")
    crossing = _numbers(state, r"^Qformer\.bert\.encoder\.layer\.(\d+)\.crossattention\.")
    vocabulary, _ = shapes["Qformer.bert.embeddings.word_embeddings.weight"]
    layers = _numbers(state, r"^Qformer\.bert\.encoder\.layer\.(\d+)\.")
    return Blip2Config(
        vision_config={
            "hidden_size": width,
            "intermediate_size": shapes["visual_encoder.blocks.0.mlp.fc1.weight"][0],
            "num_hidden_layers": _numbers(state, r"^visual_encoder\.blocks\.(\d+)\.")[-1] + 1,
            "num_attention_heads": attention_heads(vision_heads, width, VISION_HEAD_WIDTH, "vision_heads", where),
            "image_size": rows * patch,
            "patch_size": patch,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-6,
            "qkv_bias": "visual_encoder.blocks.0.attn.q_bias" in state,
        },
        qformer_config={
            "vocab_size": vocabulary,
            "hidden_size": text_width,
            "num_hidden_layers": layers[-1] + 1,
            "num_attention_heads": attention_heads(text_heads, text_width, TEXT_HEAD_WIDTH, "text_heads", where),
            "intermediate_size": shapes["Qformer.bert.encoder.layer.0.intermediate.dense.weight"][0],
            "max_position_embeddings": shapes["Qformer.bert.embeddings.position_embeddings.weight"][0],
            "cross_attention_frequency": crossing[1] if len(crossing) > 1 else layers[-1] + 1,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
            "use_qformer_text_input": True,
        },
        num_query_tokens=queries,
        image_text_hidden_size=shapes["text_proj.weight"][0],
    )


def to_transformers(state: Mapping[str, torch.Tensor]) -> StateDict:
    """Rename LAVIS' weights to those of transformers; the keys' bias, which LAVIS hasn't, is zero.

    Example:
        >>> list(to_transformers({"text_proj.bias": torch.zeros(1), "temp": torch.ones(())}))
        ['text_projection.bias']
    """
    unused = re.compile("|".join(UNUSED))
    renamed = rename({key: value for key, value in state.items() if not unused.search(key)}, RENAMED)
    for key in [key for key in renamed if key.endswith(".self_attn.q_bias")]:
        layer = key.removesuffix("q_bias")
        if f"{layer}v_bias" in renamed:
            query, value = renamed.pop(key), renamed.pop(f"{layer}v_bias")
            renamed[f"{layer}qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
    return renamed


def _load(state: StateDict, config: Any, where: str) -> Any:
    import transformers

    try:
        with quiet_transformers():
            model, report = getattr(transformers, MODEL_CLASS).from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (RuntimeError, ValueError) as error:
        raise RewardError(f"The weights of {where} can't be used: {' '.join(str(error).split())}") from None
    misshaped = [
        f"{key} {shape_text(got)}, expected {shape_text(wanted)}" for key, got, wanted in report["mismatched_keys"]
    ]
    check_keys(where, report["missing_keys"], report["unexpected_keys"], misshaped)
    return model.eval()


def _numbers(state: Mapping[str, torch.Tensor], pattern: str) -> list[int]:
    """Return the distinct numbers that a pattern finds in the keys, in order."""
    matches = (re.match(pattern, key) for key in state)
    return sorted({int(match[1]) for match in matches if match})
