"""The common part of reward models with published weights: card, fingerprint, preprocessing and limits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from pydantic import ValidationError

from tia2.devices import pick_device
from tia2.errors import RewardError
from tia2.files import explain
from tia2.rewards.card import RewardCard
from tia2.rewards.encoder import Encoder
from tia2.rewards.identity import Identity, released_identity
from tia2.rewards.loading.devices import pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from tia2.rewards.options import EncoderOptions


class ImagePreprocessing(Protocol):
    """From an RGB image to a model's input; its text form is what cards show and fingerprints digest."""

    def pixels(self, image: Image.Image) -> NDArray[Any]:
        """Resize an RGB image."""
        ...


class LimitedTokens(Protocol):
    """A tokenizer that knows its model's limit."""

    limit: int
    """The longest text in tokens, special tokens included."""

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which the model sees only the beginning."""
        ...


@dataclass(frozen=True)
class PlacedModel:
    """A module on its device.

    Attributes:
        module: The module, in evaluation mode.
        device: Device of its weights.
        dtype: Number format of its weights.
        parameters: Number of its weights.
        scalars: Its learnt scales and biases of one number, in float32 whatever the number format of the rest.
    """

    module: Any
    device: torch.device
    dtype: torch.dtype
    parameters: int
    scalars: Mapping[str, np.float32]

    @classmethod
    def of(cls, module: torch.nn.Module, options: EncoderOptions) -> PlacedModel:
        """Move a module to the device and number format that the options ask for."""
        device, dtype = pick_device(options.device), pick_dtype(options.dtype)
        scalars = {key: np.float32(value.item()) for key, value in module.named_parameters() if value.numel() == 1}
        return cls(module.to(device=device, dtype=dtype), device, dtype, count_weights(module), scalars)

    def image_tower(
        self, preprocessing: Any, embed: Callable[[torch.Tensor], torch.Tensor]
    ) -> Callable[[Sequence[NDArray[Any]]], torch.Tensor]:
        """Return a function from prepared images to features.

        Args:
            preprocessing: Object whose `normalise` turns n stacked images into the module's input, (n, 3, height,
                width).
            embed: Function from that input to features, (n, d).
        """

        def tower(prepared: Sequence[NDArray[Any]]) -> torch.Tensor:
            pixels = torch.from_numpy(preprocessing.normalise(np.stack(prepared)))
            return embed(pixels.to(self.device, self.dtype))

        return tower


@dataclass(frozen=True)
class LoadedEncoder:
    """A model in memory, and everything that decides its rewards.

    Attributes:
        name: Name of the model, unless the options give another one.
        preprocessing: Preprocessing of RGB images.
        image_tower: Function from n prepared images to features, one per image.
        dtype: Number format of the towers.
        device: Device of the towers.
        parameters: Number of weights.
        files: Files that decide the rewards.
        tokens: Tokenizer with its limit; None for a reward that ignores the text.
        text_tower: Function from n texts to features, (n, d); None if the text part needs the image.
        facts: Fields of the card that are known of this model only.
        settings: Whatever else decides the rewards, as JSON values, for the fingerprint.
        card_file: The card.json whose facts are among `facts`, for errors.
    """

    name: str
    preprocessing: ImagePreprocessing
    image_tower: Callable[[Sequence[Any]], torch.Tensor]
    dtype: torch.dtype
    device: torch.device
    parameters: int
    files: Collection[Path]
    tokens: LimitedTokens | None = None
    text_tower: Callable[[Sequence[str]], torch.Tensor] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    card_file: Path | None = None


class PretrainedEncoder(Encoder):
    """The facts and steps of a reward model with published weights, whatever its family.

    A family loads a `LoadedEncoder` in its constructor, and derives from this class first and then from `DualEncoder`
    or `CrossEncoder`, which decide how features become rewards.

    Args:
        loaded: The model.
        options: The options that every such model takes.
    """

    name = ""  # so that each subclass is called by its own name
    base_card: ClassVar[RewardCard]
    """The facts that are known before anything is loaded."""
    formula_version: ClassVar[int] = 1
    """A number that counts up when the same files would give other rewards."""

    def __init__(self, loaded: LoadedEncoder, options: EncoderOptions) -> None:
        self._loaded = loaded
        self.text_policy = options.text_policy
        self.name = options.name or loaded.name
        self.device = str(loaded.device)
        self.batch_size = options.batch_size
        self.parameters = loaded.parameters

    @cached_property
    def card(self) -> RewardCard:
        """The facts; those in a card.json beside the weights come first."""
        tokens = self._loaded.tokens
        of_texts = {} if tokens is None else {"text_limit": tokens.limit}
        facts = {
            **self.base_card.model_dump(),
            "preprocessing": str(self._loaded.preprocessing),
            **of_texts,
            **self._loaded.facts,
            "name": self.name,
            "text_policy": None if tokens is None else self.text_policy,
            "dtype": str(self._loaded.dtype).removeprefix("torch."),
        }
        try:
            return RewardCard.model_validate(facts)
        except ValidationError as error:
            raise RewardError(f"{self._loaded.card_file or self.name}: {explain(error)}.") from None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer, preprocessing, formula, number format and settings."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint; of a class derived outside this library, its code and attributes count too."""
        return released_identity(self, self._released, excluded=("_loaded",))

    @cached_property
    def _released(self) -> str:
        # Score tables resume by this digest: names and values of these facts must stay as they are.
        facts = {
            "reward": type(self).__name__,
            "formula": self.formula_version,
            "dtype": str(self._loaded.dtype),
            "preprocessing": str(self._loaded.preprocessing),
        }
        return fingerprint(self._loaded.files, **{**facts, **self._loaded.settings})

    @property
    def text_limit(self) -> int | None:
        """The longest text in tokens, special tokens included; None if the text is ignored."""
        return None if self._loaded.tokens is None else self._loaded.tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which the model sees only the beginning."""
        return [] if self._loaded.tokens is None else self._loaded.tokens.overlong(texts)

    def prepare_image(self, image: Image.Image) -> NDArray[Any]:
        """Resize an RGB image to the model's size."""
        return self._loaded.preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[Any]]) -> torch.Tensor:
        """Run the image tower on one batch of prepared images: one feature per image."""
        with self._inference():
            return self._loaded.image_tower(prepared)

    def _embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower of a dual encoder on one batch of texts: (n, d)."""
        if self._loaded.text_tower is None:
            raise RewardError(f"{self.name} has no text tower that works without an image.")
        with self._inference():
            return self._loaded.text_tower(texts)

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """Run a block without gradients, on as many threads as the model can use."""
        with torch.inference_mode(), threads_for(self.parameters):
            yield


def count_weights(module: torch.nn.Module) -> int:
    """Return the number of a module's weights."""
    return sum(parameter.numel() for parameter in module.parameters())
