"""`blip2-itc` and `blip2-itm`: BLIP-2's contrastive and matching heads.

References:
    Li et al., BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and Large Language Models,
    arXiv:2301.12597; https://github.com/salesforce/LAVIS (commit 506965b, blip2_image_text_matching.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.blip.bert_text import BEGIN, BERT, BertTokens
from tia2.rewards.families.blip.blip2_loading import LAVIS_PREPROCESSING, LoadedBlip2, load_blip2
from tia2.rewards.families.blip.captions import clean_caption, is_cut
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder, count_weights

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tia2.rewards.base import Rewards

DEFAULT_HUB_ID = "Salesforce/blip2-itm-vit-g"
TEXT_LIMIT = 32
WORDS = 50
"""Number of words that LAVIS' caption processor keeps."""

PROCESSOR_TOKENS = 8
"""Number of tokens that a tokenizer in transformers' layout may have beyond the model's: its processor adds <image>."""

LARGEST_PRODUCT = 1 << 24
"""The most cosines that are held at a time."""

ITM_CARD = RewardCard(
    name="blip2-itm",
    kind="cross-encoder",
    hub_id=DEFAULT_HUB_ID,
    formula="matching head: logit of 'matches' minus logit of 'does not', each the mean over the query tokens",
    unit="log odds of a match",
    range=(None, None),
    preprocessing=str(LAVIS_PREPROCESSING),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="BSD-3-Clause (LAVIS)",
    # The head was trained with the softmax of its two logits, whose log-odds this is.
    default_temperature=1.0,
    paper="arXiv:2301.12597",
    training_data="129 million pairs of image and text (COCO, Visual Genome, CC3M, CC12M, SBU, LAION-400M); the image "
    "tower is EVA-CLIP's; the variants tuned on COCO saw its captions again",
    notes="The sigmoid of the margin is LAVIS' matching probability, which saturates where the margin still differs. "
    "Texts go through LAVIS' caption processor unless caption_processor=False.",
)
"""The facts about the matching head before it is loaded."""

ITC_CARD = ITM_CARD.model_copy(
    update={
        "name": "blip2-itc",
        "kind": "dual encoder",
        "formula": "contrastive head: the largest cosine of the text embedding with the image's query embeddings",
        "unit": "cosine",
        "range": (-1.0, 1.0),
        # Near the temperature of the contrastive loss.
        "default_temperature": 0.05,
        "notes": "Texts go through LAVIS' caption processor unless caption_processor=False.",
    }
)
"""The facts about the contrastive head before it is loaded."""


class Blip2Encoder(PretrainedEncoder):
    """The common part of the two heads: image tower, preprocessing, tokens and facts.

    The image is resized to a square without regard to its shape. The image tower runs in `dtype`; Q-Former, projections
    and heads are always float32, as in LAVIS. A text of more than 32 tokens or 50 words is past the limit.

    Args:
        source: A hub id or a folder in the layout of transformers (Blip2ForImageTextRetrieval), or a .pth checkpoint of
            LAVIS (blip2_pretrained.pth, blip2_finetune_coco.pth).
        tokenizer: A folder or hub id with BERT's vocabulary. If None: the folder's own for the layout of transformers,
            BERT's own for a checkpoint of LAVIS.
        caption_processor: Whether texts go through LAVIS' `blip_caption` first: lower case, some punctuation to
            spaces, 50 words.
        vision: EVA's checkpoint, eva_vit_g.pth, for a checkpoint of LAVIS without image tower.
        vision_heads: Attention heads of the image tower of a checkpoint of LAVIS; width / 88 if None.
        text_heads: Attention heads of the Q-Former of a checkpoint of LAVIS; width / 64 if None.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit each other.
    """

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = DEFAULT_HUB_ID,
        *,
        tokenizer: str | Path | None = None,
        caption_processor: bool = True,
        vision: str | Path | None = None,
        vision_heads: int | None = None,
        text_heads: int | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        blip2 = load_blip2(
            str(source), revision=shared.revision, vision=vision, vision_heads=vision_heads, text_heads=text_heads
        )
        # The two heads of one model are two rewards, so its name alone would stand for both.
        head = self.base_card.name.rpartition("-")[2]
        name = self.base_card.name if blip2.name == DEFAULT_HUB_ID else f"{blip2.name}-{head}"
        self._take(blip2, name, shared, tokenizer=tokenizer, caption_processor=caption_processor)

    def _take(
        self,
        blip2: LoadedBlip2,
        name: str,
        options: EncoderOptions,
        *,
        tokenizer: str | Path | None,
        caption_processor: bool,
        limit: int = TEXT_LIMIT,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Place a loaded model and complete the facts.

        Args:
            blip2: The model.
            name: Its name, unless the options give another one.
            options: The options that every such model takes.
            tokenizer: A folder or hub id with BERT's vocabulary, or None.
            caption_processor: Whether texts go through LAVIS' `blip_caption` first.
            limit: The most tokens of a text.
            facts: Further fields of the card that are known of this model only.
        """
        self._cleans = caption_processor
        self._model = blip2.model
        self._tokens = load_tokens(blip2, tokenizer, limit)
        parameters = count_weights(self._model)
        tower = PlacedModel.of(self._model.vision_model, options)
        self._model.to(tower.device)
        self._vision = tower.module
        # LAVIS runs the last layer norm of a half-precision tower in float32, and so everything after it.
        self._vision.post_layernorm.float()
        self._vision.post_layernorm.register_forward_pre_hook(_in_float32)
        states = tower.image_tower(blip2.preprocessing, lambda pixels: self._vision(pixels).last_hidden_state)
        files = blip2.pretrained
        loaded = LoadedEncoder(
            name=name,
            preprocessing=blip2.preprocessing,
            image_tower=lambda prepared: self._head_input(states(prepared)),
            dtype=tower.dtype,
            device=tower.device,
            parameters=parameters,
            # In transformers' layout the tokenizer's files are among the model's: each counts once.
            files=list(dict.fromkeys([*blip2.weights, *self._tokens.files])),
            tokens=self._tokens,
            facts={
                "hub_id": files.hub_id if files else None,
                "revision": files.revision if files else None,
                "caption_processor": caption_processor,
                "layer_norm_eps_after_image_tower": self._vision.post_layernorm.eps,
                **(facts or {}),
            },
            settings={"caption_processor": caption_processor, "text_limit": limit, **blip2.facts},
        )
        self._length = lru_cache(maxsize=1 << 16)(self._count)
        super().__init__(loaded, options)

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more tokens than the limit or, with the caption processor, 50 words."""
        clean = {text: self._clean(text) for text in texts}
        overlong = set(self._tokens.overlong(clean.values()))
        return [text for text in clean if clean[text] in overlong or (self._cleans and is_cut(text, WORDS))]

    def admit(self, texts: Sequence[str]) -> None:
        """Check texts, apply the text policy, and refuse tokens that the model doesn't know, such as <image>."""
        super().admit(texts)
        vocabulary = self._model.embeddings.word_embeddings.num_embeddings
        distinct = list(dict.fromkeys(texts))
        rows = self._tokens.ids([self._clean(text) for text in distinct])
        for text, row in zip(distinct, rows, strict=True):
            if max(row) >= vocabulary:
                raise RewardError(
                    f"The text {text[:60]!r} holds token {max(row)}, which {self.name} with its {vocabulary} tokens "
                    "doesn't know: rephrase it."
                )

    def _head_input(self, states: torch.Tensor) -> torch.Tensor:
        """Turn the image tower's states, (n, 1 + patches, width), float32, into what the head needs."""
        return states

    def _clean(self, text: str) -> str:
        return clean_caption(text, WORDS) if self._cleans else text

    def _batch(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return self._tokens.batch([self._clean(text) for text in texts], torch.device(self.device))

    def _count(self, text: str) -> int:
        return len(self._tokens.ids([self._clean(text)])[0])


class Blip2ItcReward(Blip2Encoder, DualEncoder):
    """BLIP-2's contrastive reward: max over the query tokens q of <f_q(image), g(text)> / (|f_q(image)| |g(text)|).

    A cosine in [-1, 1]. f are the Q-Former's states at its query tokens, which attend to the image, and g is its state
    at the text's [CLS], each after a linear projection. LAVIS' blip2_feature_extractor, which does not cut texts, gives
    the same up to 32 tokens. Options are those of `Blip2Encoder`.
    """

    base_card = ITC_CARD

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        ids, mask = self._batch(texts)
        with self._inference():
            output = self._model.qformer(
                query_embeds=self._model.embeddings(input_ids=ids), query_length=0, attention_mask=mask
            )
            features: torch.Tensor = self._model.text_projection(output.last_hidden_state[:, 0])
        return features

    def _head_input(self, states: torch.Tensor) -> torch.Tensor:
        """Run the Q-Former's query tokens over the image and project them: (n, query tokens, d)."""
        queries = self._model.query_tokens.expand(len(states), -1, -1)
        output = self._model.qformer(query_embeds=queries, encoder_hidden_states=states)
        features: torch.Tensor = self._model.vision_projection(output.last_hidden_state)
        return features

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Return the largest cosine over the query tokens.

        Args:
            image_features: (n_images, query tokens, d), as `encode_images` returns them.
            text_features: (n_texts, d), as `encode_texts` returns them.

        Returns:
            (n_images, n_texts), float32.
        """
        rewards = np.empty((len(image_features), len(text_features)), dtype=np.float32)
        rows = max(1, LARGEST_PRODUCT // max(1, image_features.shape[1] * len(text_features)))
        for start in range(0, len(rewards), rows):
            part = slice(start, start + rows)
            rewards[part] = (image_features[part] @ text_features.T).max(axis=1)
        return rewards


class Blip2ItmReward(Blip2Encoder, CrossEncoder):
    """BLIP-2's matching reward: l_1 - l_0, the logits of "matches" and "does not match".

    l is the mean over the query tokens of a linear head on the Q-Former's states, which attend to the text and to the
    image. A log-odds without a bound; its sigmoid is LAVIS' matching probability, which ranks alike until it saturates.
    The image tower runs once per image, and the Q-Former's keys and values of an image once for all of its texts.
    Options are those of `Blip2Encoder`.
    """

    base_card = ITM_CARD

    def text_key(self, text: str) -> tuple[int, str]:
        """Sort by the number of tokens."""
        return self._length(text), text

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the Q-Former and the matching head: (n,)."""
        ids, mask = self._batch(texts)
        model = self._model
        with self._inference():
            queries = model.query_tokens.expand(len(texts), -1, -1)
            count = queries.shape[1]
            # A single image stays a batch of one: its keys and values are computed once, and the attention broadcasts.
            output = model.qformer(
                query_embeds=model.embeddings(input_ids=ids, query_embeds=queries),
                query_length=count,
                attention_mask=torch.cat([mask.new_ones(len(texts), count), mask], dim=1),
                encoder_hidden_states=torch.stack(list(image_features)),
            )
            logits: torch.Tensor = model.itm_head(output.last_hidden_state[:, :count]).mean(dim=1)
        return logits[:, 1] - logits[:, 0]


def _in_float32(module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[torch.Tensor]:
    del module
    return (inputs[0].float(),)


def load_tokens(blip2: LoadedBlip2, tokenizer: str | Path | None, limit: int) -> BertTokens:
    """Load BERT's tokenizer with the one token that LAVIS adds.

    Args:
        blip2: The model.
        tokenizer: A folder or hub id with BERT's vocabulary; the model's own, or else BERT's, if None.
        limit: The most tokens of a text.

    Raises:
        RewardError: There is no tokenizer, or it belongs to another model.
    """
    files = blip2.pretrained if tokenizer is None else None
    if files and not files.has_tokenizer("vocab.txt"):
        raise RewardError(f"{files.where} has no tokenizer: give a folder or hub id with tokenizer=, such as {BERT}.")
    vocabulary = blip2.model.embeddings.word_embeddings.num_embeddings
    return BertTokens(
        files.folder if files else tokenizer or BERT,
        added=(BEGIN,),
        limit=limit,
        vocabulary=vocabulary + PROCESSOR_TOKENS if blip2.pretrained else vocabulary,
    )
