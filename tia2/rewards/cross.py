"""The base class of rewards that look at image and text together, with an image part that is computed once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError
from tia2.rewards.base import Numbers, Rewards, check_lengths, checked_numbers
from tia2.rewards.card import RewardCard
from tia2.rewards.encoder import Encoder, ImageFeatures, batches
from tia2.rewards.loading.batching import halving

if TYPE_CHECKING:
    from PIL import Image


class CrossEncoder(Encoder):
    """A reward whose text part attends to the image: the image part runs once per image, the text part once per pair.

    A subclass implements `embed_images` and `score_batch`, and may override `prepare_image` (runs in parallel
    threads), `text_key`, `overlong`, `card` and `fingerprint`.

    Attributes:
        name: Name of the model in tables and plots.
        device: Where it runs.
        batch_size: Number of images that are encoded at a time; None begins with a size that suits device and model.
        text_batch_size: Number of texts that are scored at a time.

    Example:
        >>> from PIL import Image
        >>> class Warm(CrossEncoder):
        ...     def embed_images(self, prepared):
        ...         return [np.asarray(image)[..., 0].mean() / 255 for image in prepared]
        ...     def score_batch(self, image_features, texts):
        ...         return [red if "warm" in text else 1 - red for red, text in zip(image_features * len(texts), texts)]
        >>> Warm().score_matrix([Image.new("RGB", (8, 8), "red")], ["warm", "cold"]).tolist()
        [[1.0, 0.0]]
    """

    name = ""  # so that each subclass is called by its own name
    text_batch_size: int = 256

    @abstractmethod
    def embed_images(self, prepared: Sequence[Any]) -> Any:
        """Run the image part on one batch of what `prepare_image` returned: a sequence of one feature per image.

        A tensor whose first axis counts the images is such a sequence.
        """

    @abstractmethod
    def score_batch(self, image_features: Sequence[Any], texts: Sequence[str]) -> Any:
        """Run the text part on one batch.

        Args:
            image_features: One feature, to be shared by all texts; or as many as texts, for pairs.
            texts: n texts of about one length.

        Returns:
            Rewards, (n,).
        """

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of its rewards needs."""
        return RewardCard(name=self.name, kind="cross-encoder")

    def text_key(self, text: str) -> Any:
        """Return the key that texts are sorted by before they are put in batches: length, so that few need padding."""
        return len(text), text

    def encode_images(self, images: Sequence[Image.Image]) -> ImageFeatures:
        """Run the image part on images of any mode: one opaque feature per image."""
        prepared = self._prepared(images)
        features, size = halving(
            lambda size: self.encode_prepared(prepared, batch_size=size), self.first_batch_size, self.name
        )
        if size < self.first_batch_size:
            self.batch_size = size
        return ImageFeatures(features)

    def encode_prepared(self, prepared: Sequence[Any], *, batch_size: int | None = None) -> list[Any]:
        """Run the image part on what `prepare_image` returned, as `encode_images` does after its first step."""
        features: list[Any] = []
        for rows in batches(len(prepared), batch_size or self.first_batch_size):
            part = self.embed_images(prepared[rows])
            if len(part) != len(prepared[rows]):
                raise RewardError(
                    f"embed_images of reward {self.name!r} returned {len(part)} features "
                    f"for {len(prepared[rows])} images."
                )
            features += [part[index] for index in range(len(part))]
        return features

    def score_features(self, image_feature: Any, texts: Sequence[str]) -> Rewards:
        """Score one encoded image against texts: (n_texts,), float32. Assumes that `admit` has seen the texts."""
        return self.exact_rewards(image_feature, texts).astype(np.float32, copy=False)

    def exact_rewards(self, image_feature: Any, texts: Sequence[str]) -> Numbers:
        """Return what `score_features` does, but float64 where the model gives it, before it is rounded."""
        return self._by_length([image_feature], texts)

    def score_matrix(self, images: Sequence[Image.Image] | ImageFeatures, texts: Sequence[str]) -> Rewards:
        """Score every image against every text; each image is encoded once.

        Args:
            images: n_images PIL images of any mode, which are not changed; or what `encode_images` returned.
            texts: n_texts texts.

        Returns:
            Rewards, float32, (n_images, n_texts).

        Raises:
            RewardError: An input is no image or no text, or the model broke its contract.
        """
        self.admit(texts)
        rewards = np.zeros((len(images), len(texts)), dtype=np.float32)
        if not rewards.size:
            return rewards
        # A batch of images at a time: their features are large.
        for rows in batches(len(images), self.first_batch_size):
            part = images[rows]
            features = part if isinstance(part, ImageFeatures) else self.encode_images(part)
            for row, feature in enumerate(features, start=rows.start):
                rewards[row] = self.score_features(feature, texts)
        return rewards

    def score(self, images: Sequence[Image.Image] | ImageFeatures, texts: Sequence[str]) -> Rewards:
        """Score image i against text i; an image that appears several times is encoded once.

        Args:
            images: n PIL images of any mode, which are not changed; or what `encode_images` returned.
            texts: n texts.

        Returns:
            Rewards, float32, (n,).

        Raises:
            RewardError: The lengths differ, an input is no image or no text, or the model broke its contract.
        """
        check_lengths(images, texts)
        self.admit(texts)
        images = images if isinstance(images, ImageFeatures) else list(images)
        rewards = np.zeros(len(texts), dtype=np.float32)
        for pairs in self._grouped(images):
            chosen = [images[index] for index in pairs]
            shared = all(image is chosen[0] for image in chosen)
            distinct = chosen[:1] if shared else chosen
            features = distinct if isinstance(images, ImageFeatures) else self.encode_images(distinct)
            rewards[pairs] = self._by_length(features, [texts[index] for index in pairs])
        return rewards

    def _grouped(self, images: Sequence[Any]) -> list[list[int]]:
        """Return the positions of pairs to score together: all of one image, or one each of a batch of images."""
        of_image: dict[int, list[int]] = {}
        for index, image in enumerate(images):
            of_image.setdefault(id(image), []).append(index)
        shared = [indices for indices in of_image.values() if len(indices) > 1]
        single = [indices[0] for indices in of_image.values() if len(indices) == 1]
        return shared + [single[rows] for rows in batches(len(single), self.first_batch_size)]

    def _by_length(self, features: Sequence[Any], texts: Sequence[str]) -> Numbers:
        order = sorted(range(len(texts)), key=lambda index: self.text_key(texts[index]))
        batch_rewards: dict[int, tuple[list[int], Numbers]] = {}

        def fill(size: int) -> None:
            batch_rewards.clear()
            for rows in batches(len(order), size):
                indices = order[rows]
                of_pairs = features if len(features) == 1 else [features[index] for index in indices]
                scored = self.score_batch(of_pairs, [texts[index] for index in indices])
                batch_rewards[rows.start] = indices, checked_numbers(scored, (len(indices),), self.name)

        _, size = halving(fill, self.text_batch_size, self.name)
        if size < self.text_batch_size:
            self.text_batch_size = size
        is_exact = any(part.dtype == np.float64 for _, part in batch_rewards.values())
        rewards: Numbers = np.zeros(len(texts), dtype=np.float64 if is_exact else np.float32)
        for indices, part in batch_rewards.values():
            rewards[indices] = part
        return rewards
