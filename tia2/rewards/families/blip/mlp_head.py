"""A BLIP whose text tower ends in a small network with one output: what ImageReward and CycleReward have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tia2.errors import RewardError
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.families.blip.bert_text import BEGIN, ENCODE, BertTokens
from tia2.rewards.families.blip.upstream import VISION, bert_sizes, load_upstream, med_config, part, vision_sizes
from tia2.rewards.loading.checkpoints import only_checkpoint, read_state_dict
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder, count_weights

if TYPE_CHECKING:
    from tia2.rewards.loading.checkpoints import StateDict
    from tia2.rewards.options import EncoderOptions

CONFIG = "med_config.json"

UNUSED = (r"^blip\.(vision|text)_proj\.",)
"""Weights of BLIP's contrastive head, which the checkpoints carry and the rewards do without."""


def preprocessing(side: int) -> Preprocessing:
    """Return upstream's preprocessing of an RGB image for a model of this size."""
    return Preprocessing(side, (side, side), 3, 1 / 255, CLIP_MEAN, CLIP_STD, rounding="even")


@dataclass(frozen=True)
class MlpHead:
    """The layout of a head in a checkpoint.

    Attributes:
        model: Name of the model in errors.
        layers: The linear layers by their numbers in the checkpoint.
        gelu: Whether an exact GELU follows each layer but the last; nothing does otherwise.
        other: The layout of another model by which a checkpoint may be recognised, or None.
    """

    model: str
    layers: tuple[int, ...]
    gelu: bool
    other: MlpHead | None = None

    def widths(self, state: Mapping[str, torch.Tensor], width: int, where: str) -> list[int]:
        """Return the widths from the text tower's to the one output.

        Args:
            state: The tensors of the checkpoint.
            width: Width of the text tower.
            where: Name of the checkpoint in errors.

        Raises:
            RewardError: The checkpoint has no such head.
        """
        linear = [state.get(f"mlp.layers.{number}.weight") for number in self.layers]
        outputs = [weight.shape[0] for weight in linear if weight is not None and weight.ndim == 2]
        if len(outputs) < len(self.layers):
            expected = f"expected mlp.layers.{{{', '.join(map(str, self.layers))}}}.weight."
            raise RewardError(f"{where} is no {self.model}: {expected}{self._hint(state)}")
        return [width, *outputs[:-1], 1]

    def module(self, widths: Sequence[int]) -> nn.Sequential:
        """Return the network, its linear layers at even positions if there are activations between them."""
        linear = [nn.Linear(*pair) for pair in pairwise(widths)]
        if not self.gelu:
            return nn.Sequential(*linear)
        layers = [layer for pair in ((layer, nn.GELU()) for layer in linear) for layer in pair]
        return nn.Sequential(*layers[:-1])

    def rules(self) -> list[tuple[str, str]]:
        """Return the regular expressions that turn the network's names into the checkpoint's."""
        step = 2 if self.gelu else 1
        return [
            (rf"^head\.{step * position}\.", f"mlp.layers.{number}.") for position, number in enumerate(self.layers)
        ]

    def _hint(self, state: Mapping[str, torch.Tensor]) -> str:
        other = self.other
        if other is None or any(f"mlp.layers.{number}.weight" not in state for number in other.layers):
            return ""
        return f" It has the layers of {other.model}: use {other.model.lower()}:PATH."


IMAGEREWARD_HEAD = MlpHead("ImageReward", (0, 2, 4, 6, 7), gelu=False)
"""ImageReward's layers; between them lies dropout, which does nothing here."""

CYCLEREWARD_HEAD = MlpHead("CycleReward", (0, 2, 4, 6, 8), gelu=True, other=IMAGEREWARD_HEAD)
"""CycleReward's layers; between them lies a GELU, so that they can't be folded into one."""


class BlipMlpReward(PretrainedEncoder, CrossEncoder):
    """A reward that a small network reads off the [CLS] of a text tower, which attends to the image in every layer.

    Args:
        checkpoint: The checkpoint, in upstream's layout.
        config: The med_config.json that belongs to it.
        head: Layout of the head.
        limit: The most tokens of a text.
        tokenizer: A folder or hub id with BERT's vocabulary.
        vision_heads: Attention heads of the vision tower; width / 64 if None.
        name: Name of the model, unless the options give another one.
        facts: Fields of the card that are known of this model only.
        options: The options that every such model takes.

    Raises:
        RewardError: The files are damaged, or hold other weights.
    """

    def __init__(
        self,
        checkpoint: Path,
        config: Path,
        *,
        head: MlpHead,
        limit: int,
        tokenizer: str | Path,
        vision_heads: int | None,
        name: str,
        facts: Mapping[str, Any],
        options: EncoderOptions,
    ) -> None:
        state = read_state_dict(checkpoint)
        modules: Any = build(state, str(checkpoint), head, med_config(config.parent) or {}, vision_heads)
        text_sizes = modules["text"].config
        if text_sizes.max_position_embeddings < limit:
            raise RewardError(
                f"{checkpoint} has {text_sizes.max_position_embeddings} text positions; {head.model} reads {limit} "
                "tokens."
            )
        self._tokens = BertTokens(tokenizer, added=(BEGIN, ENCODE), limit=limit, vocabulary=text_sizes.vocab_size)
        vision = PlacedModel.of(modules["vision"], options)
        self._vision = vision.module
        self._text = PlacedModel.of(modules["text"], options).module
        self._head = modules["head"].to(device=vision.device)  # in float32, whatever the towers' number format
        steps = preprocessing(self._vision.config.image_size)
        loaded = LoadedEncoder(
            name=name,
            preprocessing=steps,
            image_tower=vision.image_tower(steps, lambda pixels: self._vision(pixels).last_hidden_state),
            dtype=vision.dtype,
            device=vision.device,
            parameters=count_weights(modules),
            files=[checkpoint, config],
            tokens=self._tokens,
            facts=facts,
            settings={
                "tokenizer": fingerprint(self._tokens.files),
                "vision_heads": self._vision.config.num_attention_heads,
            },
        )
        super().__init__(loaded, options)

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower, which attends to the image, and the head: (n,)."""
        ids, mask = self._tokens.batch(texts, self._text.device)
        with self._inference():
            # With one image its keys and values are computed once and broadcast over the texts.
            states = self._text(
                input_ids=ids, attention_mask=mask, encoder_hidden_states=torch.stack(list(image_features))
            )
            values: torch.Tensor = self._head(states.last_hidden_state[:, 0].float())[:, 0]
            return self._standardise(values)

    def _standardise(self, values: torch.Tensor) -> torch.Tensor:
        """Return rewards from the head's output, (n,)."""
        return values


def build(
    state: StateDict, where: str, head: MlpHead, text_config: Mapping[str, Any], vision_heads: int | None
) -> nn.ModuleDict:
    """Make vision tower, text tower and head from a checkpoint in upstream's layout, in float32 on the CPU.

    Args:
        state: The tensors.
        where: Name of the checkpoint in errors.
        head: Layout of the head.
        text_config: Content of med_config.json.
        vision_heads: Attention heads of the vision tower; width / 64 if None.

    Raises:
        RewardError: Weights are missing, left over, or of other shapes.
    """
    from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

    sizes = vision_sizes(part(state, "blip.visual_encoder."), where, vision_heads)
    text_sizes = bert_sizes(part(state, "blip.text_encoder."), where, None, text_config)
    widths = head.widths(state, text_sizes["hidden_size"], where)

    def make() -> nn.ModuleDict:
        # is_decoder gives the layers their cross-attention; it does not make the attention causal.
        config = BlipTextConfig(**text_sizes, encoder_hidden_size=sizes["hidden_size"], is_decoder=True)
        return nn.ModuleDict(
            {
                "vision": BlipVisionModel(BlipVisionConfig(**sizes)),
                "text": BlipTextModel(config, add_pooling_layer=False),
                "head": head.module(widths),
            }
        )

    rules = ((r"^vision\.", "blip.visual_encoder."), *VISION, (r"^text\.", "blip.text_encoder."), *head.rules())
    return load_upstream(make, state, where, rules, UNUSED)


def local_checkpoint(source: str, revision: str | None, name: str) -> tuple[Path, Path] | None:
    """Return checkpoint and med_config.json that a source on this machine means; None if it is not on this machine.

    Args:
        source: A folder with both, or the checkpoint.
        revision: Branch, tag or commit, for the hub only.
        name: Name of the checkpoint in a folder; another one will do if it is the only one.

    Raises:
        RewardError: A file is missing, or there is a revision.
    """
    local = Path(source).expanduser()
    if not local.exists() and local.suffix not in (".pt", ".pth"):
        return None
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
    folder = local if local.is_dir() else local.parent
    named = folder / name if local.is_dir() else local
    checkpoint = only_checkpoint(local) if local.is_dir() and not named.is_file() else named
    there = {named.name: checkpoint is not None and checkpoint.is_file(), CONFIG: (folder / CONFIG).is_file()}
    if checkpoint is None or not all(there.values()):
        missing = ", ".join(file for file in there if not there[file])
        raise RewardError(f"{folder} is incomplete: {missing} missing.")
    return checkpoint, folder / CONFIG
