"""The family `clip:`: any CLIPModel of transformers, from the hub or a folder.

References:
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020.
    Hessel et al., CLIPScore: A Reference-free Evaluation Metric for Image Captioning, arXiv:2104.08718.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError

from tia2.errors import RewardError
from tia2.rewards.base import Rewards, as_float32
from tia2.rewards.card import RewardCard
from tia2.rewards.clip_files import find
from tia2.rewards.clip_loading import load_model, load_tokenizer
from tia2.rewards.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.pixels import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""


class ClipReward(DualEncoder):
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
        self.text_policy = check_text_policy(text_policy)
        where = pick_device(device)
        self._files = find(str(source), revision)
        self._preprocessing = Preprocessing.from_config(self._files.preprocessing)
        self._model = load_model(self._files, where, pick_dtype(dtype))
        self._tokenizer = load_tokenizer(self._files, self._model.config.text_config)
        self._limit = min(self._model.config.text_config.max_position_embeddings, self._tokenizer.model_max_length)
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())
        self._check_size()
        self.name = name or self._files.hub_id or self._files.folder.resolve().name
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts; those in a card.json beside the weights come first."""
        given = {
            "kind": "dual encoder",
            "hub_id": self._files.hub_id,
            "revision": self._files.revision,
            "formula": "cosine of image and text embedding, without the logit scale",
            "unit": "cosine",
            "range": (-1.0, 1.0),
            "preprocessing": str(self._preprocessing),
            "text_limit": self._limit,
            "default_temperature": 0.01,
            "paper": "arXiv:2103.00020",
            **self._files.card,
            "name": self.name,
            "text_policy": self.text_policy,
            "dtype": str(self._model.dtype).removeprefix("torch."),
        }
        try:
            return RewardCard.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise RewardError(f"{self._files.folder / 'card.json'}: {field}: {first['msg']}.") from None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer and preprocessing files, formula and number format."""
        facts = {"formula": FORMULA_VERSION, "files": self._files.digest(), "dtype": str(self._model.dtype)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to the model's size."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> Rewards:
        """Embed one batch of prepared images: (n, d)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            states = self._model.vision_model(pixels.to(self._model.device, self._model.dtype))
            return as_float32(self._model.visual_projection(states.pooler_output), self.name)

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, start and end included."""
        return self._limit

    def embed_texts(self, texts: Sequence[str]) -> Rewards:
        """Embed one batch of texts: (n, d)."""
        rows = [self._cut(row) for row in self._tokens(texts)]
        longest = max(map(len, rows))
        end = self._tokenizer.eos_token_id
        padded = torch.tensor([row + [end] * (longest - len(row)) for row in rows], device=self._model.device)
        with torch.inference_mode(), threads_for(self.parameters):
            # The tower is causal and pools at the first end token, so padding after it needs no mask.
            states = self._model.text_model(input_ids=padded)
            return as_float32(self._model.text_projection(states.pooler_output), self.name)

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more tokens than the model takes."""
        distinct = list(dict.fromkeys(texts))
        return [text for text, row in zip(distinct, self._tokens(distinct), strict=True) if len(row) > self._limit]

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        rows: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"]
        return rows

    def _cut(self, row: list[int]) -> list[int]:
        return row if len(row) <= self._limit else [*row[: self._limit - 1], row[-1]]

    def _check_size(self) -> None:
        side = self._model.config.vision_config.image_size
        if self._preprocessing.output_size != (side, side):
            raise RewardError(
                f"{self._files.folder}: preprocessing gives images of size {self._preprocessing.output_size}; "
                f"the model takes ({side}, {side})."
            )


def load_mini(name: str, **options: Any) -> ClipReward:
    """Load one of the miniature world's reward models.

    Args:
        name: "mini-strong", "mini-web", "mini-countblind" or "mini-vivid".
        **options: As for `ClipReward`.

    Raises:
        RewardError: Its weights are not in this installation.
    """
    from importlib.resources import files

    folder = Path(str(files("tia2.miniworld"))) / "assets" / "rewards" / name
    if not (folder / "config.json").is_file():
        raise RewardError(
            f"The weights of {name!r} are not in this installation (expected in {folder}): install tia2 anew."
        )
    return ClipReward(folder, name=name, **options)
