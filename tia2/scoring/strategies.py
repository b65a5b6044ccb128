"""The rewards of one batch of images, by the shortest way that each kind of reward model allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tia2.rewards.base import Rewards, checked
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import Encoder
from tia2.rewards.functions import FunctionReward
from tia2.rewards.loading.batching import halving

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards import RewardModel

Texts = tuple[str, ...]
Progress = Callable[[int, int], None]

BATCH_SIZE = 64
"""Images at a time, for reward models that don't say."""


class Kind(Protocol):
    """How a kind of reward model scores a batch."""

    def prepare(self, image: Image.Image) -> Any:
        """Turn an RGB image into what `rewards` takes; called from several threads at once."""
        ...

    def begin(self, texts: Sequence[str], batch_size: int, progress: Progress) -> int:
        """Do what is done once for all texts of the benchmark, and return the batch size that fitted."""
        ...

    def rewards(self, prepared: Sequence[Any], texts: Sequence[Texts]) -> list[Rewards]:
        """Return the rewards of each image with its own texts."""
        ...


class Dual:
    """Every distinct text is embedded once for the whole benchmark, every image once; a product gives the rewards."""

    def __init__(self, model: DualEncoder) -> None:
        self._model = model
        self._features: Rewards = np.zeros((0, 0), dtype=np.float32)
        self._column: dict[str, int] = {}

    def prepare(self, image: Image.Image) -> Any:
        """Run the model's preprocessing."""
        return self._model.prepare_image(image)

    def begin(self, texts: Sequence[str], batch_size: int, progress: Progress) -> int:
        """Embed the texts."""

        def encode(size: int) -> Rewards:
            return self._model.encode_texts(texts, batch_size=size, progress=progress)

        self._features, size = halving(encode, batch_size, self._model.name)
        self._column = {text: column for column, text in enumerate(texts)}
        return size

    def rewards(self, prepared: Sequence[Any], texts: Sequence[Texts]) -> list[Rewards]:
        """Embed the images and compare each with its texts."""
        features = self._model.encode_prepared(prepared, batch_size=len(prepared))

        def score(places: list[int], group: Texts) -> Any:
            columns = [self._column[text] for text in group]
            return self._model.similarity(features[places], self._features[columns])

        return _by_group(texts, score, self._model.name)


class Cross:
    """The image part runs once an image, the text part over all texts of that image."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    def prepare(self, image: Image.Image) -> Any:
        """Run the model's preprocessing."""
        return self._model.prepare_image(image)

    def begin(self, texts: Sequence[str], batch_size: int, progress: Progress) -> int:
        """Apply the text policy."""
        del progress
        self._model.admit(texts)
        return batch_size

    def rewards(self, prepared: Sequence[Any], texts: Sequence[Texts]) -> list[Rewards]:
        """Run the image part on the batch, then the text part image by image."""
        features = self._model.encode_prepared(prepared, batch_size=len(prepared))
        return [self._model.score_features(feature, group) for feature, group in zip(features, texts, strict=True)]


class Other:
    """Images with the same texts are scored together, by the model's own `score_matrix`."""

    def __init__(self, model: RewardModel) -> None:
        self._model = model

    def prepare(self, image: Image.Image) -> Any:
        """Leave the image as it is."""
        return image

    def begin(self, texts: Sequence[str], batch_size: int, progress: Progress) -> int:
        """Do nothing."""
        del texts, progress
        return batch_size

    def rewards(self, prepared: Sequence[Any], texts: Sequence[Texts]) -> list[Rewards]:
        """Call the model once for each set of texts."""

        def score(places: list[int], group: Texts) -> Any:
            return self._model.score_matrix([prepared[place] for place in places], list(group))

        return _by_group(texts, score, self._model.name)


def kind_of(model: RewardModel) -> Kind:
    """Return how to score with a model."""
    if isinstance(model, DualEncoder):
        return Dual(model)
    return Cross(model) if isinstance(model, CrossEncoder) else Other(model)


def first_batch_size(model: RewardModel) -> int:
    """Return how many images at a time to begin with."""
    if isinstance(model, Encoder):
        return model.first_batch_size
    return model.batch_size if isinstance(model, FunctionReward) else BATCH_SIZE


def truncated(model: RewardModel, texts: Sequence[str]) -> int:
    """Return of how many texts the model sees only the beginning, as far as it says."""
    return len(model.overlong(texts)) if isinstance(model, Encoder) else 0


def _by_group(texts: Sequence[Texts], score: Callable[[list[int], Texts], Any], name: str) -> list[Rewards]:
    groups: dict[Texts, list[int]] = {}
    for place, group in enumerate(texts):
        groups.setdefault(group, []).append(place)
    rewards: list[Rewards] = [np.zeros(0, dtype=np.float32)] * len(texts)
    for group, places in groups.items():
        matrix = checked(score(places, group), (len(places), len(group)), name)
        for place, row in zip(places, matrix, strict=True):
            rewards[place] = row
    return rewards
