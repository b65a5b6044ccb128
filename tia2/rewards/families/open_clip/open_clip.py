"""The family `open_clip:`: any model of the open_clip library.

References:
    Cherti et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, arXiv:2212.07143;
    https://github.com/mlfoundations/open_clip; Radford et al., arXiv:2103.00020, for OpenAI's weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.open_clip.loading import HUB_PREFIX, build, find, preprocessing_of
from tia2.rewards.families.open_clip.texts import OpenClipTokens
from tia2.rewards.families.open_clip.towers import open_clip_encoder
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import PretrainedEncoder

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

CARD = RewardCard(
    name="open_clip",
    kind="dual encoder",
    formula="cosine of image and text embedding, without the logit scale",
    unit="cosine",
    range=(-1.0, 1.0),
    preprocessing="the checkpoint's own, on RGB; OpenAI's: shorter side bicubic (PIL), centre crop (half to even)",
    text_limit=77,
    text_policy="truncate",
    licence="that of the checkpoint",
    # The inverse of the logit scale that CLIP learnt, 100: TextNorm is then CLIP's own softmax over texts.
    default_temperature=0.01,
    paper="arXiv:2212.07143",
    training_data="that of the checkpoint",
    notes="Texts are cleaned by open_clip: encodings repaired, HTML entities undone, lower case. `clip:` leaves them.",
)
"""The facts about every model of open_clip before it is loaded."""


def model_card(source: str) -> RewardCard:
    """Return the facts about a model before it is loaded.

    Args:
        source: The part that follows the colon of the spec.
    """
    hub_id = source.removeprefix(HUB_PREFIX)
    return CARD.model_copy(update={"name": source, "hub_id": hub_id if hub_id != source else None})


class OpenClipReward(PretrainedEncoder, DualEncoder):
    """The cosine of the embeddings of a model of open_clip.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1], without the learnt logit scale or bias. A text
    past the limit keeps its end token.

    Args:
        source: "ARCHITECTURE/TAG", "ARCHITECTURE/path/to/checkpoint", a folder with an open_clip_config.json, a file of
            OpenAI's own, or "hf-hub:organisation/model", the only one with a revision.
        vocabulary: A file of byte-pair merges in place of CLIP's, for a model with CLIP's tokenizer.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        MissingDependencyError: open_clip_torch isn't installed.
        UnknownNameError: No such architecture or tag.
        RewardError: The files are missing or damaged, don't fit the architecture, or were trained with another
            activation than it has.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self, source: str | Path, *, vocabulary: str | Path | None = None, **options: Unpack[EncoderKeywords]
    ) -> None:
        shared = EncoderOptions(**options)
        model = find(str(source), shared.revision)
        tokens = OpenClipTokens(model.model, vocabulary)
        module = build(model)
        loaded = open_clip_encoder(
            module,
            shared,
            name=model.name,
            architecture=model.config,
            preprocessing=preprocessing_of(model, module),
            tokens=tokens,
            files=[model.checkpoint, *model.files],
            hub_id=model.hub_id,
            revision=model.revision,
        )
        super().__init__(loaded, shared)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        return self._embed_texts(texts)
