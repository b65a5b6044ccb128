"""`cyclereward`: BLIP with a head, trained on how well an image and a text can be made from each other.

References:
    Bahng et al., Cycle Consistency as Reward: Learning Image-Text Alignment without Human Preferences,
    arXiv:2506.02095; https://github.com/hjbahng/cyclereward (commit 36e1077, cyclereward/model.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import DownloadError, RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.families.blip.bert_text import BERT
from tia2.rewards.families.blip.mlp_head import (
    CONFIG,
    CYCLEREWARD_HEAD,
    BlipMlpReward,
    local_checkpoint,
    preprocessing,
)
from tia2.rewards.loading.web import fetch_large
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

RELEASE = "https://github.com/hjbahng/cyclereward/releases/download/v1.0.0"
"""Address of the authors' files."""

VARIANTS = {"combo": "Combo", "t2i": "T2I", "i2t": "I2T"}
"""The released variants and their names in files: trained on both, on comparisons of images for a text, and on those of
texts for an image."""

TEXT_LIMIT = 128

CARD = RewardCard(
    name="cyclereward",
    kind="cross-encoder",
    formula="five linear layers with GELU between them on the text's [CLS], which attends to the image",
    unit="log odds of being preferred",
    range=(None, None),
    preprocessing=str(preprocessing(224)),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="MIT (the authors' repository)",
    # Trained with the Bradley-Terry loss and not standardised: a difference of 1 is a natural unit.
    default_temperature=1.0,
    paper="arXiv:2506.02095",
    training_data="CyclePrefDB: 866k comparisons by cycle consistency of images and texts that models made, no "
    "people's votes; BLIP's 129 million pairs before that",
    notes="The authors resize before they convert to RGB: palette and transparent files, and only those, get other "
    "rewards from their code. combo is the variant that they recommend.",
)
"""The facts about CycleReward before it is loaded."""


def variant_card(variant: str) -> RewardCard:
    """Return the card of a variant, or of a folder or checkpoint."""
    name = variant.lower()
    return CARD.model_copy(update={"name": f"cyclereward-{name}" if name in VARIANTS else variant or CARD.name})


class CycleReward(BlipMlpReward):
    """CycleReward: how well image and text can be made from each other, as far as a reward model has learnt it.

    reward = MLP(h), h the [CLS] state of a BERT that attends to the patches of a ViT-L/16 in every layer; the MLP has
    an exact GELU after each of its layers but the last. Without a bound, and not standardised. A text of more than 128
    tokens is past the limit.

    Args:
        source: "combo", "t2i" or "i2t" for the authors' weights; or a folder with one checkpoint and a med_config.json,
            or the path of a checkpoint beside a med_config.json.
        tokenizer: A folder or hub id with BERT's vocabulary.
        vision_heads: Attention heads of the vision tower; width / 64 if None.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, or hold other weights than CycleReward's.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = "combo",
        *,
        tokenizer: str | Path = BERT,
        vision_heads: int | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        checkpoint, config, variant = _find(str(source), shared.revision)
        super().__init__(
            checkpoint,
            config,
            head=CYCLEREWARD_HEAD,
            limit=TEXT_LIMIT,
            tokenizer=tokenizer,
            vision_heads=vision_heads,
            name=f"cyclereward-{variant}" if variant else checkpoint.stem,
            facts={"weights": f"{RELEASE}/{checkpoint.name}"} if variant else {},
            options=shared,
        )


def _find(source: str, revision: str | None) -> tuple[Path, Path, str | None]:
    """Return checkpoint, configuration, and the variant if they are the authors' files."""
    variant = source.lower()
    if variant not in VARIANTS:
        if (local := local_checkpoint(source, revision, f"CycleReward-{VARIANTS['combo']}.pth")) is not None:
            return *local, None
        raise RewardError(
            f"There is no folder or checkpoint {source!r}; the authors' variants are {', '.join(VARIANTS)}, such as "
            "cyclereward:combo."
        )
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models from the hub; cyclereward:{variant} is release v1.0.0.")
    try:
        files = [fetch_large(f"{RELEASE}/{name}") for name in (f"CycleReward-{VARIANTS[variant]}.pth", CONFIG)]
    except DownloadError as error:
        raise RewardError(
            f"{error} Or give a folder with the checkpoint and its {CONFIG}: cyclereward:FOLDER."
        ) from None
    return files[0], files[1], variant
