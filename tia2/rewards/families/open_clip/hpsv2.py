"""`hpsv2:v2.0` and `hpsv2:v2.1`: CLIP ViT-H/14, trained on rankings of images.

References:
    Wu et al., Human Preference Score v2: A Solid Benchmark for Evaluating Human Preferences of Text-to-Image Synthesis,
    arXiv:2306.09341; https://github.com/tgxs002/HPSv2 (commit 866735e, hpsv2/img_score.py, hpsv2/utils.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import RewardError, unknown_name
from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.families.blip.layout import only_checkpoint
from tia2.rewards.families.open_clip.loading import CONFIG, fit, library, make
from tia2.rewards.families.open_clip.tensor_resize import LongestSide
from tia2.rewards.families.open_clip.texts import OpenClipTokens
from tia2.rewards.loading.checkpoints import read_state_dict
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.hub import commit_of, fetch_file

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

HUB_ID = "xswu/HPSv2"
VERSIONS = {"v2.0": "HPS_v2_compressed.pt", "v2.1": "HPS_v2.1_compressed.pt"}
"""The published checkpoints. Rewards of the two can't be compared."""

ARCHITECTURE = "ViT-H-14"

CARD = RewardCard(
    name="hpsv2",
    kind="dual encoder",
    hub_id=HUB_ID,
    formula="cosine of image and text embedding, without the logit scale; the authors' benchmark shows it times 100",
    unit="cosine",
    range=(-1.0, 1.0),
    preprocessing=str(LongestSide(224)),
    text_limit=77,
    text_policy="truncate",
    licence="Apache-2.0",
    # The inverse of the logit scale of 100, with which the authors fine-tuned.
    default_temperature=0.01,
    paper="arXiv:2306.09341",
    training_data="Human Preference Dataset v2: 798k choices on 434k images; LAION-2B before that",
    notes="v2.0 and v2.1 give rewards that can't be compared. The published figures predate torchvision 0.17 and so, "
    "presumably, antialiasing: antialias=False gives what the authors' code gave then.",
)
"""What is known of HPSv2 before it is loaded."""


def version_card(source: str) -> RewardCard:
    """Return what is known of a version, or of a checkpoint on this machine, before it is loaded.

    Args:
        source: What follows the colon of the spec.
    """
    if source in VERSIONS:
        return CARD.model_copy(update={"name": f"hpsv2-{source}"})
    return CARD.model_copy(update={"name": Path(source).stem, "hub_id": None})


class HpsV2Reward(DualEncoder):
    """HPSv2: the cosine of a CLIP ViT-H/14 that was fine-tuned on rankings.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1]; on a preprocessing of its own.

    Args:
        source: "v2.0" or "v2.1"; or a checkpoint, or a folder with one, maybe with an open_clip_config.json beside it.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; the normalisation and the product are always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past 77 tokens: "truncate" keeps the end token and warns with a count,
            "error" refuses them.
        name: What to call the model.
        batch_size: How many images or texts are encoded at a time; found automatically if None.
        antialias: Whether images are antialiased when they shrink; False as torchvision did before version 0.17.
        vocabulary: A file of byte-pair merges in place of CLIP's.

    Raises:
        MissingDependencyError: open_clip_torch isn't installed.
        RewardError: The files are missing or damaged, or don't fit the architecture.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
        antialias: bool = True,
        vocabulary: str | Path | None = None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        library()
        self._checkpoint = _find(str(source), revision)
        self._config = _architecture(self._checkpoint.parent)
        self._tokens = OpenClipTokens(ARCHITECTURE, vocabulary)
        model = make(self._config)
        fit(model, read_state_dict(self._checkpoint), str(self._checkpoint))
        self._model = model.eval().to(device=where, dtype=self._dtype)
        self._where = where
        self._preprocessing = LongestSide(int(np.max(model.visual.image_size)), bool(antialias))
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        published = str(source) in VERSIONS
        self._hub_id = HUB_ID if published else None
        self.name = name or (f"hpsv2-{source}" if published else self._checkpoint.stem)
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return CARD.model_copy(
            update={
                "name": self.name,
                "hub_id": self._hub_id,
                "revision": commit_of(self._checkpoint),
                "preprocessing": str(self._preprocessing),
                "text_policy": self.text_policy,
                "dtype": str(self._dtype).removeprefix("torch."),
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, architecture, vocabulary, formula, preprocessing and number format."""
        vocabulary = [self._tokens.vocabulary] if self._tokens.vocabulary else []
        return fingerprint(
            [self._checkpoint, *vocabulary],
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            architecture=self._config,
            preprocessing=str(self._preprocessing),
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, start and end included."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more tokens than the model takes."""
        return self._tokens.overlong(texts)

    def prepare_image(self, image: Image.Image) -> NDArray[np.float32]:
        """Resize and pad an RGB image to the model's square."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        """Embed one batch of prepared images: (n, d)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._model.encode_image(pixels.to(self._where, self._dtype))
        return features

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._model.encode_text(self._tokens.batch(texts, self._where))
        return features


def _find(source: str, revision: str | None) -> Path:
    if source in VERSIONS:
        return fetch_file(HUB_ID, VERSIONS[source], revision)
    local = Path(source).expanduser()
    if not local.exists():
        raise unknown_name("version of HPSv2", source, [*VERSIONS, "the path of a checkpoint"])
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
    checkpoint = local if local.is_file() else only_checkpoint(local)
    if checkpoint is None:
        raise RewardError(f"{local} is incomplete: {VERSIONS['v2.1']} missing.")
    return checkpoint


def _architecture(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        found: dict[str, Any] = library().get_model_config(ARCHITECTURE)
        return found
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content.get("model_cfg", content))
    except (OSError, ValueError, AttributeError) as error:
        raise RewardError(f"{path} can't be read: {error}") from None
