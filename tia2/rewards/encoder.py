"""The common part of reward models that compute something of an image once and use it for many texts."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from tia2.errors import RewardError
from tia2.rewards.base import check_texts
from tia2.rewards.identity import Identity, content_identity, origin
from tia2.rewards.loading.batching import first_batch_size
from tia2.rgb import to_rgb

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards.card import RewardCard

TextPolicy = Literal["truncate", "error"]

_ENDS = ("<|endoftext|>", "<end_of_text>")
"""How CLIP's tokenizers call the end of a text; in a prompt, it ends what the model reads."""


class Encoder(ABC):
    """Base of `DualEncoder` and `CrossEncoder`; derive from one of these.

    Attributes:
        name: Name of the model in tables and plots.
        device: Where it runs.
        batch_size: Number of images that are encoded at a time; None begins with a size that suits device and model.
        text_policy: Treatment of texts past the model's limit: "truncate" warns with a count, "error" refuses them.
        parameters: Number of the model's weights, which decides the first batch size; 0 counts as small.
        fingerprint_excludes: Names of attributes that don't decide a reward, such as caches and counters.
    """

    name: str = ""
    device: str = "cpu"
    batch_size: int | None = None
    text_policy: TextPolicy = "truncate"
    parameters: int = 0
    fingerprint_excludes: ClassVar[tuple[str, ...]] = ()
    _has_own_name: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # A subclass of a named model keeps the name; one of an unnamed model is called by its own class.
        cls._has_own_name = cls._has_own_name or bool(vars(cls).get("name"))
        if not cls._has_own_name and "name" not in vars(cls):
            cls.name = cls.__name__

    @property
    @abstractmethod
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the content of the object: its code, attributes, weights and options.

        Override it where that can't say what decides a reward, or would take too long.
        """
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint with the digests of its parts, and what could not be digested."""
        return content_identity(self, origin=origin(self))

    @property
    def text_limit(self) -> int | None:
        """The longest text in the model's own tokens, special tokens included; None if there is no limit."""
        return None

    def prepare_image(self, image: Image.Image) -> Any:
        """Turn an RGB image into what `embed_images` takes. Called from several threads at once."""
        return image

    @abstractmethod
    def embed_images(self, prepared: Sequence[Any]) -> Any:
        """Run the model's image part on one batch of what `prepare_image` returned."""

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which the model sees only the beginning."""
        del texts
        return []

    def admit(self, texts: Sequence[str]) -> None:
        """Check texts and apply the text policy.

        Args:
            texts: The texts that are about to be scored.

        Raises:
            RewardError: Not a list of texts; or, with the policy "error", some are past the limit.
        """
        check_texts(texts)
        if not (overlong := self.overlong(texts)):
            return
        limit = f"{self.text_limit} tokens" if self.text_limit else "limit"
        count = f"{len(overlong)} of {len(set(texts))} texts are longer than the {limit} of {self.name}"
        if any(end in text for text in overlong for end in _ENDS):
            count += ", or hold its end token,"
        if self.text_policy == "error":
            raise RewardError(f"{count}, the first: {overlong[0]!r}. Shorten them, or use text_policy='truncate'.")
        warnings.warn(f"{count} and were cut, the first: {overlong[0][:60]!r}…", stacklevel=3)

    @property
    def first_batch_size(self) -> int:
        """The batch size to begin with."""
        return self.batch_size or first_batch_size(self.device, self.parameters)

    def _prepared(self, images: Sequence[Image.Image]) -> list[Any]:
        return [self.prepare_image(to_rgb(image)) for image in images]


def batches(count: int, size: int) -> Iterator[slice]:
    """Yield the slices of consecutive batches.

    Example:
        >>> [(part.start, part.stop) for part in batches(5, 2)]
        [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


class ImageFeatures(Sequence[Any]):
    """What `CrossEncoder.encode_images` returns: one opaque feature per image, of any type.

    Args:
        features: The features, in the order of the images.

    Example:
        >>> len(ImageFeatures(["first", "second", "third"])[1:])
        2
    """

    def __init__(self, features: Iterable[Any]) -> None:
        self._features = list(features)

    def __len__(self) -> int:
        return len(self._features)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> ImageFeatures: ...

    def __getitem__(self, index: int | slice) -> Any:
        selected = self._features[index]
        return ImageFeatures(selected) if isinstance(index, slice) else selected


def check_text_policy(policy: str) -> TextPolicy:
    """Return the policy, or raise a RewardError that names the two there are."""
    policies: dict[str, TextPolicy] = {"truncate": "truncate", "error": "error"}
    if policy not in policies:
        raise RewardError(f"text_policy is {policy!r}; expected 'truncate' or 'error'.")
    return policies[policy]
