"""The family `siglip:`: any SigLIP or SigLIP 2 of transformers, of a fixed resolution or NaFlex.

References:
    Zhai et al., Sigmoid Loss for Language Image Pre-Training, arXiv:2303.15343.
    Tschannen et al., SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding,
    Localization, and Dense Features, arXiv:2502.14786.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import RewardError
from tia2.rewards.base import Rewards, as_float32
from tia2.rewards.card import RewardCard
from tia2.rewards.families.clip.pretrained import PretrainedDual
from tia2.rewards.families.clip.pretrained_files import find_model
from tia2.rewards.families.clip.pretrained_loading import load_siglip_tokenizer
from tia2.rewards.families.siglip.naflex import NaflexPreprocessing, siglip_defaults
from tia2.rewards.loading.devices import threads_for
from tia2.rewards.loading.pixels import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.rewards.encoder import TextPolicy

CLASSES = {"siglip": "SiglipModel", "siglip2": "Siglip2Model"}
"""What transformers calls the model, by `model_type`. Its `siglip2` is NaFlex only: SigLIP 2 of a fixed resolution is a
SiglipModel."""

TOKENIZER = ("spiece.model",)
"""What SigLIP 1's tokenizer is made of where there is no tokenizer.json."""

CARD = RewardCard(
    name="siglip",
    kind="dual encoder",
    formula="exp(learnt logit scale) * cosine of image and text embedding + learnt bias",
    unit="logit",
    range=(None, None),
    preprocessing="the checkpoint's own (PIL filters): RGB, resize to a square, normalise to -1 to 1; NaFlex: "
    "resize to at most 256 patches, keeping the aspect ratio",
    text_limit=64,
    text_policy="truncate",
    licence="that of the checkpoint (Google's: Apache-2.0)",
    # A softmax of these logits over texts has the scale of the sigmoid loss; CLIP's softmax is about as sharp.
    default_temperature=1.0,
    paper="arXiv:2303.15343, arXiv:2502.14786",
    training_data="that of the checkpoint (Google's: WebLI, unpublished)",
    notes="The sigmoid of the reward is the model's probability of a match. The reward is the logit itself, because "
    "the sigmoid rounds to 0 or 1 where images still differ. Texts are filled up to the limit on the right and "
    "no mask hides the filling, as in training. The range is the bias plus and minus the exponential of the learnt "
    "scale; loading the model shows it.",
)
"""What is known of every SigLIP before it is loaded."""


class SiglipReward(PretrainedDual):
    """SigLIP's logit: exp(logit_scale) * <f(image), g(text)> / (|f(image)| |g(text)|) + logit_bias.

    It equals `logits_per_image` of transformers; its sigmoid is the probability of a match. Preprocessing is that of
    transformers' PIL image processor on images converted to RGB first. Texts go to the checkpoint's own tokenizer and
    are filled up to the limit (64 tokens in the published models) on the right. Where a SigLIP 2 names Gemma's
    tokenizer, which keeps capitals, transformers' Siglip2Tokenizer takes its place and lower-cases, as in training.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; normalisation, scale, product and bias are always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past the model's limit: "truncate" keeps the end token and warns with a
            count, "error" refuses them.
        name: What to call the model; its hub id or folder name if None.
        batch_size: How many images or texts are encoded at a time; found automatically if None.

    Raises:
        MissingDependencyError: The tokenizer of SigLIP 1 needs sentencepiece and protobuf.
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
        self.model_class = CLASSES[files.config["model_type"]]
        self._naflex: NaflexPreprocessing | None = None
        if self.model_class == "Siglip2Model":
            self._naflex = NaflexPreprocessing.from_config(files.preprocessing)
            preprocessing = self._naflex.pixels_as
        else:
            preprocessing = Preprocessing.from_config(siglip_defaults(files.preprocessing, resample=3))
        super().__init__(
            files,
            preprocessing,
            device=device,
            dtype=dtype,
            text_policy=text_policy,
            name=name or files.name,
            batch_size=batch_size,
        )
        self._scale = np.exp(self._scalars["logit_scale"])
        self._bias = self._scalars["logit_bias"]

    def prepare_image(self, image: Any) -> NDArray[np.uint8]:
        """Resize an RGB image to the model's size, or to whole patches."""
        return (self._naflex or self._preprocessing).pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> Rewards:
        """Embed one batch of prepared images: (n, d)."""
        if self._naflex is None:
            return super().embed_images(prepared)
        values, mask, shapes = map(torch.from_numpy, self._naflex.normalise(prepared))
        device = self._model.device
        with torch.inference_mode(), threads_for(self.parameters):
            features = self._model.get_image_features(
                pixel_values=values.to(device, self._dtype),
                pixel_attention_mask=mask.to(device),
                spatial_shapes=shapes.to(device),
            )
            return as_float32(features.pooler_output, self.name)

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Compare normalised features in float32: exp(logit_scale) * cosine + logit_bias, (n_images, n_texts)."""
        logits: Rewards = self._scale * super().similarity(image_features, text_features) + self._bias
        return logits

    def _load_tokenizer(self, text_config: Any) -> Any:
        return load_siglip_tokenizer(self._files, text_config.vocab_size)

    def _image_tower(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self._model.vision_model(pixels).pooler_output
        return features

    def _text_tower(self, tokens: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self._model.text_model(input_ids=tokens).pooler_output
        return features

    def _padding(self, rows: Sequence[Sequence[int]]) -> tuple[int, int]:
        del rows  # The tower pools at the last position, so every text has all of them.
        return self._tokenizer.pad_token_id, self._limit

    @property
    def _facts(self) -> dict[str, Any]:
        low, high = float(self._bias - self._scale), float(self._bias + self._scale)
        same = self._tokens(["A Red Cube"]) == self._tokens(["a red cube"])
        letters = "lower-cases" if same else "keeps capitals"
        return {
            "range": (low, high),
            "preprocessing": str(self._naflex or self._preprocessing),
            "tokenizer": f"{type(self._tokenizer).__name__}, {letters}",
        }

    def _check_size(self) -> None:
        if self._naflex is None:
            super()._check_size()
            return
        side = self._model.config.vision_config.patch_size
        if self._naflex.patch != side:
            raise RewardError(
                f"{self._files.folder}: preprocessing gives patches of {self._naflex.patch} pixels; the model takes "
                f"{side}."
            )
