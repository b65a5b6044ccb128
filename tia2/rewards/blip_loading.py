"""BLIP in transformers' layout, from a folder or the hub, or from an upstream checkpoint: one and the same module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.bert_text import BERT
from tia2.rewards.blip_layout import (
    bert_sizes,
    med_config,
    only_checkpoint,
    part,
    vision_sizes,
    vision_state,
)
from tia2.rewards.checkpoints import load_strict, read_state_dict
from tia2.rewards.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.pretrained_files import find_model
from tia2.rewards.pretrained_loading import load_model, quiet_transformers

if TYPE_CHECKING:
    import torch

CLASSES = {"blip": "BlipForImageTextRetrieval"}
"""What transformers calls the model, by `model_type`."""


@dataclass(frozen=True)
class Loaded:
    """A BLIP family model, ready for use.

    Attributes:
        model: The module, in float32 on the CPU.
        preprocessing: What happens to RGB images.
        tokenizer: Folder or hub id of the vocabulary.
        files: What changes a reward, besides the tokenizer.
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
        RewardError: A revision of something on this machine, or a folder with several checkpoints.
    """
    local = Path(source).expanduser()
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
) -> Loaded:
    """Load a BLIP with its matching and contrastive heads.

    Args:
        source: A folder in transformers' layout, a hub id, an upstream .pth file, or a folder with one.
        revision: Branch, tag or commit on the hub.
        tokenizer: A folder or hub id with BERT's vocabulary; the model's own, or else BERT's, if None.
        vision_heads: For an upstream checkpoint: attention heads of the vision tower; width / 64 if None.
        text_heads: For an upstream checkpoint: those of the text tower; as in a med_config.json beside it, or
            width / 64, if None.

    Raises:
        RewardError: The files are missing, damaged, or hold another model.
    """
    checkpoint = upstream_checkpoint(source, revision)
    if checkpoint is not None:
        return _from_upstream(checkpoint, tokenizer or BERT, vision_heads, text_heads)
    files = find_model(source, revision, CLASSES)
    files.check_complete(*(() if tokenizer else ("vocab.txt",)))
    return Loaded(
        model=load_model(files, CLASSES["blip"]),
        preprocessing=Preprocessing.from_config({"do_center_crop": False, **files.preprocessing}),
        tokenizer=tokenizer or str(files.folder),
        files=[*files.weights(), *files.small_files()],
        name=files.name,
        hub_id=files.hub_id,
        revision=files.revision,
    )


def _from_upstream(checkpoint: Path, tokenizer: str, vision_heads: int | None, text_heads: int | None) -> Loaded:
    where = str(checkpoint)
    state = read_state_dict(checkpoint)
    given = med_config(checkpoint.parent)
    heads = text_heads or given.get("num_attention_heads")
    model = _build(state, where, vision_heads, heads)
    config = checkpoint.parent / "med_config.json"
    return Loaded(
        model=model,
        preprocessing=square(model.config.vision_config.image_size),
        tokenizer=tokenizer,
        files=[checkpoint, *([config] if given else [])],
        name=checkpoint.stem,
    )


def _build(state: dict[str, torch.Tensor], where: str, vision_heads: int | None, text_heads: int | None) -> Any:
    from transformers import BlipConfig, BlipForImageTextRetrieval

    vision, text = part(state, "visual_encoder."), part(state, "text_encoder.")
    sizes = vision_sizes(vision, where, vision_heads)
    of_text = bert_sizes(text, where, text_heads)
    if "vision_proj.weight" not in state:
        raise RewardError(f"{where} is no BLIP for retrieval: expected vision_proj, text_proj and itm_head.")
    # is_decoder gives the layers their cross-attention; it does not make the attention causal.
    of_text |= {"encoder_hidden_size": sizes["hidden_size"], "is_decoder": True}
    with quiet_transformers():
        config = BlipConfig(
            text_config=of_text,
            vision_config=sizes,
            image_text_hidden_size=state["vision_proj.weight"].shape[0],
        )
        model: Any = BlipForImageTextRetrieval(config)
    others = {key: value for key, value in state.items() if not key.startswith(("visual_encoder.", "text_encoder."))}
    renamed = {
        **{f"vision_model.{key}": value for key, value in vision_state(vision).items()},
        **{f"text_encoder.{key}": value for key, value in text.items()},
        **others,
    }
    # What training kept beside the model: the temperature and the momentum queues.
    load_strict(model, renamed, where, ignore=(r"(^|\.)position_ids$", r"_queue$", r"_m\.", r"^temp$", r"^ptr_queue$"))
    return model.eval()
