"""`aesthetic`: how beautiful an image is, whatever the text; a control for rewards that should depend on it.

References:
    https://github.com/christophschuhmann/improved-aesthetic-predictor (commit 6934dd8, simple_inference.py);
    Schuhmann et al., LAION-5B: An Open Large-Scale Dataset for Training Next Generation Image-Text Models,
    arXiv:2210.08402.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError
from tia2.rewards.base import Rewards
from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.clip.towers import CLASSES
from tia2.rewards.loading.checkpoints import check_keys, read_state_dict
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing
from tia2.rewards.loading.transformers_files import find_model
from tia2.rewards.loading.transformers_models import load_model
from tia2.rewards.loading.web import fetch_url
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder, count_weights

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

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
"""The facts about the aesthetic predictor before it is loaded."""


class AestheticReward(PretrainedEncoder, DualEncoder):
    """LAION's aesthetic predictor v2: an affine function of CLIP's normalised image embedding.

    reward = W5 (W4 (W3 (W2 (W1 x + b1) + b2) + b3) + b4) + b5, x = f(image) / |f(image)|, in points of a rating from 1
    to 10, without a bound. Every text gets the same reward, whatever its length and the text policy.

    Args:
        source: The checkpoint of the head, a .pth file; the published one if None.
        vision: The CLIP whose embeddings the head takes: a folder in the layout of transformers, or a hub id, of which
            the option `revision` speaks.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, or don't fit each other.
        DownloadError: The published head can't be fetched.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self, source: str | Path | None = None, *, vision: str | Path = VISION, **options: Unpack[EncoderKeywords]
    ) -> None:
        shared = EncoderOptions(**options)
        checkpoint = Path(source).expanduser() if source is not None else fetch_url(HEAD_URL, HEAD_SHA256)
        self._head = read_head(checkpoint)
        width = self._head[0][0].shape[1]
        files = find_model(str(vision), shared.revision, CLASSES)
        files.check_complete(preprocessing=False)
        clip = load_model(files, CLASSES["clip"])
        if clip.config.projection_dim != width:
            raise RewardError(
                f"The head {checkpoint} takes embeddings of {width} numbers; {files.where} gives "
                f"{clip.config.projection_dim}. The published head goes with {VISION}."
            )
        clip.text_model = None  # CLIP's text tower is never run
        model = PlacedModel.of(clip, shared)
        steps = preprocessing(clip.config.vision_config.image_size)

        def embed(pixels: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = clip.visual_projection(clip.vision_model(pixels).pooler_output)
            return features

        name = shared.name or (CARD.name if source is None else checkpoint.stem)
        loaded = LoadedEncoder(
            name=name,
            preprocessing=steps,
            image_tower=model.image_tower(steps, embed),
            dtype=model.dtype,
            device=model.device,
            parameters=count_weights(clip.vision_model),
            files=[checkpoint, *files.weights(), files.folder / "config.json"],
            facts={
                "weights": HEAD_URL if name == CARD.name else str(checkpoint),
                "vision": files.where,
                "revision": files.revision,
            },
        )
        super().__init__(loaded, shared)

    def embed_texts(self, texts: Sequence[str]) -> Rewards:
        """Return ones for every text: (n, d)."""
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
    expected = [f"layers.{number}.{part}" for number in LAYERS for part in ("weight", "bias")]
    check_keys(str(path), [key for key in expected if key not in state], [key for key in state if key not in expected])
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
