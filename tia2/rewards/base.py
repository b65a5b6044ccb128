"""What a reward model is, and the base class of those that encode images and texts apart from each other."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.pixels import to_rgb

if TYPE_CHECKING:
    from PIL import Image

Rewards = NDArray[np.float32]


class RewardModel(Protocol):
    """Anything that scores how well images show texts.

    `DualEncoder` and `FunctionReward` implement it; a class of one's own may do so without deriving from either.
    """

    name: str
    """What tables and plots call the model."""

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 hex digest over everything that changes a reward: weights, configuration, preprocessing, formula."""
        ...

    def score(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score image i against text i: two sequences of length n give shape (n,)."""
        ...

    def score_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score every image against every text: shape (n_images, n_texts)."""
        ...


class DualEncoder(ABC):
    """A reward that compares one embedding of the image with one of the text, so that each is computed once.

    A subclass implements `embed_images` and `embed_texts` for one batch, and may override `prepare_image` (runs in
    parallel threads), `similarity` (the formula; the cosine unless overridden), `overlong`, `card` and `fingerprint`.

    Attributes:
        name: What tables and plots call the model.
        device: Where it runs.
        batch_size: How many images or texts are encoded at a time.

    Example:
        >>> from PIL import Image
        >>> class Brightness(DualEncoder):
        ...     def embed_images(self, prepared):
        ...         levels = [np.asarray(image).mean() / 255 for image in prepared]
        ...         return np.array([[level, 1 - level] for level in levels])
        ...     def embed_texts(self, texts):
        ...         return np.array([[1.0, 0.0] if "bright" in text else [0.0, 1.0] for text in texts])
        >>> Brightness().score_matrix([Image.new("RGB", (8, 8), "white")], ["bright", "dark"]).tolist()
        [[1.0, 0.0]]
    """

    name: str = ""
    device: str = "cpu"
    batch_size: int = 64

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.name:
            cls.name = cls.__name__

    @abstractmethod
    def embed_images(self, prepared: Sequence[Any]) -> NDArray[Any]:
        """Embed one batch of what `prepare_image` returned: shape (n, ..., d), normalised or not."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> NDArray[Any]:
        """Embed one batch of texts: shape (n, ..., d), normalised or not."""

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""
        return RewardCard(name=self.name, kind="dual encoder", formula="cosine", unit="cosine", range=(-1.0, 1.0))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the source of the class. Override it where weights or settings decide the reward too."""
        return source_fingerprint(type(self))

    def prepare_image(self, image: Image.Image) -> Any:
        """Turn an RGB image into what `embed_images` takes. Called from several threads at once."""
        return image

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the texts of which the model sees only the beginning."""
        del texts
        return []

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Compare normalised features in float32.

        Args:
            image_features: (n_images, d), as `encode_images` returns them.
            text_features: (n_texts, d), as `encode_texts` returns them.

        Returns:
            Rewards of every pair, (n_images, n_texts).
        """
        product: Rewards = image_features @ text_features.T
        return product

    def encode_images(self, images: Sequence[Image.Image]) -> Rewards:
        """Embed images of any mode and normalise to length one in float32: (n_images, d)."""
        prepared = [self.prepare_image(to_rgb(image)) for image in images]
        return self.encode_prepared(prepared)

    def encode_prepared(self, prepared: Sequence[Any], *, batch_size: int | None = None) -> Rewards:
        """Embed what `prepare_image` returned, as `encode_images` does after its first step."""
        return self._in_batches(self.embed_images, prepared, batch_size)

    def encode_texts(self, texts: Sequence[str], *, batch_size: int | None = None) -> Rewards:
        """Embed texts, each distinct one once, and normalise to length one in float32: (n_texts, d)."""
        _check_texts(texts)
        # Equal lengths share a batch, so that little is spent on padding.
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        features = self._in_batches(self.embed_texts, distinct, batch_size)
        row = {text: index for index, text in enumerate(distinct)}
        return features[[row[text] for text in texts]]

    def score_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score every image against every text, each of them encoded once.

        Args:
            images: n_images PIL images of any mode; they are not changed.
            texts: n_texts texts.

        Returns:
            Rewards, float32, (n_images, n_texts).

        Raises:
            RewardError: An input is no image or no text, or the model broke its contract.
        """
        _check_texts(texts)
        if not len(images) or not len(texts):
            return np.zeros((len(images), len(texts)), dtype=np.float32)
        found = self.similarity(self.encode_images(images), self.encode_texts(texts))
        return checked(found, (len(images), len(texts)), self.name)

    def score(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score image i against text i; an image or text that appears several times is encoded once.

        Args:
            images: n PIL images of any mode; they are not changed.
            texts: n texts.

        Returns:
            Rewards, float32, (n,).

        Raises:
            RewardError: The lengths differ, an input is no image or no text, or the model broke its contract.
        """
        check_pairs(images, texts)
        rewards = np.zeros(len(texts), dtype=np.float32)
        if not len(texts):
            return rewards
        distinct = {id(image): image for image in images}
        features = self.encode_images(list(distinct.values()))
        row = {key: index for index, key in enumerate(distinct)}
        rows = np.array([row[id(image)] for image in images])
        text_features = self.encode_texts(texts)
        for text in dict.fromkeys(texts):
            pairs = [index for index, other in enumerate(texts) if other == text]
            found = self.similarity(features[rows[pairs]], text_features[pairs[:1]])
            rewards[pairs] = checked(found, (len(pairs), 1), self.name)[:, 0]
        return rewards

    def _in_batches(self, embed: Any, values: Sequence[Any], batch_size: int | None) -> Rewards:
        parts = []
        size = batch_size or self.batch_size
        for start in range(0, len(values), size):
            batch = values[start : start + size]
            part = as_float32(embed(batch), self.name)
            if part.ndim < 2 or len(part) != len(batch):
                raise RewardError(
                    f"{embed.__name__} of reward {self.name!r} returned shape {part.shape} for {len(batch)} inputs; "
                    f"expected ({len(batch)}, d)."
                )
            parts.append(part)
        if not parts:
            return np.zeros((0, 1), dtype=np.float32)
        return normalised(np.concatenate(parts))


def normalised(features: Rewards) -> Rewards:
    """Scale vectors along the last axis to length one; a vector of zeros becomes NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: Rewards = features / np.linalg.norm(features, axis=-1, keepdims=True)
    return unit


def as_float32(values: Any, name: str) -> Rewards:
    """Return numbers, of any array library, as a float32 NumPy array.

    Raises:
        RewardError: They aren't numbers, or of unequal lengths.
    """
    if hasattr(values, "detach"):  # a torch tensor, maybe of a device or number format that NumPy doesn't know
        values = values.detach().float().cpu().numpy()
    try:
        return np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RewardError(
            f"Reward {name!r} returned {type(values).__name__}, not an array of numbers: {error}"
        ) from None


def checked(values: Any, shape: tuple[int, ...], name: str) -> Rewards:
    """Return rewards as float32 after checking their shape.

    Raises:
        RewardError: The shape is another one.

    Example:
        >>> checked([0.5, 1.0], (2,), "mine").dtype
        dtype('float32')
    """
    rewards = as_float32(values, name)
    if rewards.shape != shape:
        raise RewardError(f"Reward {name!r} returned shape {rewards.shape}; expected {shape}, one number a pair.")
    return rewards


def check_pairs(images: Sequence[Any], texts: Sequence[str]) -> None:
    """Raise a RewardError unless there are as many images as texts, and all texts are texts."""
    _check_texts(texts)
    if len(images) != len(texts):
        raise RewardError(f"Expected as many images as texts, got {len(images)} images and {len(texts)} texts.")


def source_fingerprint(target: Any) -> str:
    """Return the SHA-256 over a class's or function's name and source code, and the plain values bound to a function.

    Plain values are numbers, texts and the like among defaults, closed-over variables and arguments of a `partial`.
    Other objects count by their type only.
    """
    bound: list[Any] = []
    while isinstance(target, functools.partial):
        bound += [*target.args, *sorted(target.keywords.items())]
        target = target.func
    if inspect.isfunction(target):
        variables = inspect.getclosurevars(target).nonlocals
        bound += [
            *(target.__defaults__ or ()),
            *sorted((target.__kwdefaults__ or {}).items()),
            *sorted(variables.items()),
        ]
    try:
        source = inspect.getsource(target)
    except (OSError, TypeError):
        code = getattr(target, "__code__", None)
        source = f"{code.co_code!r} {code.co_names} {code.co_varnames}" if code else ""
    name = f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', type(target).__qualname__)}"
    return sha256("\n".join([name, source, *map(_plain, bound)]).encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    plain = value is None or isinstance(value, bool | int | float | complex | str | bytes)
    return repr(value) if plain else type(value).__qualname__


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise RewardError(f"Expected a list of texts, got the single text {texts!r}.")
    for text in texts:
        if not isinstance(text, str):
            raise RewardError(f"Expected texts, got {text!r} of type {type(text).__name__}.")
