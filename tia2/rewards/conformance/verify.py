"""Does a reward model give, with the real weights, the values that its authors publish?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from tia2.errors import DownloadError, Tia2Error
from tia2.rewards.conformance.published_values import EXAMPLES, READ_IN_VAIN, Example, PublishedImage, examples_for
from tia2.rewards.loading.web import fetch_url, is_unreachable
from tia2.rewards.registry import card, load_reward

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """One published value beside the one that came out.

    Attributes:
        image: The image's file name.
        text: The text.
        quantity: What the values are.
        expected: The published value.
        got: What came out.
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
        """What came out less what was published."""
        return self.got - self.expected

    @property
    def within(self) -> bool:
        """Whether the difference is small enough; never for NaN."""
        return abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """What came of comparing a reward model with published values.

    Attributes:
        reward: The spec.
        comparisons: Every value; empty if there was nothing to compare or it could not be fetched.
        obstacle: Why nothing was compared, or None.
    """

    reward: str
    comparisons: tuple[Comparison, ...] = ()
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
        spec: As for `load_reward`.
        weights_of: The spec of the published model that this one is a copy of; the spec itself if None.
        examples: What to compare with; everything published for these weights if None.
        **options: As for `load_reward`.

    Returns:
        The values side by side, or why there are none: no example is published, or images or weights can't be fetched.

    Raises:
        UnknownNameError: No reward model of that name.
        RewardError: It can't be loaded, for another reason than the network.
    """
    card(spec)
    if weights_of is not None:
        card(weights_of)
    known = examples_for(weights_of or spec) if examples is None else list(examples)
    if not known:
        return Verification(spec, obstacle=_nothing_published(weights_of or spec))
    try:
        images = {image: _fetch(image) for example in known for image in example.images}
        model = load_reward(spec, **options)
    except Tia2Error as error:
        if is_unreachable(error):
            return Verification(spec, obstacle=f"no network. {error}")
        if isinstance(error, DownloadError):
            return Verification(spec, obstacle=str(error))
        raise
    found = []
    for example in known:
        got = quantity_of(model.score_matrix([images[image] for image in example.images], example.texts), example)
        for row, image in enumerate(example.images):
            for column, text in enumerate(example.texts):
                found.append(
                    Comparison(
                        image=image.name,
                        text=text,
                        quantity=example.quantity,
                        expected=example.expected[row][column],
                        got=float(got[row, column]),
                        tolerance=example.tolerance,
                        source=example.source,
                        by=example.by,
                    )
                )
    return Verification(spec, tuple(found))


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
        with Image.open(path) as opened:
            whole: Image.Image = opened.copy()
            return whole
    except (UnidentifiedImageError, OSError) as error:
        path.unlink(missing_ok=True)
        raise DownloadError(f"{image.url} is no image that can be read: {' '.join(str(error).split())}") from None


def _nothing_published(spec: str) -> str:
    family, _, source = spec.partition(":")
    if place := READ_IN_VAIN.get(family.removeprefix("paper-")):
        return f"the authors publish no example values (read: {place})."
    known = {name for example in EXAMPLES for name in example.rewards if name.partition(":")[0] == family}
    if source and known:
        return (
            f"no example values are known for {source!r}. If it is a copy of published weights, say of which: "
            f"{', '.join(sorted(known))}."
        )
    return "the authors publish no example values."
