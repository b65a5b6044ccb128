"""`aesthetic`: how beautiful an image is, whatever the text; a control for rewards that should depend on it.

References:
    https://github.com/christophschuhmann/improved-aesthetic-predictor (commit 6934dd8, simple_inference.py);
    Schuhmann et al., LAION-5B: An Open Large-Scale Dataset for Training Next Generation Image-Text Models,
    arXiv:2210.08402.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import RewardError
from tia2.rewards.base import Rewards, as_float32
from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.families.clip.clip import CLASSES
from tia2.rewards.families.clip.pretrained_files import find_model
from tia2.rewards.families.clip.pretrained_loading import load_model
from tia2.rewards.loading.checkpoints import check_keys, read_state_dict
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.loading.web import fetch_url

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

VISION = "openai/clip-vit-large-patch14"
HEAD_URL = (
    "https://raw.githubusercontent.com/christophschuhmann/improved-aesthetic-predictor/"
    "6934dd81792f086e613a121dbce43082cb8be85e/sac+logos+ava1-l14-linearMSE.pth"
)
HEAD_SHA256 = "21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0"
LAYERS = (0, 2, 4, 6, 7)
"""The head's linear layers by their numbers in the checkpoint; between them lies dropout, which does nothing here."""


def preprocessing(side: int) -> Preprocessing:
    """Return what OpenAI's own transform does to an RGB image for a model of this size."""
    return Preprocessing(side, (side, side), 3, 1 / 255, CLIP_MEAN, CLIP_STD, rounding="even")


CARD = RewardCard(
    name="aesthetic",
    kind="control",
    formula="five linear layers on the normalised image embedding of CLIP ViT-L/14; the text is ignored",
    unit="points of a rating from 1 to 10",
    range=(None, None),
    preprocessing=str(preprocessing(224)),
    licence="Apache-2.0 (head), MIT (CLIP)",
    default_temperature=None,
    paper="arXiv:2210.08402",
    training_data="ratings of images by people: SAC, LAION-Logos, AVA; no texts",
    notes="A control: it scores the image alone. Over the contrastive prompts of an image it is a constant, of which "
    "TextNorm would make the same value for every image, so TextNorm refuses it and it has no default temperature.",
).model_copy(update={"weights": HEAD_URL, "vision": VISION})
"""What is known of the aesthetic predictor before it is loaded."""


class AestheticReward(DualEncoder):
    """LAION's aesthetic predictor v2: an affine function of CLIP's normalised image embedding.

    reward = W5 (W4 (W3 (W2 (W1 x + b1) + b2) + b3) + b4) + b5, x = f(image) / |f(image)|, in points of a rating from 1
    to 10, without a bound. Every text gets the same reward.

    Args:
        source: The checkpoint of the head, a .pth file; the published one if None.
        device: Where to run; the best device that is there if None.
        dtype: Number format of CLIP; the normalisation and the head are always float32.
        revision: Branch, tag or commit of CLIP on the hub.
        text_policy: Accepted as for other rewards; texts of any length are ignored alike.
        name: What to call the model.
        batch_size: How many images are encoded at a time; found automatically if None.
        vision: The CLIP whose embeddings the head takes: a folder in the layout of transformers, or a hub id.

    Raises:
        RewardError: The files are missing, damaged, or don't fit each other.
        DownloadError: The published head can't be fetched.
    """

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
        vision: str | Path = VISION,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        self._checkpoint = Path(source).expanduser() if source is not None else fetch_url(HEAD_URL, HEAD_SHA256)
        self._head = read_head(self._checkpoint)
        self._files = find_model(str(vision), revision, CLASSES)
        self._files.check_complete(preprocessing=False)
        model = load_model(self._files, CLASSES["clip"])
        if model.config.projection_dim != self._head[0][0].shape[1]:
            raise RewardError(
                f"The head {self._checkpoint} takes embeddings of {self._head[0][0].shape[1]} numbers; "
                f"{self._files.where} gives {model.config.projection_dim}. The published head goes with {VISION}."
            )
        self._tower = model.vision_model.to(device=where, dtype=self._dtype)
        self._projection = model.visual_projection.to(device=where, dtype=self._dtype)
        self._preprocessing = preprocessing(model.config.vision_config.image_size)
        self.parameters = sum(parameter.numel() for parameter in self._tower.parameters())
        self.name = name or (CARD.name if source is None else self._checkpoint.stem)
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return CARD.model_copy(
            update={
                "name": self.name,
                "preprocessing": str(self._preprocessing),
                "dtype": str(self._dtype).removeprefix("torch."),
                "weights": HEAD_URL if self.name == CARD.name else str(self._checkpoint),
                "vision": self._files.where,
                "revision": self._files.revision,
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over both checkpoints, formula, preprocessing and number format."""
        return fingerprint(
            [self._checkpoint, *self._files.weights(), self._files.folder / "config.json"],
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            preprocessing=str(self._preprocessing),
        )

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to CLIP's size."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> Rewards:
        """Embed one batch of prepared images with CLIP: (n, d)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            states = self._tower(pixels.to(self._tower.device, self._dtype))
            return as_float32(self._projection(states.pooler_output), self.name)

    def embed_texts(self, texts: Sequence[str]) -> Rewards:
        """Return the same for every text: (n, d)."""
        return np.ones((len(texts), self._head[0][0].shape[1]), dtype=np.float32)

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Rate the images in float32, alike for every text: (n_images, n_texts)."""
        values = image_features
        for weight, bias in self._head:
            values = values @ weight.T + bias
        return np.repeat(values, len(text_features), axis=1)


def read_head(path: Path) -> list[tuple[Rewards, Rewards]]:
    """Read the weights and biases of the head's linear layers, in float32.

    Args:
        path: A checkpoint in the layout of improved-aesthetic-predictor.

    Raises:
        RewardError: Not there, damaged, or of another architecture.
    """
    state: dict[str, Any] = read_state_dict(path)
    wanted = [f"layers.{number}.{part}" for number in LAYERS for part in ("weight", "bias")]
    check_keys(str(path), [key for key in wanted if key not in state], [key for key in state if key not in wanted])
    layers = [
        tuple(state[f"layers.{number}.{part}"].float().numpy() for part in ("weight", "bias")) for number in LAYERS
    ]
    width = None
    for number, (weight, bias) in zip(LAYERS, layers, strict=True):
        fits = weight.ndim == 2 and bias.shape == weight.shape[:1] and width in (None, weight.shape[1])
        if not fits or (number == LAYERS[-1] and len(weight) != 1):
            raise RewardError(
                f"{path}: layer {number} has weights of shape {weight.shape} and biases of shape {bias.shape}, which "
                f"don't follow on {width or 'an embedding'}; expected a chain that ends in one number."
            )
        width = weight.shape[0]
    return [(weight, bias) for weight, bias in layers]
