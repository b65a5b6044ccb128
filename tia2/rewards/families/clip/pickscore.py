"""`pickscore`: a CLIP ViT-H/14 trained on which of two images people chose for a prompt.

References:
    Kirstain et al., Pick-a-Pic: An Open Dataset of User Preferences for Text-to-Image Generation, arXiv:2305.01569;
    the formula is that of the README of https://github.com/yuvalkirstain/PickScore (commit f79607f).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.clip.towers import CLASSES, TOKENIZER, load_clip
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rewards.loading.transformers_files import PretrainedFiles, find_model, find_processor
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import PretrainedEncoder

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from tia2.rewards.base import Rewards

DEFAULT_HUB_ID = "yuvalkirstain/PickScore_v1"
PROCESSOR = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
"""Where the authors take tokenizer and preprocessing from; the model's own repository has none."""

CARD = RewardCard(
    name="pickscore",
    kind="dual encoder",
    hub_id=DEFAULT_HUB_ID,
    formula="exp(learnt logit scale) * cosine of image and text embedding",
    unit="logit",
    range=(None, None),
    preprocessing=str(Preprocessing.from_config({})),
    text_limit=77,
    text_policy="truncate",
    licence="MIT (the authors' code repository; the page of the weights names none)",
    # The authors' own probability is the softmax of these logits, over images; over texts it has the scale of CLIP's.
    default_temperature=1.0,
    paper="arXiv:2305.01569",
    training_data="Pick-a-Pic v1: choices of users between two images for one prompt; begun from LAION's CLIP-H",
    notes=f"Tokenizer and preprocessing: {PROCESSOR}, or the model's own folder. The range is plus and minus the "
    "exponential of the learnt scale, about 100; loading the model shows it.",
)
"""The facts about PickScore before it is loaded."""


class PickScoreReward(PretrainedEncoder, DualEncoder):
    """PickScore's logit: exp(logit_scale) * <f(image), g(text)> / (|f(image)| |g(text)|).

    The authors compare images for one prompt by the softmax of this logit. Preprocessing is that of transformers' PIL
    image processor on images converted to RGB first, with its centre crop that rounds margins down. A text past the
    limit keeps its end token.

    Args:
        source: The id of a model on the Hugging Face Hub, or a folder in the layout of transformers.
        tokenizer: Folder or hub id of tokenizer and preprocessing. If None: the folder's own where there are some,
            otherwise those that the authors use.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = DEFAULT_HUB_ID,
        *,
        tokenizer: str | Path | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        files = find_model(str(source), shared.revision, CLASSES)
        files.check_complete(preprocessing=False)
        processor = _processor(files, tokenizer)
        config = (processor or files).preprocessing or files.preprocessing
        name = CARD.name if files.hub_id == DEFAULT_HUB_ID else files.name
        loaded, model = load_clip(files, Preprocessing.from_config(config), shared, name=name, processor=processor)
        self._scale = np.exp(model.scalars["logit_scale"])
        scale = float(self._scale)
        super().__init__(replace(loaded, facts={"range": (-scale, scale), **loaded.facts}), shared)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts, padded on the right and without a mask: (n, d)."""
        return self._embed_texts(texts)

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Compare normalised features in float32: exp(logit_scale) * cosine, (n_images, n_texts)."""
        logits: Rewards = self._scale * super().similarity(image_features, text_features)
        return logits


def _processor(files: PretrainedFiles, tokenizer: str | Path | None) -> PretrainedFiles | None:
    """Return the files of a tokenizer and preprocessing that lie elsewhere; None if those of the weights do."""
    if tokenizer is None and files.has_tokenizer(*TOKENIZER) and files.hub_id != DEFAULT_HUB_ID:
        return None
    processor = find_processor(str(tokenizer or PROCESSOR))
    processor.check_complete(*TOKENIZER, weights=False, preprocessing=False)
    return processor
