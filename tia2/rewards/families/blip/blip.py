"""`blip-itm` and `blip-itc`: BLIP's matching and contrastive heads.

References:
    Li et al., BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and Generation,
    arXiv:2201.12086; https://github.com/salesforce/BLIP (commit 056a169, models/blip_itm.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.blip.bert_text import BEGIN, ENCODE, BertTokens
from tia2.rewards.families.blip.captions import clean_caption, is_cut
from tia2.rewards.families.blip.loading import load_blip, square
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder, count_weights

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
"""The facts about `blip-itm` before it is loaded."""

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
"""The facts about `blip-itc` before it is loaded."""


class Blip(PretrainedEncoder):
    """The common part of the two heads: towers, preprocessing, tokens.

    A text of more than 35 tokens or 30 words is past the limit.

    Args:
        source: A folder in transformers' layout, a hub id, an upstream .pth file, or a folder with one.
        tokenizer: A folder or hub id with BERT's vocabulary; the model's own, or else BERT's, if None.
        vision_heads: Attention heads of an upstream checkpoint's vision tower; width / 64 if None.
        text_heads: Attention heads of an upstream checkpoint's text tower; as in a med_config.json beside it, or
            width / 64, if None.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, or hold another model.
    """

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = HUB_ID,
        *,
        tokenizer: str | Path | None = None,
        vision_heads: int | None = None,
        text_heads: int | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        blip = load_blip(
            str(source),
            revision=shared.revision,
            tokenizer=str(tokenizer) if tokenizer else None,
            vision_heads=vision_heads,
            text_heads=text_heads,
        )
        module, config = blip.model, blip.model.config
        self._tokens = BertTokens(
            blip.tokenizer, added=(BEGIN, ENCODE), limit=TEXT_LIMIT, vocabulary=config.text_config.vocab_size
        )
        parameters = count_weights(module)
        vision = PlacedModel.of(module.vision_model, shared)
        self._vision = vision.module
        self._text = PlacedModel.of(module.text_encoder, shared).module
        # Half precision would tie many rewards: projections and the matching head stay in float32.
        self._heads = {key: getattr(module, key).to(vision.device) for key in ("vision_proj", "text_proj", "itm_head")}
        states = vision.image_tower(blip.preprocessing, lambda pixels: self._vision(pixels).last_hidden_state)
        # The two heads of one model are two rewards, so its name alone would stand for both.
        head = self.base_card.name.removeprefix("blip-")
        loaded = LoadedEncoder(
            name=self.base_card.name if str(source) == HUB_ID else f"{blip.name}-{head}",
            preprocessing=blip.preprocessing,
            image_tower=lambda prepared: self._head_input(states(prepared)),
            dtype=vision.dtype,
            device=vision.device,
            parameters=parameters,
            files=blip.files,
            tokens=self._tokens,
            facts={"hub_id": blip.hub_id, "revision": blip.revision},
            settings={
                "tokenizer": fingerprint(self._tokens.files),
                "heads": [config.vision_config.num_attention_heads, config.text_config.num_attention_heads],
            },
        )
        super().__init__(loaded, shared)

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more than 30 words or 35 tokens."""
        distinct = list(dict.fromkeys(texts))
        overlong = set(self._tokens.overlong(map(_clean, distinct)))
        return [text for text in distinct if _clean(text) in overlong or is_cut(text, WORDS)]

    def _head_input(self, states: torch.Tensor) -> torch.Tensor:
        """Turn the vision tower's states, (n, 1 + patches, width), into what the head needs."""
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

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower, which attends to the image, and the head: (n,)."""
        with self._inference():
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

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Run the text tower and its projection: (n, d)."""
        with self._inference():
            features: torch.Tensor = self._heads["text_proj"](self._cls(texts))
        return features

    def _head_input(self, states: torch.Tensor) -> torch.Tensor:
        """Project the vision tower's [CLS]: (n, d)."""
        features: torch.Tensor = self._heads["vision_proj"](states[:, 0].float())
        return features


def _clean(text: str) -> str:
    return clean_caption(text, WORDS)
