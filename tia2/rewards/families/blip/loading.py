"""BLIP in transformers' layout, from a folder or the hub, or from an upstream checkpoint: one and the same module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.families.blip.bert_text import BERT
from tia2.rewards.families.blip.upstream import (
    VISION,
    bert_sizes,
    load_upstream,
    med_config,
    part,
    square_from_config,
    vision_sizes,
)
from tia2.rewards.loading.checkpoints import only_checkpoint, read_state_dict
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.loading.transformers_files import find_model
from tia2.rewards.loading.transformers_models import load_model

if TYPE_CHECKING:
    from tia2.rewards.loading.checkpoints import StateDict

CLASS = "BlipForImageTextRetrieval"
"""Class of the model in transformers."""

UNUSED = (
    r"^(visual_encoder|vision_proj|text_encoder|text_proj)_m\.",
    r"_queue$",
    r"^queue_ptr$",
    r"^temp$",
    r"^text_decoder\.",
)
"""Weights beside the model's: a momentum copy, queues, the temperature of training, and in pre-training a decoder."""


@dataclass(frozen=True)
class LoadedBlip:
    """A BLIP family model, ready for use.

    Attributes:
        model: The module, in float32 on the CPU.
        preprocessing: Preprocessing of RGB images.
        tokenizer: Folder or hub id of the vocabulary.
        files: Files that decide the rewards, those of a tokenizer aside.
        name: The hub id, or the folder's or file's name.
        hub_id: Where it came from, or None.
        revision: The commit on the hub, or None.
    """

    model: Any
    preprocessing: Preprocessing
    tokenizer: str
    files: list[Path]
    name: str
    hub_id: str | None = None
    revision: str | None = None


def square(side: int) -> Preprocessing:
    """Return what upstream does to an RGB image: a square, whatever the aspect ratio."""
    return Preprocessing((side, side), None, 3, 1 / 255, CLIP_MEAN, CLIP_STD)


def upstream_checkpoint(source: str, revision: str | None) -> Path | None:
    """Return the upstream checkpoint that a source names, None if it is a folder in transformers' layout or a hub id.

    Raises:
        RewardError: A revision of something on this machine, a missing file, or a folder with several checkpoints.
    """
    local = Path(source).expanduser()
    if not local.exists() and local.suffix in (".pth", ".pt"):
        raise RewardError(f"There is no checkpoint {source!r}.")
    if not local.exists() or (local / "config.json").is_file():
        return None
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
    return local if local.is_file() else only_checkpoint(local)


def load_blip(
    source: str,
    *,
    revision: str | None,
    tokenizer: str | None,
    vision_heads: int | None,
    text_heads: int | None,
) -> LoadedBlip:
    """Load a BLIP with its matching and contrastive heads.

    Args:
        source: A folder in transformers' layout, a hub id, an upstream .pth file, or a folder with one.
        revision: Branch, tag or commit on the hub.
        tokenizer: A folder or hub id with BERT's vocabulary; the model's own, or else BERT's, if None.
        vision_heads: Attention heads of an upstream checkpoint's vision tower; width / 64 if None.
        text_heads: Attention heads of an upstream checkpoint's text tower; as in a med_config.json beside it, or
            width / 64, if None.

    Raises:
        RewardError: The files are missing, damaged, or hold another model.
    """
    checkpoint = upstream_checkpoint(source, revision)
    if checkpoint is not None:
        return _from_upstream(checkpoint, tokenizer or BERT, vision_heads, text_heads)
    surplus = [
        name for name, value in (("vision_heads", vision_heads), ("text_heads", text_heads)) if value is not None
    ]
    return _from_transformers(source, revision, tokenizer, surplus)


def _from_transformers(source: str, revision: str | None, tokenizer: str | None, surplus: list[str]) -> LoadedBlip:
    files = find_model(source, revision, {"blip": CLASS})
    if surplus:
        raise RewardError(f"{', '.join(surplus)}: for upstream checkpoints only; {files.where} has a config.json.")
    kinds = files.config.get("architectures") or [CLASS]
    if CLASS not in kinds:
        raise RewardError(
            f"{files.where} holds a {kinds[0]}, which has no matching head; expected {CLASS}, such as "
            "Salesforce/blip-itm-base-coco."
        )
    files.check_complete(*(() if tokenizer else ("vocab.txt",)))
    model = load_model(files, CLASS)
    preprocessing = square_from_config(files, model.config.vision_config.image_size)
    return LoadedBlip(
        model=model,
        preprocessing=preprocessing,
        tokenizer=tokenizer or str(files.folder),
        files=[*files.weights(), *files.small_files()],
        name=files.name,
        hub_id=files.hub_id,
        revision=files.revision,
    )


def _from_upstream(checkpoint: Path, tokenizer: str, vision_heads: int | None, text_heads: int | None) -> LoadedBlip:
    state = read_state_dict(checkpoint)
    config = med_config(checkpoint.parent)
    model = _build(state, str(checkpoint), vision_heads, text_heads, config)
    return LoadedBlip(
        model=model,
        preprocessing=square(model.config.vision_config.image_size),
        tokenizer=tokenizer,
        files=[checkpoint] if config is None else [checkpoint, checkpoint.parent / "med_config.json"],
        name=checkpoint.stem,
    )


def _build(
    state: StateDict, where: str, vision_heads: int | None, text_heads: int | None, med: dict[str, Any] | None
) -> Any:
    from transformers import BlipConfig, BlipForImageTextRetrieval

    sizes = vision_sizes(part(state, "visual_encoder."), where, vision_heads)
    text_sizes = bert_sizes(part(state, "text_encoder."), where, text_heads, med)
    if "vision_proj.weight" not in state:
        raise RewardError(f"{where} is no BLIP for retrieval: expected vision_proj, text_proj and itm_head.")
    # is_decoder gives the layers their cross-attention; it does not make the attention causal.
    text_sizes |= {"encoder_hidden_size": sizes["hidden_size"], "is_decoder": True}
    width = state["vision_proj.weight"].shape[0]

    def make() -> Any:
        config = BlipConfig(text_config=text_sizes, vision_config=sizes, image_text_hidden_size=width)
        return BlipForImageTextRetrieval(config)

    return load_upstream(make, state, where, ((r"^vision_model\.", "visual_encoder."), *VISION), UNUSED)
