"""The family `open_clip:`: any model of the open_clip library.

References:
    Cherti et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, arXiv:2212.07143;
    https://github.com/mlfoundations/open_clip; Radford et al., arXiv:2103.00020, for OpenAI's weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.families.open_clip.loading import HUB_PREFIX, build, find, preprocessing_of
from tia2.rewards.families.open_clip.texts import OpenClipTokens
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

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
    notes="Texts are cleaned by open_clip: encodings mended, HTML entities undone, lower case. `clip:` leaves them.",
)
"""What is known of every model of open_clip before it is loaded."""


def model_card(source: str) -> RewardCard:
    """Return what is known of a model before it is loaded.

    Args:
        source: What follows the colon of the spec.
    """
    hub_id = source.removeprefix(HUB_PREFIX)
    return CARD.model_copy(update={"name": source, "hub_id": hub_id if hub_id != source else None})


class OpenClipReward(DualEncoder):
    """The cosine of the embeddings of a model of open_clip.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1], without the learnt logit scale or bias.

    Args:
        source: "ARCHITECTURE/TAG", "ARCHITECTURE/path/to/checkpoint", a folder with an open_clip_config.json, a file of
            OpenAI's own, or "hf-hub:organisation/model".
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; the normalisation and the product are always float32.
        revision: Branch, tag or commit on the hub, for "hf-hub:".
        text_policy: What to do with texts past the model's limit: "truncate" keeps the end token and warns with a
            count, "error" refuses them.
        name: What to call the model.
        batch_size: How many images or texts are encoded at a time; found automatically if None.
        vocabulary: A file of byte-pair merges in place of CLIP's, for a model with CLIP's tokenizer.

    Raises:
        MissingDependencyError: open_clip_torch isn't installed.
        UnknownNameError: No such architecture or tag.
        RewardError: The files are missing or damaged, don't fit the architecture, or were trained with another
            activation than it has.
    """

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
        vocabulary: str | Path | None = None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        self._source = find(str(source), revision)
        self._tokens = OpenClipTokens(self._source.model, vocabulary)
        model = build(self._source)
        self._preprocessing = preprocessing_of(self._source, model)
        self._model = model.to(device=where, dtype=self._dtype)
        self._where = where
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.name = name or self._source.name
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return CARD.model_copy(
            update={
                "name": self.name,
                "hub_id": self._source.hub_id,
                "revision": self._source.revision,
                "preprocessing": str(self._preprocessing),
                "text_limit": self._tokens.limit,
                "text_policy": self.text_policy,
                "dtype": str(self._dtype).removeprefix("torch."),
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, architecture, vocabulary, formula, preprocessing and number format."""
        vocabulary = [self._tokens.vocabulary] if self._tokens.vocabulary else []
        return fingerprint(
            [self._source.checkpoint, *self._source.files, *vocabulary],
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            architecture=self._source.config,
            preprocessing=str(self._preprocessing),
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, start and end included."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more tokens than the model takes."""
        return self._tokens.overlong(texts)

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to the model's size."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Embed one batch of prepared images: (n, d)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._model.encode_image(pixels.to(self._where, self._dtype))
        return features

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._model.encode_text(self._tokens.batch(texts, self._where))
        return features
