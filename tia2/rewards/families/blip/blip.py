"""`blip-itm` and `blip-itc`: BLIP's matching and contrastive heads.

References:
    Li et al., BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and Generation,
    arXiv:2201.12086; https://github.com/salesforce/BLIP (commit 056a169, models/blip_itm.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import Encoder, TextPolicy, check_text_policy
from tia2.rewards.families.blip.bert_text import BEGIN, ENCODE, BertTokens
from tia2.rewards.families.blip.captions import clean_caption, is_cut
from tia2.rewards.families.blip.loading import load_blip, square
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

HUB_ID = "Salesforce/blip-itm-base-coco"
TEXT_LIMIT, WORDS = 35, 30

_CARD = RewardCard(
    name="blip-itm",
    hub_id=HUB_ID,
    preprocessing=str(square(384)),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="BSD-3-Clause",
    paper="arXiv:2201.12086",
    training_data="129 million pairs (web, CC3M, CC12M, SBU, COCO, Visual Genome); fine-tuned on COCO or Flickr30k",
    notes="Captions are cleaned as the authors do: lower case, some punctuation dropped, 30 words at most.",
)
ITM_CARD = _CARD.model_copy(
    update={
        "kind": "cross-encoder",
        "formula": "logit of a match minus logit of no match, of the text's [CLS], which attends to the image",
        "unit": "log odds of a match",
        # Log odds are natural units; the softmax over texts at temperature 1 takes them as they are.
        "default_temperature": 1.0,
    }
)
"""What is known of `blip-itm` before it is loaded."""

ITC_CARD = _CARD.model_copy(
    update={
        "name": "blip-itc",
        "kind": "dual encoder",
        "formula": "cosine of the projected [CLS] of image and text",
        "unit": "cosine",
        "range": (-1.0, 1.0),
        # Near the temperature that BLIP learns, about 0.07 at the start of training and lower at its end.
        "default_temperature": 0.05,
    }
)
"""What is known of `blip-itc` before it is loaded."""


class Blip(Encoder):
    """What the two heads share: towers, preprocessing, tokens.

    Args:
        source: A folder in transformers' layout, a hub id, an upstream .pth file, or a folder with one.
        device: Where to run; the best device that is there if None.
        dtype: Number format of the towers; projections, heads and normalisation are always float32.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past 35 tokens or 30 words: "truncate" warns with a count, "error" refuses.
        name: What to call the model; by default the source's name and the head's.
        batch_size: How many images are encoded at a time; found automatically if None.
        tokenizer: A folder or hub id with BERT's vocabulary; the model's own, or else BERT's, if None.
        vision_heads: For an upstream checkpoint: attention heads of the vision tower; width / 64 if None.
        text_heads: For an upstream checkpoint: those of the text tower; as in a med_config.json beside it, or
            width / 64, if None.

    Raises:
        RewardError: The files are missing, damaged, or hold another model.
    """

    base_card: ClassVar[RewardCard]
    name = ""

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
        tokenizer: str | Path | None = None,
        vision_heads: int | None = None,
        text_heads: int | None = None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        found = load_blip(
            str(source),
            revision=revision,
            tokenizer=str(tokenizer) if tokenizer else None,
            vision_heads=vision_heads,
            text_heads=text_heads,
        )
        self._found = found
        model = found.model
        self._tokens = BertTokens(
            found.tokenizer, added=(BEGIN, ENCODE), limit=TEXT_LIMIT, vocabulary=model.config.text_config.vocab_size
        )
        self._vision = model.vision_model.to(device=where, dtype=self._dtype)
        self._text = model.text_encoder.to(device=where, dtype=self._dtype)
        self._heads = {key: getattr(model, key).to(where) for key in ("vision_proj", "text_proj", "itm_head")}
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        # The two heads of one model are two rewards, so its name alone would stand for both.
        head = self.base_card.name.removeprefix("blip-")
        self.name = name or (self.base_card.name if str(source) == HUB_ID else f"{found.name}-{head}")
        self.device = str(where)
        self.batch_size = batch_size

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return self.base_card.model_copy(
            update={
                "name": self.name,
                "hub_id": self._found.hub_id,
                "revision": self._found.revision,
                "preprocessing": str(self._found.preprocessing),
                "text_policy": self.text_policy,
                "dtype": str(self._dtype).removeprefix("torch."),
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer, formula, preprocessing and number format."""
        config = self._found.model.config
        return fingerprint(
            self._found.files,
            tokenizer=fingerprint(self._tokens.files),
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            preprocessing=str(self._found.preprocessing),
            heads=[config.vision_config.num_attention_heads, config.text_config.num_attention_heads],
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, [CLS] and [SEP] included."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more than 30 words or 35 tokens."""
        distinct = list(dict.fromkeys(texts))
        long = set(self._tokens.overlong(map(_clean, distinct)))
        return [text for text in distinct if _clean(text) in long or is_cut(text, WORDS)]

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image to the model's square."""
        return self._found.preprocessing.pixels(image)

    def _states(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        pixels = torch.from_numpy(self._found.preprocessing.normalise(np.stack(prepared)))
        states: torch.Tensor = self._vision(pixels.to(self._vision.device, self._dtype)).last_hidden_state
        return states

    def _cls(self, texts: Sequence[str], image_states: torch.Tensor | None = None) -> torch.Tensor:
        """Return the text tower's [CLS] in float32, (n, width), having attended to the image if there is one."""
        ids, mask = self._tokens.batch([_clean(text) for text in texts], self._text.device)
        states = self._text(input_ids=ids, attention_mask=mask, encoder_hidden_states=image_states)
        cls: torch.Tensor = states.last_hidden_state[:, 0].float()
        return cls


class BlipItmReward(Blip, CrossEncoder):
    """BLIP's matching head: the log odds that a text matches an image.

    reward = logit of a match - logit of no match; its sigmoid is the probability that upstream code gives. Kept as log
    odds, since probabilities near 0 and 1 tie in half precision.

    Args and errors are those of `Blip`.
    """

    base_card = ITM_CARD

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Run the vision tower: (n, 1 + patches, width)."""
        with torch.inference_mode(), threads_for(self.parameters):
            return self._states(prepared)

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower, which attends to the image, and the head: (n,)."""
        with torch.inference_mode(), threads_for(self.parameters):
            # With one image its keys and values are computed once and broadcast over the texts.
            logits = self._heads["itm_head"](self._cls(texts, torch.stack(list(image_features))))
            margin: torch.Tensor = logits[:, 1] - logits[:, 0]
        return margin


class BlipItcReward(Blip, DualEncoder):
    """BLIP's contrastive head: the cosine of projected image and text.

    reward = <V f(image), T g(text)> / (|V f(image)| |T g(text)|), f and g the [CLS] states of the two towers.

    Args and errors are those of `Blip`.
    """

    base_card = ITC_CARD

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Run the vision tower and its projection: (n, d)."""
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._heads["vision_proj"](self._states(prepared)[:, 0].float())
        return features

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower and its projection: (n, d)."""
        with torch.inference_mode(), threads_for(self.parameters):
            features: torch.Tensor = self._heads["text_proj"](self._cls(texts))
        return features


def _clean(text: str) -> str:
    return clean_caption(text, WORDS)
