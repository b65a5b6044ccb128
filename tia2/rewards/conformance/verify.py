"""Does a reward model give, with the real weights, the values that its authors publish?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.decoding import read_picture
from tia2.errors import DownloadError, ImageFileError, Tia2Error
from tia2.rewards.conformance.published_values import EXAMPLES, READ_IN_VAIN, Example, PublishedImage, examples_for
from tia2.rewards.loading.web import fetch_url, is_unreachable
from tia2.rewards.registry import card, load_reward

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True)
class PublishedComparison:
    """One published value beside the computed one.

    Attributes:
        image: The image's file name.
        text: The text.
        quantity: Meaning of the values.
        expected: The published value.
        got: The computed value.
        tolerance: The largest difference that counts as the same.
        source: Where the published value was read.
        by: Who published it.
    """

    image: str
    text: str
    quantity: str
    expected: float
    got: float
    tolerance: float
    source: str
    by: str

    @property
    def difference(self) -> float:
        """The computed value less the published one."""
        return self.got - self.expected

    @property
    def within(self) -> bool:
        """Whether the difference is small enough; never for NaN."""
        return abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """The outcome of comparing a reward model with published values.

    Attributes:
        reward: The spec.
        comparisons: Every value; empty if there was nothing to compare or it could not be fetched.
        obstacle: Why nothing was compared, or None.
    """

    reward: str
    comparisons: tuple[PublishedComparison, ...] = ()
    obstacle: str | None = None

    @property
    def verified(self) -> bool | None:
        """Whether all values are within their tolerance; None if nothing was compared."""
        return None if self.obstacle else all(comparison.within for comparison in self.comparisons)


def verify(
    spec: str, *, weights_of: str | None = None, examples: Sequence[Example] | None = None, **options: Any
) -> Verification:
    """Compare a reward model with the values that its authors publish.

    Args:
        spec: A spec, as `load_reward` takes it.
        weights_of: The spec of the published model that this one is a copy of; the spec itself if None.
        examples: Published values to compare with; everything published for these weights if None.
        **options: Options of `load_reward`.

    Returns:
        The values side by side, or why there are none: no example is published, or images or weights can't be fetched.

    Raises:
        UnknownNameError: No reward model of that name.
        RewardError: It can't be loaded, for another reason than the network.
    """
    card(spec)
    if weights_of is not None:
        card(weights_of)
    published = examples_for(weights_of or spec) if examples is None else list(examples)
    if not published:
        return Verification(spec, obstacle=_nothing_published(weights_of or spec))
    try:
        images = {image: _fetch(image) for example in published for image in example.images}
        model = load_reward(spec, **options)
    except Tia2Error as error:
        if is_unreachable(error):
            return Verification(spec, obstacle=f"no network. {error}")
        if isinstance(error, DownloadError):
            return Verification(spec, obstacle=str(error))
        raise
    comparisons = []
    for example in published:
        values = quantity_of(model.score_matrix([images[image] for image in example.images], example.texts), example)
        for row, image in enumerate(example.images):
            for column, text in enumerate(example.texts):
                comparisons.append(
                    PublishedComparison(
                        image=image.name,
                        text=text,
                        quantity=example.quantity,
                        expected=example.expected[row][column],
                        got=float(values[row, column]),
                        tolerance=example.tolerance,
                        source=example.source,
                        by=example.by,
                    )
                )
    return Verification(spec, tuple(comparisons))


def quantity_of(rewards: NDArray[np.float32], example: Example) -> NDArray[np.float64]:
    """Turn rewards (n_images, n_texts) into what the example publishes.

    Example:
        >>> from tia2.rewards.conformance.published_values import EXAMPLES
        >>> quantity_of(np.zeros((1, 3), dtype=np.float32), EXAMPLES[1]).round(3).tolist()
        [[0.333, 0.333, 0.333]]
    """
    values: NDArray[np.float64] = example.scale * rewards.astype(np.float64)
    if example.quantity == "softmax over the texts":
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        values = exponentials / exponentials.sum(axis=1, keepdims=True)
    elif example.quantity == "sigmoid":
        values = 1 / (1 + np.exp(-values))
    return values


def _fetch(image: PublishedImage) -> Image.Image:
    path = fetch_url(image.url, image.sha256)
    try:
        return read_picture(path.read_bytes())
    except (OSError, ImageFileError) as error:
        path.unlink(missing_ok=True)
        raise DownloadError(f"{image.url} is no image that can be read: {' '.join(str(error).split())}") from None


def _nothing_published(spec: str) -> str:
    family, _, source = spec.partition(":")
    if source_read := READ_IN_VAIN.get(family.removeprefix("paper-")):
        return f"the authors publish no example values (read: {source_read})."
    published = {name for example in EXAMPLES for name in example.rewards if name.partition(":")[0] == family}
    if source and published:
        return (
            f"no example values are known for {source!r}. If it is a copy of published weights, say of which: "
            f"{', '.join(sorted(published))}."
        )
    return "the authors publish no example values."
