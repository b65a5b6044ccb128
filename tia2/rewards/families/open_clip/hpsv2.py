"""`hpsv2:v2.0` and `hpsv2:v2.1`: CLIP ViT-H/14, trained on rankings of images.

References:
    Wu et al., Human Preference Score v2: A Solid Benchmark for Evaluating Human Preferences of Text-to-Image Synthesis,
    arXiv:2306.09341; https://github.com/tgxs002/HPSv2 (commit 866735e, hpsv2/img_score.py, hpsv2/utils.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError, unknown_name
from tia2.files import json_of
from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.open_clip.loading import CONFIG, fit, library, make
from tia2.rewards.families.open_clip.tensor_resize import LongestSide
from tia2.rewards.families.open_clip.texts import OpenClipTokens
from tia2.rewards.families.open_clip.towers import open_clip_encoder
from tia2.rewards.loading.checkpoints import only_checkpoint, read_state_dict
from tia2.rewards.loading.hub import commit_of, fetch_file
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import PretrainedEncoder

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

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
"""The facts about HPSv2 before it is loaded."""


def version_card(source: str) -> RewardCard:
    """Return the facts about a version, or of a checkpoint on this machine, before it is loaded.

    Args:
        source: The part that follows the colon of the spec.
    """
    if source in VERSIONS:
        return CARD.model_copy(update={"name": f"hpsv2-{source}"})
    return CARD.model_copy(update={"name": Path(source).stem, "hub_id": None})


class HpsV2Reward(PretrainedEncoder, DualEncoder):
    """HPSv2: the cosine of a CLIP ViT-H/14 that was fine-tuned on rankings.

    reward = <f(image), g(text)> / (|f(image)| |g(text)|), in [-1, 1]; on a preprocessing of its own. A text past 77
    tokens keeps its end token.

    Args:
        source: "v2.0" or "v2.1"; or a checkpoint, or a folder with one, maybe with an open_clip_config.json beside it.
        antialias: Whether images are antialiased when they shrink; False as torchvision did before version 0.17.
        vocabulary: A file of byte-pair merges in place of CLIP's.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        MissingDependencyError: open_clip_torch isn't installed.
        RewardError: The files are missing or damaged, or don't fit the architecture.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path,
        *,
        antialias: bool = True,
        vocabulary: str | Path | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        library()
        checkpoint = _find(str(source), shared.revision)
        architecture = _architecture(checkpoint.parent)
        tokens = OpenClipTokens(ARCHITECTURE, vocabulary)
        module = make(architecture)
        fit(module, read_state_dict(checkpoint), str(checkpoint))
        is_published = str(source) in VERSIONS
        loaded = open_clip_encoder(
            module,
            shared,
            name=f"hpsv2-{source}" if is_published else checkpoint.stem,
            architecture=architecture,
            preprocessing=LongestSide(int(np.max(module.visual.image_size)), bool(antialias)),
            tokens=tokens,
            files=[checkpoint],
            hub_id=HUB_ID if is_published else None,
            revision=commit_of(checkpoint),
        )
        super().__init__(loaded, shared)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        return self._embed_texts(texts)


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
        published: dict[str, Any] = library().get_model_config(ARCHITECTURE)
        return published
    try:
        content = json_of(path.read_text(encoding="utf-8"))
        return dict(content.get("model_cfg", content))
    except (OSError, ValueError, AttributeError) as error:
        raise RewardError(f"{path} can't be read: {error}") from None
