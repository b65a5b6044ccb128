"""`imagereward`: BLIP with a head, trained on rankings of images by experts.

References:
    Xu et al., ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation, arXiv:2304.05977;
    https://github.com/THUDM/ImageReward (commit c1392c6, ImageReward/ImageReward.py and models/BLIP).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.families.blip.bert_text import BEGIN, BERT, ENCODE, BertTokens
from tia2.rewards.families.blip.layout import (
    VISION,
    bert_sizes,
    load_upstream,
    med_config,
    only_checkpoint,
    part,
    vision_sizes,
)
from tia2.rewards.loading.checkpoints import read_state_dict
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.loading.hub import commit_of, fetch_file, is_hub_id
from tia2.rewards.loading.pixels import CLIP_MEAN, CLIP_STD, Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from tia2.rewards.loading.checkpoints import StateDict

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

HUB_ID = "THUDM/ImageReward"
CHECKPOINT, CONFIG = "ImageReward.pt", "med_config.json"
MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Of the head's output on the authors' data, by which rewards are standardised."""

TEXT_LIMIT = 35
LAYERS = (0, 2, 4, 6, 7)
"""The head's linear layers by their numbers in the checkpoint; between them lies dropout, which does nothing here."""

UNUSED = (r"^blip\.(vision|text)_proj\.",)
"""Weights of BLIP's contrastive head, which the checkpoint carries and the reward does without."""


def preprocessing(side: int) -> Preprocessing:
    """Return what upstream does to an RGB image."""
    return Preprocessing(side, (side, side), 3, 1 / 255, CLIP_MEAN, CLIP_STD, rounding="even")


CARD = RewardCard(
    name="imagereward",
    kind="cross-encoder",
    hub_id=HUB_ID,
    formula=f"(five linear layers on the text's [CLS], which attends to the image - {MEAN}) / {STD}",
    unit="standard deviations of the authors' data",
    range=(None, None),
    preprocessing=str(preprocessing(224)),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="Apache-2.0",
    # The reward is a score of a Bradley-Terry model up to its standardisation: a difference of 1 is a natural unit.
    default_temperature=1.0,
    paper="arXiv:2304.05977",
    training_data="137k comparisons by experts of images for DiffusionDB prompts; BLIP's 129 million pairs before that",
    notes="The authors resize before they convert to RGB: palette and transparent files, and only those, get other "
    "rewards from their code.",
)
"""What is known of ImageReward before it is loaded."""


class ImageReward(CrossEncoder):
    """ImageReward: how much experts would like an image for a text.

    reward = (MLP(h) - 0.1672) / 1.0333, h the [CLS] state of a BERT that attends to the patches of a ViT-L/16 in every
    layer; the MLP has no nonlinearity. Without a bound; the authors saw 98 % of Stable Diffusion 1.4's in [-2, 2].

    Args:
        source: A folder with ImageReward.pt and med_config.json, or a hub id.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the vision and text towers; the head is always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past 35 tokens: "truncate" warns with a count, "error" refuses them.
        name: What to call the model.
        batch_size: How many images are encoded at a time; found automatically if None.
        tokenizer: A folder or hub id with BERT's vocabulary.
        vision_heads: Attention heads of the vision tower; width / 64 if None.

    Raises:
        RewardError: The files are missing, damaged, or hold other weights than ImageReward's.
    """

    def __init__(
        self,
        source: str | Path = HUB_ID,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
        tokenizer: str | Path = BERT,
        vision_heads: int | None = None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        self._checkpoint, self._config, hub_id = _find(str(source), revision)
        self._hub_id, self._revision = hub_id, commit_of(self._checkpoint) if hub_id else None
        state = read_state_dict(self._checkpoint)
        modules: Any = build(state, str(self._checkpoint), med_config(self._config.parent) or {}, vision_heads)
        vocabulary = modules["text"].config.vocab_size
        self._tokens = BertTokens(tokenizer, added=(BEGIN, ENCODE), limit=TEXT_LIMIT, vocabulary=vocabulary)
        self._vision = modules["vision"].to(device=where, dtype=self._dtype)
        self._text = modules["text"].to(device=where, dtype=self._dtype)
        self._head = modules["head"].to(device=where)
        self._preprocessing = preprocessing(self._vision.config.image_size)
        self.parameters = sum(parameter.numel() for parameter in modules.parameters())
        self.name = name or (CARD.name if hub_id == HUB_ID else hub_id or self._checkpoint.parent.resolve().name)
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return CARD.model_copy(
            update={
                "name": self.name,
                "hub_id": self._hub_id,
                "revision": self._revision,
                "preprocessing": str(self._preprocessing),
                "text_policy": self.text_policy,
                "dtype": str(self._dtype).removeprefix("torch."),
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over checkpoint, configuration, tokenizer, formula, preprocessing and number format."""
        return fingerprint(
            [self._checkpoint, self._config],
            tokenizer=fingerprint(self._tokens.files),
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            preprocessing=str(self._preprocessing),
            vision_heads=self._vision.config.num_attention_heads,
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, [CLS] and [SEP] included."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more than 35 tokens."""
        return self._tokens.overlong(texts)

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop an RGB image to the model's size."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Run the vision tower: (n, 1 + patches, width)."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        with torch.inference_mode(), threads_for(self.parameters):
            states: torch.Tensor = self._vision(pixels.to(self._vision.device, self._dtype)).last_hidden_state
        return states

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower, which attends to the image, and the head: (n,)."""
        ids, mask = self._tokens.batch(texts, self._text.device)
        with torch.inference_mode(), threads_for(self.parameters):
            # With one image its keys and values are computed once and broadcast over the texts.
            states = self._text(
                input_ids=ids, attention_mask=mask, encoder_hidden_states=torch.stack(list(image_features))
            )
            values: torch.Tensor = self._head(states.last_hidden_state[:, 0].float())[:, 0]
        return (values - MEAN) / STD


def build(state: StateDict, where: str, text_config: Mapping[str, Any], vision_heads: int | None) -> nn.ModuleDict:
    """Make vision tower, text tower and head from a checkpoint in upstream's layout, in float32 on the CPU.

    Args:
        state: The tensors.
        where: What errors call the checkpoint.
        text_config: med_config.json.
        vision_heads: Attention heads of the vision tower; width / 64 if None.

    Raises:
        RewardError: Weights are missing, left over, or of other shapes.
    """
    from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

    sizes = vision_sizes(part(state, "blip.visual_encoder."), where, vision_heads)
    of_text = bert_sizes(part(state, "blip.text_encoder."), where, None, text_config)
    linear = [state.get(f"mlp.layers.{number}.weight") for number in LAYERS]
    outputs = [weight.shape[0] for weight in linear if weight is not None and weight.ndim == 2]
    if len(outputs) < len(LAYERS):
        raise RewardError(f"{where} is no ImageReward: expected mlp.layers.{{{', '.join(map(str, LAYERS))}}}.weight.")
    widths = [of_text["hidden_size"], *outputs[:-1], 1]

    def make() -> nn.ModuleDict:
        # is_decoder gives the layers their cross-attention; it does not make the attention causal.
        config = BlipTextConfig(**of_text, encoder_hidden_size=sizes["hidden_size"], is_decoder=True)
        return nn.ModuleDict(
            {
                "vision": BlipVisionModel(BlipVisionConfig(**sizes)),
                "text": BlipTextModel(config, add_pooling_layer=False),
                "head": nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(widths))),
            }
        )

    rules = (
        (r"^vision\.", "blip.visual_encoder."),
        *VISION,
        (r"^text\.", "blip.text_encoder."),
        *((rf"^head\.{place}\.", f"mlp.layers.{number}.") for place, number in enumerate(LAYERS)),
    )
    return load_upstream(make, state, where, rules, UNUSED)


def _find(source: str, revision: str | None) -> tuple[Path, Path, str | None]:
    """Return checkpoint, configuration, and the hub id if they come from there."""
    local = Path(source).expanduser()
    if local.exists() or local.suffix in (".pt", ".pth"):
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
        folder = local if local.is_dir() else local.parent
        named = folder / CHECKPOINT if local.is_dir() else local
        checkpoint = only_checkpoint(local) if local.is_dir() and not named.is_file() else named
        there = {CHECKPOINT: checkpoint is not None and checkpoint.is_file(), CONFIG: (folder / CONFIG).is_file()}
        if checkpoint is None or not all(there.values()):
            missing = ", ".join(named.name if name == CHECKPOINT else name for name in there if not there[name])
            raise RewardError(f"{folder} is incomplete: {missing} missing.")
        return checkpoint, folder / CONFIG, None
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    return fetch_file(source, CHECKPOINT, revision), fetch_file(source, CONFIG, revision), source
