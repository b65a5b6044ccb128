"""The family `clip:`: any CLIPModel of transformers, from the hub or a folder.

References:
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020.
    Hessel et al., CLIPScore: A Reference-free Evaluation Metric for Image Captioning, arXiv:2104.08718.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.rewards.card import RewardCard
from tia2.rewards.encoder import TextPolicy
from tia2.rewards.families.clip.pretrained import PretrainedDual
from tia2.rewards.families.clip.pretrained_files import find_model
from tia2.rewards.families.clip.pretrained_loading import load_clip_tokenizer
from tia2.rewards.loading.pixels import Preprocessing

if TYPE_CHECKING:
    import torch

CLASSES = {"clip": "CLIPModel"}
"""What transformers calls the model, by `model_type`."""

TOKENIZER = ("vocab.json", "merges.txt")
"""What CLIP's tokenizer is made of where there is no tokenizer.json."""

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
"""What is known of every CLIP before it is loaded."""


class ClipTowers(PretrainedDual):
    """The two towers and the tokenizer of CLIP, which `clip:` and `pickscore` share."""

    model_class = CLASSES["clip"]

    def _load_tokenizer(self, text_config: Any) -> Any:
        return load_clip_tokenizer(self._files, text_config)

    def _image_tower(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self._model.visual_projection(self._model.vision_model(pixels).pooler_output)
        return features

    def _text_tower(self, tokens: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self._model.text_projection(self._model.text_model(input_ids=tokens).pooler_output)
        return features

    def _padding(self, rows: Sequence[Sequence[int]]) -> tuple[int, int]:
        # The tower is causal and pools at the first end token, so padding after it needs no mask and no full length.
        return self._tokenizer.eos_token_id, max(map(len, rows))


class ClipReward(ClipTowers):
    """The cosine of CLIP's image and text embeddings.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1], without CLIP's learnt logit scale. Preprocessing
    is that of transformers' PIL image processor on images converted to RGB first; the text goes to CLIP's fast
    tokenizer, which does not undo HTML entities or mend encodings.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; the normalisation and the product are always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past the model's limit: "truncate" keeps the end token and warns with a
            count, "error" refuses them.
        name: What to call the model; its hub id or folder name if None.
        batch_size: How many images or texts are encoded at a time; found automatically if None.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """

    base_card = CARD

    def __init__(
        self,
        source: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        files = find_model(str(source), revision, CLASSES)
        files.check_complete(*TOKENIZER)
        super().__init__(
            files,
            Preprocessing.from_config(files.preprocessing),
            device=device,
            dtype=dtype,
            text_policy=text_policy,
            name=name or files.name,
            batch_size=batch_size,
        )
