"""The base class of rewards that embed images and texts apart from each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError
from tia2.rewards.base import Rewards, as_float32, check_lengths, checked
from tia2.rewards.card import RewardCard
from tia2.rewards.encoder import Encoder, batches
from tia2.rewards.loading.batching import halving

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


class DualEncoder(Encoder):
    """A reward that compares one embedding of the image with one of the text, so that each is computed once.

    A subclass implements `embed_images` and `embed_texts` for one batch, and may override `prepare_image` (runs in
    parallel threads), `similarity` (the formula; the cosine unless overridden), `overlong`, `card` and `fingerprint`.

    Attributes:
        name: Name of the model in tables and plots.
        device: Where it runs.
        batch_size: Number of images or texts that are encoded at a time; None begins with a size that suits device and
            model.

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

    name = ""  # so that each subclass is called by its own name

    @abstractmethod
    def embed_images(self, prepared: Sequence[Any]) -> Any:
        """Embed one batch of what `prepare_image` returned: shape (n, ..., d), normalised or not."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Any:
        """Embed one batch of texts: shape (n, ..., d), normalised or not."""

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""
        return RewardCard(name=self.name, kind="dual encoder", formula="cosine", unit="cosine", range=(-1.0, 1.0))

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
        prepared = self._prepared(images)
        return self._fitting(lambda size: self.encode_prepared(prepared, batch_size=size))

    def encode_prepared(self, prepared: Sequence[Any], *, batch_size: int | None = None) -> Rewards:
        """Embed what `prepare_image` returned, as `encode_images` does after its first step."""
        return self._in_batches(self.embed_images, prepared, batch_size or self.first_batch_size)

    def encode_texts(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Rewards:
        """Embed texts, each distinct one once, and normalise to length one in float32: (n_texts, d).

        Args:
            texts: n_texts texts.
            batch_size: Number of texts at a time; memory decides if None.
            progress: Called after every batch with the distinct texts done and those in all.

        Raises:
            RewardError: Not a list of texts, or one past the model's limit that the text policy refuses.
        """
        self.admit(texts)
        # Equal lengths share a batch, so that little is spent on padding.
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        if batch_size is None:
            features = self._fitting(lambda size: self._in_batches(self.embed_texts, distinct, size, progress))
        else:
            features = self._in_batches(self.embed_texts, distinct, batch_size, progress)
        row = {text: index for index, text in enumerate(distinct)}
        return features[[row[text] for text in texts]]

    def score_matrix(self, images: Sequence[Image.Image] | Rewards, texts: Sequence[str] | Rewards) -> Rewards:
        """Score every image against every text, each of them encoded once.

        Args:
            images: n_images PIL images of any mode, which are not changed; or what `encode_images` returned.
            texts: n_texts texts; or what `encode_texts` returned.

        Returns:
            Rewards, float32, (n_images, n_texts).

        Raises:
            RewardError: An input is no image or no text, or the model broke its contract.
        """
        text_features = self._text_features(texts)
        if not len(images) or not len(texts):
            return np.zeros((len(images), len(texts)), dtype=np.float32)
        image_features = self._image_features(images)
        self._check_width(image_features, text_features)
        rewards = self.similarity(image_features, text_features)
        return checked(rewards, (len(images), len(texts)), self.name)

    def score(self, images: Sequence[Image.Image] | Rewards, texts: Sequence[str] | Rewards) -> Rewards:
        """Score image i against text i; an image or text that appears several times is encoded once.

        Args:
            images: n PIL images of any mode, which are not changed; or what `encode_images` returned.
            texts: n texts; or what `encode_texts` returned.

        Returns:
            Rewards, float32, (n,).

        Raises:
            RewardError: The lengths differ, an input is no image or no text, or the model broke its contract.
        """
        check_lengths(images, texts)
        text_features = self._text_features(texts)
        rewards = np.zeros(len(texts), dtype=np.float32)
        if not len(texts):
            return rewards
        image_features = self._image_features(images)
        self._check_width(image_features, text_features)
        distinct, group = np.unique(text_features.reshape(len(texts), -1), axis=0, return_inverse=True)
        for number in range(len(distinct)):
            pairs = np.flatnonzero(group.reshape(-1) == number)
            of_text = self.similarity(image_features[pairs], text_features[pairs[:1]])
            rewards[pairs] = checked(of_text, (len(pairs), 1), self.name)[:, 0]
        return rewards

    def _image_features(self, images: Sequence[Image.Image] | Rewards) -> Rewards:
        if isinstance(images, np.ndarray):
            return images
        images = list(images)  # held, so that no two of them have one id
        distinct = {id(image): image for image in images}
        features = self.encode_images(list(distinct.values()))
        row = {key: index for index, key in enumerate(distinct)}
        return features[[row[id(image)] for image in images]]

    def _text_features(self, texts: Sequence[str] | Rewards) -> Rewards:
        return texts if isinstance(texts, np.ndarray) else self.encode_texts(texts)

    def _check_width(self, image_features: Rewards, text_features: Rewards) -> None:
        if image_features.ndim < 2 or image_features.shape[-1] != text_features.shape[-1]:
            raise RewardError(
                f"Reward {self.name!r} can't compare image features of shape {image_features.shape} with text features "
                f"of shape {text_features.shape}: pass images and texts, or what encode_images and encode_texts gave."
            )

    def _fitting(self, work: Callable[[int], Rewards]) -> Rewards:
        features, size = halving(work, self.first_batch_size, self.name)
        if size < self.first_batch_size:
            self.batch_size = size
        return features

    def _in_batches(
        self,
        embed: Callable[[Sequence[Any]], Any],
        values: Sequence[Any],
        size: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Rewards:
        parts = []
        for rows in batches(len(values), size):
            part = as_float32(embed(values[rows]), self.name)
            if part.ndim < 2 or len(part) != len(values[rows]):
                raise RewardError(
                    f"{embed.__name__} of reward {self.name!r} returned shape {part.shape} for {len(values[rows])} "
                    f"inputs; expected ({len(values[rows])}, d)."
                )
            parts.append(part)
            if progress:
                progress(rows.stop, len(values))
        if not parts:
            return np.zeros((0, 1), dtype=np.float32)
        return normalised(np.concatenate(parts))


def normalised(features: NDArray[np.float32]) -> Rewards:
    """Scale vectors along the last axis to length one; a vector of zeros becomes NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: Rewards = features / np.linalg.norm(features, axis=-1, keepdims=True)
    return unit
