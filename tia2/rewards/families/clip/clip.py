"""The family `clip:`: any CLIPModel of transformers, from the hub or a folder.

References:
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020.
    Hessel et al., CLIPScore: A Reference-free Evaluation Metric for Image Captioning, arXiv:2104.08718.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.clip.towers import CLASSES, TOKENIZER, load_clip
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rewards.loading.transformers_files import find_model
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import PretrainedEncoder

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

CARD = RewardCard(
    name="clip",
    kind="dual encoder",
    formula="cosine of image and text embedding, without the logit scale",
    unit="cosine",
    range=(-1.0, 1.0),
    preprocessing="the checkpoint's own (PIL filters); OpenAI's: RGB, shorter side 224 bicubic, centre crop 224x224",
    text_limit=77,
    text_policy="truncate",
    licence="that of the checkpoint (OpenAI's and LAION's: MIT)",
    # The inverse of the logit scale that CLIP learnt, 100: TextNorm is then CLIP's own softmax over texts.
    default_temperature=0.01,
    paper="arXiv:2103.00020",
    training_data="that of the checkpoint (OpenAI's: 400 million unpublished pairs from the web)",
)
"""The facts about every CLIP before it is loaded."""


class ClipReward(PretrainedEncoder, DualEncoder):
    """The cosine of CLIP's image and text embeddings.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1], without CLIP's learnt logit scale. Preprocessing
    is that of transformers' PIL image processor on images converted to RGB first; the text goes to CLIP's fast
    tokenizer, which leaves HTML entities and broken encodings as they are. A text past the limit keeps its end token.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(self, source: str | Path, **options: Unpack[EncoderKeywords]) -> None:
        shared = EncoderOptions(**options)
        files = find_model(str(source), shared.revision, CLASSES)
        files.check_complete(*TOKENIZER)
        loaded, _ = load_clip(files, Preprocessing.from_config(files.preprocessing), shared, name=files.name)
        super().__init__(loaded, shared)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts, padded on the right and without a mask: (n, d)."""
        return self._embed_texts(texts)
