"""`imagereward`: BLIP with a head, trained on rankings of images by experts.

References:
    Xu et al., ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation, arXiv:2304.05977;
    https://github.com/THUDM/ImageReward (commit c1392c6, ImageReward/ImageReward.py and models/BLIP).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.families.blip.bert_text import BERT
from tia2.rewards.families.blip.mlp_head import (
    CONFIG,
    IMAGEREWARD_HEAD,
    BlipMlpReward,
    local_checkpoint,
    preprocessing,
)
from tia2.rewards.loading.hub import commit_of, fetch_file, is_hub_id
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

HUB_ID = "THUDM/ImageReward"
CHECKPOINT = "ImageReward.pt"
MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Mean and standard deviation of the head's output on the authors' data, by which rewards are standardised."""

TEXT_LIMIT = 35
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


class ImageReward(BlipMlpReward):
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
        super().__init__(
            checkpoint,
            config,
            head=IMAGEREWARD_HEAD,
            limit=TEXT_LIMIT,
            tokenizer=tokenizer,
            vision_heads=vision_heads,
            name=CARD.name if hub_id == HUB_ID else hub_id or checkpoint.parent.resolve().name,
            facts={"hub_id": hub_id, "revision": commit_of(checkpoint) if hub_id else None},
            options=shared,
        )

    def _standardise(self, values: torch.Tensor) -> torch.Tensor:
        return (values - MEAN) / STD


def _find(source: str, revision: str | None) -> tuple[Path, Path, str | None]:
    """Return checkpoint, configuration, and the hub id if they come from there."""
    if (local := local_checkpoint(source, revision, CHECKPOINT)) is not None:
        return *local, None
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    return fetch_file(source, CHECKPOINT, revision), fetch_file(source, CONFIG, revision), source
