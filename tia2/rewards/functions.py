"""A plain function, or an object that only has `score`, as a reward model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError
from tia2.rewards.base import RewardModel, Rewards, check_pairs, checked_numbers
from tia2.rewards.card import RewardCard
from tia2.rewards.identity import Identity, content_identity, origin
from tia2.rgb import to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

MEMBERS = ("name", "card", "fingerprint", "score", "score_matrix")


class FunctionReward:
    """Score pairs with a function `(images, texts) -> rewards`.

    The function gets a list of RGB images and a list of as many texts, at most `batch_size` of them, and returns as
    many numbers. Two runs count as the same model when the function's file, the files of your own that it imports, and
    the values that it uses are the same; give a `fingerprint` of your own where something decides the rewards that
    can't be looked into.

    Args:
        function: The function.
        name: Name of the reward; the function's name if None.
        card: Its facts; only the name is known if None.
        fingerprint: Digest that identifies it; that of its code and of the values that it uses if None.
        batch_size: The most pairs in one call.

    Example:
        >>> from PIL import Image
        >>> def words(images, texts):
        ...     return [float(len(text.split())) for text in texts]
        >>> FunctionReward(words).score([Image.new("L", (4, 4))], ["two cats"]).tolist()
        [2.0]
    """

    device = "unknown"

    def __init__(
        self,
        function: Callable[[list[Image.Image], list[str]], Any],
        *,
        name: str | None = None,
        card: RewardCard | None = None,
        fingerprint: str | None = None,
        batch_size: int = 64,
    ) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.card = card or RewardCard(name=self.name)
        self.batch_size = batch_size
        self._stated = fingerprint

    @property
    def fingerprint(self) -> str:
        """The fingerprint that was given, or the SHA-256 over the function's content as it is now."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint with the digests of its parts, and what could not be digested."""
        if self._stated is not None:
            return Identity(self._stated)
        return content_identity(self.function, origin=origin(self))

    def score(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score image i against text i: (n,), float32."""
        return self._exact(images, texts).astype(np.float32)

    def _exact(self, images: Sequence[Image.Image], texts: Sequence[str]) -> NDArray[np.float64]:
        check_pairs(images, texts)
        converted = {id(image): to_rgb(image) for image in images}
        rewards = np.zeros(len(texts))
        for start in range(0, len(texts), self.batch_size):
            batch = slice(start, start + self.batch_size)
            pairs = [converted[id(image)] for image in images[batch]], list(texts[batch])
            rewards[batch] = checked_numbers(self.function(*pairs), (len(pairs[1]),), self.name)
        return rewards

    def score_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score every image against every text: (n_images, n_texts), float32. Calls the function with every pair."""
        return self.exact_matrix(images, texts).astype(np.float32)

    def exact_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> NDArray[np.float64]:
        """Return what `score_matrix` does, before it is rounded to float32."""
        converted = [to_rgb(image) for image in images]
        pairs = [(image, text) for image in converted for text in texts]
        flat = self._exact([image for image, _ in pairs], [text for _, text in pairs])
        return flat.reshape(len(images), len(texts))


def as_reward(value: Any, name: str | None = None) -> RewardModel:
    """Return a reward model from a reward model, an object with a method `score(images, texts)`, or a function.

    Raises:
        RewardError: It is none of these.
    """
    # Looked up without calling: a fingerprint may be costly to compute.
    missing = [member for member in MEMBERS if inspect.getattr_static(value, member, None) is None]
    if not missing and not inspect.isclass(value):
        model: RewardModel = value
        return model
    scorer = getattr(value, "score", None)
    if callable(scorer) and not inspect.isclass(value):
        given = getattr(value, "name", None)
        return FunctionReward(scorer, name=given if given and isinstance(given, str) else name or type(value).__name__)
    if callable(value) and not inspect.isclass(value):
        return FunctionReward(value, name=name)
    raise RewardError(
        f"Expected a reward model, got {value!r}, which lacks {', '.join(missing)}; "
        "a function (images, texts) -> rewards will do, too."
    )
