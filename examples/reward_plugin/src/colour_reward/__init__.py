"""A reward model that compares the colours in a picture with the colour words of a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.rewards import DualEncoder, RewardCard

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = {
    "red": (220, 40, 40),
    "orange": (240, 140, 30),
    "yellow": (235, 215, 45),
    "green": (45, 165, 70),
    "blue": (45, 90, 215),
    "purple": (135, 60, 180),
    "pink": (245, 150, 185),
    "brown": (130, 80, 45),
    "black": (20, 20, 20),
    "grey": (128, 128, 128),
    "white": (245, 245, 245),
}
"""What a typical pixel of each colour looks like: red, green and blue from 0 to 255."""

SAME_WORD = {"gray": "grey", "violet": "purple", "golden": "yellow", "crimson": "red", "scarlet": "red"}
WORD = re.compile(r"[a-z]+")
SHARPNESS = 40.0
"""Distance in colour at which a pixel counts for a colour by a factor of e less."""


class ColourReward(DualEncoder):
    """Cosine between the colours in a picture and the colour words of a prompt.

    Args:
        device: Where to run. This model has no use for a GPU and takes whatever it is given; yours will move weights.
        dtype: The number format of the towers; this model always computes in float32.
    """

    name = "colour"

    def __init__(self, *, device: str | None = None, dtype: str | None = None) -> None:
        # YOUR MODEL: load weights here, with `model.eval()`, and keep nothing that changes from call to call.
        # For a model with weights on the Hugging Face Hub take `source` as the first argument: it is what stands
        # after the colon in `--reward colour:SOURCE`.
        del device, dtype
        self.device = "cpu"

    @property
    def card(self) -> RewardCard:
        """The facts that a reader of the rewards needs. `unknown` is allowed, and shown as such."""
        return RewardCard(
            name=self.name,
            kind="dual encoder",
            formula="cosine of (amount of each colour, 1) and (1 for each colour word, 1)",
            unit="cosine",
            range=(-1.0, 1.0),
            preprocessing="RGB, resize 32x32 box (PIL)",
            dtype="float32",
            licence="Apache-2.0",
            training_data="none: colours and words were chosen by hand",
            default_temperature=0.05,  # about the standard deviation of the rewards of one image over its prompts
            notes="Sees no shapes, counts or positions. Meant to be copied, not to be used.",
        )

    # YOUR MODEL: with weights, override `fingerprint`, so that other weights count as another model:
    #
    #     @functools.cached_property
    #     def fingerprint(self) -> str:
    #         return tia2.rewards.loading.fingerprints.fingerprint([self.weights_file], formula=1, dtype=self.dtype)
    #
    # Without, it is a digest of this class's source code, which is right here.

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Shrink one RGB image. Runs in several threads at once: use nothing but the image."""
        return np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.uint8)

    def embed_images(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """Embed one batch of what `prepare_image` returned: (n, d)."""
        # YOUR MODEL: for example `self.model.get_image_features(torch.from_numpy(np.stack(prepared)).to(self.device))`.
        # A tensor on any device and in any number format will do; the base class normalises it in float32.
        pixels = np.stack(prepared).astype(np.float32).reshape(len(prepared), -1, 1, 3)
        distance = np.linalg.norm(pixels - np.array(list(COLOURS.values()), dtype=np.float32), axis=-1)
        closeness = np.exp(-distance / SHARPNESS)
        share = closeness / closeness.sum(axis=-1, keepdims=True)
        # The root: a small red circle is nearly as red as a large one.
        amount = np.sqrt(share.mean(axis=1))
        return np.concatenate([amount - amount.mean(axis=-1, keepdims=True), np.full((len(prepared), 1), 0.1)], axis=1)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed one batch of texts: (n, d). Each text by itself, and never a vector of zeros."""
        # YOUR MODEL: for example `self.model.get_text_features(**self.tokenizer(texts, padding=True, ...))`.
        names = list(COLOURS)
        features = np.zeros((len(texts), len(names) + 1), dtype=np.float32)
        features[:, -1] = 0.1
        for row, text in enumerate(texts):
            for word in WORD.findall(text.lower()):
                colour = SAME_WORD.get(word, word)
                if colour in COLOURS:
                    features[row, names.index(colour)] = 1.0
        return features
