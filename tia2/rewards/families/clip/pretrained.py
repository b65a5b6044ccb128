"""What the dual encoders of transformers share: all but their towers, text and formula."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError

from tia2.errors import RewardError
from tia2.files import explain
from tia2.rewards.base import Rewards, as_float32
from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.families.clip.pretrained_files import PretrainedFiles
from tia2.rewards.families.clip.pretrained_loading import load_model
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.pixels import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


class PretrainedDual(DualEncoder):
    """A dual encoder in the layout of transformers, from a folder or from the hub.

    A subclass names the model class, gives its card, and implements the two towers, `padding` and, unless the reward is
    the cosine, `similarity`.

    Args:
        files: Where the weights are.
        preprocessing: What happens to RGB images.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; normalisation, product and learnt scales are always float32.
        text_policy: What to do with texts past the model's limit: "truncate" keeps the end token and warns with a
            count, "error" refuses them.
        name: What to call the model.
        batch_size: How many images or texts are encoded at a time; found automatically if None.

    Raises:
        RewardError: The weights don't fit the configuration, or the images' size doesn't fit the model.
    """

    model_class: str
    """What transformers calls the model."""
    base_card: ClassVar[RewardCard]
    """What is known before anything is loaded."""
    formula_version: ClassVar[int] = 1
    """Counts up when the same files would give other rewards."""

    def __init__(
        self,
        files: PretrainedFiles,
        preprocessing: Preprocessing,
        *,
        device: str | torch.device | None,
        dtype: str | torch.dtype | None,
        text_policy: TextPolicy,
        name: str,
        batch_size: int | None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where = pick_device(device)
        self._dtype = pick_dtype(dtype)
        self._files = files
        self._preprocessing = preprocessing
        model = load_model(files, self.model_class)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        # Learnt scales and biases stay in float32, whatever the number format of the towers.
        self._scalars = {key: np.float32(value.item()) for key, value in model.named_parameters() if value.numel() == 1}
        self._model = model.to(device=where, dtype=self._dtype)
        self._check_size()
        self.name = name
        self.device = str(where)
        self.batch_size = batch_size
        self._tokenizer = self._load_tokenizer(self._model.config.text_config)
        positions = self._model.config.text_config.max_position_embeddings
        self._limit = int(min(positions, self._tokenizer.model_max_length))

    @abstractmethod
    def _load_tokenizer(self, text_config: Any) -> Any:
        """Load the tokenizer that fits the model's text tower."""

    @abstractmethod
    def _image_tower(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed pixels: (n, d)."""

    @abstractmethod
    def _text_tower(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embed tokens: (n, d)."""

    @abstractmethod
    def _padding(self, rows: Sequence[Sequence[int]]) -> tuple[int, int]:
        """Return the token that fills up shorter texts of a batch, and the length to fill up to."""

    @property
    def _facts(self) -> dict[str, Any]:
        """What is known of this model beyond the base card."""
        return {}

    @property
    def _tokenizer_files(self) -> list[Path]:
        """The files of a tokenizer and preprocessing that lie elsewhere."""
        return []

    @cached_property
    def card(self) -> RewardCard:
        """The facts; those in a card.json beside the weights come first."""
        given = {
            **self.base_card.model_dump(),
            "hub_id": self._files.hub_id,
            "revision": self._files.revision,
            "preprocessing": str(self._preprocessing),
            "text_limit": self._limit,
            **self._facts,
            **self._files.card,
            "name": self.name,
            "text_policy": self.text_policy,
            "dtype": str(self._dtype).removeprefix("torch."),
        }
        try:
            return RewardCard.model_validate(given)
        except ValidationError as error:
            raise RewardError(f"{self._files.folder / 'card.json'}: {explain(error)}.") from None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer and preprocessing files, formula and number format."""
        return fingerprint(
            [*self._files.weights(), *self._files.small_files(), *self._tokenizer_files],
            reward=type(self).__name__,
            formula=self.formula_version,
            dtype=str(self._dtype),
            preprocessing=str(self._preprocessing),
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, start and end included."""
        return self._limit

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to the model's size."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> Rewards:
        """Embed one batch of prepared images: (n, d)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            return as_float32(self._image_tower(pixels.to(self._model.device, self._dtype)), self.name)

    def embed_texts(self, texts: Sequence[str]) -> Rewards:
        """Embed one batch of texts, padded on the right and without a mask: (n, d)."""
        rows = [self._cut(row) for row in self._tokens(texts)]
        token, length = self._padding(rows)
        padded = [row + [token] * (length - len(row)) for row in rows]
        with torch.inference_mode(), threads_for(self.parameters):
            return as_float32(self._text_tower(torch.tensor(padded, device=self._model.device)), self.name)

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
        """Shorten a text to the limit as transformers' truncation does: the end token stays."""
        if len(row) <= self._limit:
            return row
        kept = self._limit - int(row[-1] == self._tokenizer.eos_token_id)
        return [*row[:kept], *row[len(row) - self._limit + kept :]]

    def _check_size(self) -> None:
        side = self._model.config.vision_config.image_size
        if self._preprocessing.output_size != (side, side):
            raise RewardError(
                f"{self._files.folder}: preprocessing gives images of size {self._preprocessing.output_size}; "
                f"the model takes ({side}, {side})."
            )
