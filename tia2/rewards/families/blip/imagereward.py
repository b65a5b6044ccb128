"""`imagereward`: BLIP with a head, trained on rankings of images by experts.

References:
    Xu et al., ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation, arXiv:2304.05977;
    https://github.com/THUDM/ImageReward (commit c1392c6, ImageReward/ImageReward.py and models/BLIP).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.families.blip.bert_text import BEGIN, BERT, ENCODE, BertTokens
from tia2.rewards.families.blip.upstream import VISION, bert_sizes, load_upstream, med_config, part, vision_sizes
from tia2.rewards.loading.checkpoints import only_checkpoint, read_state_dict
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.hub import commit_of, fetch_file, is_hub_id
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder, count_weights

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tia2.rewards.loading.checkpoints import StateDict

HUB_ID = "THUDM/ImageReward"
CHECKPOINT, CONFIG = "ImageReward.pt", "med_config.json"
MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Mean and standard deviation of the head's output on the authors' data, by which rewards are standardised."""

TEXT_LIMIT = 35
LAYERS = (0, 2, 4, 6, 7)
"""The head's linear layers by their numbers in the checkpoint; between them lies dropout, which does nothing here."""

UNUSED = (r"^blip\.(vision|text)_proj\.",)
"""Weights of BLIP's contrastive head, which the checkpoint carries and the reward does without."""


def preprocessing(side: int) -> Preprocessing:
    """Return upstream's preprocessing of an RGB image for a model of this size."""
    return Preprocessing(side, (side, side), 3, 1 / 255, CLIP_MEAN, CLIP_STD, rounding="even")


CARD = RewardCard(
    name="imagereward",
    kind="cross-encoder",
    hub_id=HUB_ID,
    formula=f"(five linear layers on the text's [CLS], which attends to the image - {MEAN}) / {STD}",
    unit="standard deviations of the authors' data",
    range=(None, None),
    preprocessing=str(preprocessing(224)),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="Apache-2.0",
    # The reward is a score of a Bradley-Terry model up to its standardisation: a difference of 1 is a natural unit.
    default_temperature=1.0,
    paper="arXiv:2304.05977",
    training_data="137k comparisons by experts of images for DiffusionDB prompts; BLIP's 129 million pairs before that",
    notes="The authors resize before they convert to RGB: palette and transparent files, and only those, get other "
    "rewards from their code.",
)
"""The facts about ImageReward before it is loaded."""


class ImageReward(PretrainedEncoder, CrossEncoder):
    """ImageReward: how much experts would like an image for a text.

    reward = (MLP(h) - 0.1672) / 1.0333, h the [CLS] state of a BERT that attends to the patches of a ViT-L/16 in every
    layer; the MLP has no nonlinearity. Without a bound; the authors saw 98 % of Stable Diffusion 1.4's in [-2, 2].

    Args:
        source: A folder with ImageReward.pt and med_config.json, or a hub id.
        tokenizer: A folder or hub id with BERT's vocabulary.
        vision_heads: Attention heads of the vision tower; width / 64 if None.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, or hold other weights than ImageReward's.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = HUB_ID,
        *,
        tokenizer: str | Path = BERT,
        vision_heads: int | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        checkpoint, config, hub_id = _find(str(source), shared.revision)
        state = read_state_dict(checkpoint)
        modules: Any = build(state, str(checkpoint), med_config(config.parent) or {}, vision_heads)
        vocabulary = modules["text"].config.vocab_size
        self._tokens = BertTokens(tokenizer, added=(BEGIN, ENCODE), limit=TEXT_LIMIT, vocabulary=vocabulary)
        vision = PlacedModel.of(modules["vision"], shared)
        self._vision = vision.module
        self._text = PlacedModel.of(modules["text"], shared).module
        self._head = modules["head"].to(device=vision.device)  # in float32, whatever the towers' number format
        steps = preprocessing(self._vision.config.image_size)
        loaded = LoadedEncoder(
            name=CARD.name if hub_id == HUB_ID else hub_id or checkpoint.parent.resolve().name,
            preprocessing=steps,
            image_tower=vision.image_tower(steps, lambda pixels: self._vision(pixels).last_hidden_state),
            dtype=vision.dtype,
            device=vision.device,
            parameters=count_weights(modules),
            files=[checkpoint, config],
            tokens=self._tokens,
            facts={"hub_id": hub_id, "revision": commit_of(checkpoint) if hub_id else None},
            settings={
                "tokenizer": fingerprint(self._tokens.files),
                "vision_heads": self._vision.config.num_attention_heads,
            },
        )
        super().__init__(loaded, shared)

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower, which attends to the image, and the head: (n,)."""
        ids, mask = self._tokens.batch(texts, self._text.device)
        with self._inference():
            # With one image its keys and values are computed once and broadcast over the texts.
            states = self._text(
                input_ids=ids, attention_mask=mask, encoder_hidden_states=torch.stack(list(image_features))
            )
            values: torch.Tensor = self._head(states.last_hidden_state[:, 0].float())[:, 0]
        return (values - MEAN) / STD


def build(state: StateDict, where: str, text_config: Mapping[str, Any], vision_heads: int | None) -> nn.ModuleDict:
    """Make vision tower, text tower and head from a checkpoint in upstream's layout, in float32 on the CPU.

    Args:
        state: The tensors.
        where: Name of the checkpoint in errors.
        text_config: Content of med_config.json.
        vision_heads: Attention heads of the vision tower; width / 64 if None.

    Raises:
        RewardError: Weights are missing, left over, or of other shapes.
    """
    from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

    sizes = vision_sizes(part(state, "blip.visual_encoder."), where, vision_heads)
    text_sizes = bert_sizes(part(state, "blip.text_encoder."), where, None, text_config)
    linear = [state.get(f"mlp.layers.{number}.weight") for number in LAYERS]
    outputs = [weight.shape[0] for weight in linear if weight is not None and weight.ndim == 2]
    if len(outputs) < len(LAYERS):
        raise RewardError(f"{where} is no ImageReward: expected mlp.layers.{{{', '.join(map(str, LAYERS))}}}.weight.")
    widths = [text_sizes["hidden_size"], *outputs[:-1], 1]

    def make() -> nn.ModuleDict:
        # is_decoder gives the layers their cross-attention; it does not make the attention causal.
        config = BlipTextConfig(**text_sizes, encoder_hidden_size=sizes["hidden_size"], is_decoder=True)
        return nn.ModuleDict(
            {
                "vision": BlipVisionModel(BlipVisionConfig(**sizes)),
                "text": BlipTextModel(config, add_pooling_layer=False),
                "head": nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(widths))),
            }
        )

    rules = (
        (r"^vision\.", "blip.visual_encoder."),
        *VISION,
        (r"^text\.", "blip.text_encoder."),
        *((rf"^head\.{position}\.", f"mlp.layers.{number}.") for position, number in enumerate(LAYERS)),
    )
    return load_upstream(make, state, where, rules, UNUSED)


def _find(source: str, revision: str | None) -> tuple[Path, Path, str | None]:
    """Return checkpoint, configuration, and the hub id if they come from there."""
    local = Path(source).expanduser()
    if local.exists() or local.suffix in (".pt", ".pth"):
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
        folder = local if local.is_dir() else local.parent
        named = folder / CHECKPOINT if local.is_dir() else local
        checkpoint = only_checkpoint(local) if local.is_dir() and not named.is_file() else named
        there = {CHECKPOINT: checkpoint is not None and checkpoint.is_file(), CONFIG: (folder / CONFIG).is_file()}
        if checkpoint is None or not all(there.values()):
            missing = ", ".join(named.name if name == CHECKPOINT else name for name in there if not there[name])
            raise RewardError(f"{folder} is incomplete: {missing} missing.")
        return checkpoint, folder / CONFIG, None
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    return fetch_file(source, CHECKPOINT, revision), fetch_file(source, CONFIG, revision), source
