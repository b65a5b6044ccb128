"""`pickscore`: a CLIP ViT-H/14 trained on which of two images people chose for a prompt.

References:
    Kirstain et al., Pick-a-Pic: An Open Dataset of User Preferences for Text-to-Image Generation, arXiv:2305.01569;
    the formula is that of the README of https://github.com/yuvalkirstain/PickScore (commit f79607f).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.rewards.card import RewardCard
from tia2.rewards.families.clip.clip import CLASSES, TOKENIZER, ClipTowers
from tia2.rewards.families.clip.pretrained_files import PretrainedFiles, find_model, find_processor
from tia2.rewards.families.clip.pretrained_loading import load_clip_tokenizer
from tia2.rewards.loading.pixels import Preprocessing

if TYPE_CHECKING:
    import torch

    from tia2.rewards.base import Rewards
    from tia2.rewards.encoder import TextPolicy

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
"""What is known of PickScore before it is loaded."""


class PickScoreReward(ClipTowers):
    """PickScore's logit: exp(logit_scale) * <f(image), g(text)> / (|f(image)| |g(text)|).

    The authors compare images for one prompt by the softmax of this logit. Preprocessing is that of transformers' PIL
    image processor on images converted to RGB first, with its centre crop that rounds margins down.

    Args:
        source: The id of a model on the Hugging Face Hub, or a folder in the layout of transformers.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; the normalisation, the scale and the product are always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past the model's limit: "truncate" keeps the end token and warns with a
            count, "error" refuses them.
        name: What to call the model.
        batch_size: How many images or texts are encoded at a time; found automatically if None.
        tokenizer: Folder or hub id of tokenizer and preprocessing. If None: the folder's own where there are some,
            otherwise those that the authors use.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """

    base_card = CARD

    def __init__(
        self,
        source: str | Path = DEFAULT_HUB_ID,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
        tokenizer: str | Path | None = None,
    ) -> None:
        files = find_model(str(source), revision, CLASSES)
        files.check_complete(preprocessing=False)
        self._processor = _processor(files, tokenizer)
        super().__init__(
            files,
            Preprocessing.from_config(self._processor.preprocessing or files.preprocessing),
            device=device,
            dtype=dtype,
            text_policy=text_policy,
            name=name or (CARD.name if files.hub_id == DEFAULT_HUB_ID else files.name),
            batch_size=batch_size,
        )
        self._scale = np.exp(self._scalars["logit_scale"])

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Compare normalised features in float32: exp(logit_scale) * cosine, (n_images, n_texts)."""
        logits: Rewards = self._scale * super().similarity(image_features, text_features)
        return logits

    def _load_tokenizer(self, text_config: Any) -> Any:
        return load_clip_tokenizer(self._processor, text_config)

    @property
    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"range": (-float(self._scale), float(self._scale))}
        if self._processor is not self._files:
            facts["tokenizer"] = self._processor.where
            facts["tokenizer_revision"] = self._processor.revision
        return facts

    @property
    def _tokenizer_files(self) -> list[Path]:
        return [] if self._processor is self._files else self._processor.small_files()


def _processor(files: PretrainedFiles, tokenizer: str | Path | None) -> PretrainedFiles:
    own = files.has_tokenizer(*TOKENIZER) and files.hub_id != DEFAULT_HUB_ID
    if tokenizer is None and own:
        return files
    found = find_processor(str(tokenizer or PROCESSOR))
    found.check_complete(*TOKENIZER, weights=False, preprocessing=False)
    return found
