"""How each kind of reward model scores a benchmark with the least work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tia2.benchmark.loading import decode
from tia2.errors import BenchmarkError, ImageFileError
from tia2.frames import read_frames
from tia2.progress import Progress, silent
from tia2.rewards.base import Rewards, checked_numbers
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import Encoder
from tia2.rewards.frames import FramesReward
from tia2.rewards.functions import FunctionReward
from tia2.rewards.loading.batching import halving
from tia2.scoring.kept_texts import KeptTexts
from tia2.scoring.rounding import RoundingTies

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards import RewardModel

Texts = tuple[str, ...]
"""The texts that one image is scored against: its prompt, then its contrastive prompts."""

BatchScorer = Callable[[Sequence[Any], Sequence[Texts]], list[Rewards]]
"""Takes prepared images and the texts of each, and returns each image's rewards with its own texts."""

BATCH_SIZE = 64
"""Images at a time, for reward models that don't say."""


class Strategy(Protocol):
    """How one kind of reward model scores a benchmark."""

    ties: RoundingTies
    """Rewards that float32 makes equal."""

    def read(self, content: bytes, item: str) -> Any:
        """Turn an image file's bytes into what `prepare` takes; called from several threads at once."""
        ...

    def prepare(self, image: Any) -> Any:
        """Turn an RGB image into what the batch scorer takes; called from several threads at once."""
        ...

    def begin(
        self, texts: Sequence[str], batch_size: int, progress: Progress = silent, kept: KeptTexts | None = None
    ) -> tuple[BatchScorer, int]:
        """Do what is done once for all texts of the benchmark.

        Args:
            texts: The distinct texts of the benchmark.
            batch_size: Texts at a time to begin with.
            progress: Called with "texts", the texts done, and the texts in all.
            kept: Where encoded texts are kept for others that score the same table; None for nowhere.

        Returns:
            The function that scores batches, and the batch size that fitted in memory.
        """
        ...


class _OfImages:
    """Strategies for one RGB image per item."""

    def read(self, content: bytes, item: str) -> Image.Image:
        """Decode an image file."""
        return decode(content, item)


class DualStrategy(_OfImages):
    """Every distinct text is embedded once for the whole benchmark, every image once; a product gives the rewards."""

    def __init__(self, model: DualEncoder) -> None:
        self._model = model
        self.ties = RoundingTies()

    def prepare(self, image: Image.Image) -> Any:
        """Run the model's preprocessing."""
        return self._model.prepare_image(image)

    def begin(
        self, texts: Sequence[str], batch_size: int, progress: Progress = silent, kept: KeptTexts | None = None
    ) -> tuple[BatchScorer, int]:
        """Embed the texts, or take what another process embedded."""
        model = self._model

        def encode(size: int) -> Rewards:
            return model.encode_texts(
                texts, batch_size=size, progress=lambda done, total: progress("texts", done, total)
            )

        earlier, size = kept.read() if kept else None, batch_size
        if earlier is None:
            encoded, size = halving(encode, batch_size, model.name)
            text_features = kept.keep(encoded) if kept else encoded
        else:
            model.admit(texts)
            text_features = earlier
        rows = {text: row for row, text in enumerate(texts)}

        def score_batch(prepared: Sequence[Any], texts_of_images: Sequence[Texts]) -> list[Rewards]:
            image_features = model.encode_prepared(prepared, batch_size=len(prepared))

            def score(images: list[int], group: Texts) -> Any:
                return model.similarity(image_features[images], text_features[[rows[text] for text in group]])

            return _by_group(texts_of_images, score, model.name, self.ties)

        return score_batch, size


class CrossStrategy(_OfImages):
    """The image part runs once per image, the text part over all texts of that image."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model
        self.ties = RoundingTies()

    def prepare(self, image: Image.Image) -> Any:
        """Run the model's preprocessing."""
        return self._model.prepare_image(image)

    def begin(
        self, texts: Sequence[str], batch_size: int, progress: Progress = silent, kept: KeptTexts | None = None
    ) -> tuple[BatchScorer, int]:
        """Apply the text policy; the texts themselves are encoded beside each image."""
        del progress, kept
        self._model.admit(texts)
        return self._score_batch, batch_size

    def _score_batch(self, prepared: Sequence[Any], texts_of_images: Sequence[Texts]) -> list[Rewards]:
        """Run the image part on the batch, then the text part image by image."""
        features = self._model.encode_prepared(prepared, batch_size=len(prepared))
        rows = []
        for feature, texts in zip(features, texts_of_images, strict=True):
            exact = self._model.exact_rewards(feature, texts)
            self.ties.add(texts, exact[None, :])
            rows.append(exact.astype(np.float32, copy=False))
        return rows


class MatrixStrategy(_OfImages):
    """Images with the same texts are scored together, by the model's own `score_matrix`."""

    def __init__(self, model: RewardModel) -> None:
        self._model = model
        self.ties = RoundingTies()

    def prepare(self, image: Image.Image) -> Any:
        """Leave the image as it is: the model takes PIL images."""
        return image

    def begin(
        self, texts: Sequence[str], batch_size: int, progress: Progress = silent, kept: KeptTexts | None = None
    ) -> tuple[BatchScorer, int]:
        """Do nothing beforehand."""
        del texts, progress, kept
        return self._score_batch, batch_size

    def _score_batch(self, prepared: Sequence[Any], texts_of_images: Sequence[Texts]) -> list[Rewards]:
        # A function's own numbers, so that what float32 makes equal is noticed.
        of_model = self._model.exact_matrix if isinstance(self._model, FunctionReward) else self._model.score_matrix

        def score(images: list[int], group: Texts) -> Any:
            return of_model([prepared[image] for image in images], list(group))

        return _by_group(texts_of_images, score, self._model.name, self.ties)


class FramesStrategy:
    """The frames of each item are scored as images are, each encoded once, and then pooled."""

    def __init__(self, model: FramesReward) -> None:
        self._model = model
        self._of_frames = strategy_for(model.reward)
        self.ties = self._of_frames.ties

    def read(self, content: bytes, item: str) -> list[Image.Image]:
        """Decode evenly spaced frames."""
        try:
            return read_frames(content, self._model.frames)
        except ImageFileError as error:
            raise BenchmarkError(f"The frames of {item} can't be read: {error}.") from None

    def prepare(self, image: list[Image.Image]) -> list[Any]:
        """Prepare each frame."""
        return [self._of_frames.prepare(frame) for frame in image]

    def begin(
        self, texts: Sequence[str], batch_size: int, progress: Progress = silent, kept: KeptTexts | None = None
    ) -> tuple[BatchScorer, int]:
        """Begin as for images."""
        score_frames, size = self._of_frames.begin(texts, batch_size, progress, kept)

        def score_batch(prepared: Sequence[Any], texts_of_images: Sequence[Texts]) -> list[Rewards]:
            frames = [frame for item in prepared for frame in item]
            texts_of_frames = [group for item, group in zip(prepared, texts_of_images, strict=True) for _ in item]
            rows: list[Rewards] = []
            # As many frames at a time as images fit in memory.
            for start in range(0, len(frames), len(prepared)):
                part = slice(start, start + len(prepared))
                rows += score_frames(frames[part], texts_of_frames[part])
            pooled, start = [], 0
            for item in prepared:
                pooled.append(self._model.pooled(np.stack(rows[start : start + len(item)])))
                start += len(item)
            return pooled

        return score_batch, size


def strategy_for(model: RewardModel) -> Strategy:
    """Return how to score with a model."""
    if isinstance(model, FramesReward):
        return FramesStrategy(model)
    if isinstance(model, DualEncoder):
        return DualStrategy(model)
    return CrossStrategy(model) if isinstance(model, CrossEncoder) else MatrixStrategy(model)


def first_batch_size(model: RewardModel) -> int:
    """Return the number of images at a time to begin with."""
    if isinstance(model, FramesReward):
        return first_batch_size(model.reward)
    if isinstance(model, Encoder):
        return model.first_batch_size
    return model.batch_size if isinstance(model, FunctionReward) else BATCH_SIZE


def truncated(model: RewardModel, texts: Sequence[str]) -> int:
    """Return the number of texts that the model sees only the beginning of, as far as it says."""
    if isinstance(model, FramesReward):
        return truncated(model.reward, texts)
    return len(model.overlong(texts)) if isinstance(model, Encoder) else 0


def _by_group(
    texts_of_images: Sequence[Texts], score: Callable[[list[int], Texts], Any], name: str, ties: RoundingTies
) -> list[Rewards]:
    """Score the images that share their texts together, and return the rewards in the images' order."""
    groups: dict[Texts, list[int]] = {}
    for image, texts in enumerate(texts_of_images):
        groups.setdefault(texts, []).append(image)
    rewards: dict[int, Rewards] = {}
    for texts, images in groups.items():
        exact = checked_numbers(score(images, texts), (len(images), len(texts)), name)
        ties.add(texts, exact)
        rewards.update(zip(images, exact.astype(np.float32, copy=False), strict=True))
    return [rewards[image] for image in range(len(texts_of_images))]
