"""`blip2-itc` and `blip2-itm`: BLIP-2's contrastive and matching heads.

References:
    Li et al., BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and Large Language Models,
    arXiv:2301.12597; https://github.com/salesforce/LAVIS (commit 506965b, blip2_image_text_matching.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import Encoder, TextPolicy, check_text_policy
from tia2.rewards.families.blip.bert_text import BEGIN, BERT, BertTokens
from tia2.rewards.families.blip.blip2_loading import LAVIS_PREPROCESSING, load_blip2
from tia2.rewards.families.blip.captions import clean_caption, is_cut
from tia2.rewards.loading.devices import pick_device, pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from tia2.rewards.base import Rewards

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

DEFAULT_HUB_ID = "Salesforce/blip2-itm-vit-g"
TEXT_LIMIT = 32
WORDS = 50
"""How many words LAVIS' caption processor keeps."""

PROCESSOR_TOKENS = 8
"""How many tokens a tokenizer in transformers' layout may have beyond the model's: its processor adds <image>."""

LARGEST_PRODUCT = 1 << 24
"""How many cosines are held at a time."""

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
    notes="The sigmoid of the margin is LAVIS' matching probability, which saturates where the margin goes on. Texts "
    "go through LAVIS' caption processor unless caption_processor=False.",
)
"""What is known of the matching head before it is loaded."""

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
"""What is known of the contrastive head before it is loaded."""


class Blip2Encoder(Encoder):
    """What both heads share: image tower, preprocessing, tokens and facts.

    The image is resized to a square without regard to its shape. The image tower runs in `dtype`; Q-Former, projections
    and heads are always float32, as in LAVIS.

    Args:
        source: A hub id or a folder in the layout of transformers (Blip2ForImageTextRetrieval), or a .pth checkpoint of
            LAVIS (blip2_pretrained.pth, blip2_finetune_coco.pth).
        device: Where to run; the best device that is there if None.
        dtype: Number format of the image tower.
        revision: Branch, tag or commit on the hub.
        text_policy: What to do with texts past 32 tokens or 50 words: "truncate" warns with a count, "error" refuses
            them.
        name: What to call the model.
        batch_size: How many images are encoded at a time; found automatically if None.
        tokenizer: A folder or hub id with BERT's vocabulary. If None: the folder's own for the layout of transformers,
            BERT's own for a checkpoint of LAVIS.
        caption_processor: Whether texts go through LAVIS' `blip_caption` first: lower case, some punctuation to
            spaces, 50 words.
        vision: For a checkpoint of LAVIS without image tower: EVA's checkpoint, eva_vit_g.pth.
        vision_heads: For a checkpoint of LAVIS: attention heads of the image tower; width / 88 if None.
        text_heads: For a checkpoint of LAVIS: attention heads of the Q-Former; width / 64 if None.

    Raises:
        RewardError: The files are missing, damaged, of another architecture, or don't fit each other.
    """

    base_card: ClassVar[RewardCard]
    """What is known before anything is loaded."""

    def __init__(
        self,
        source: str | Path = DEFAULT_HUB_ID,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        revision: str | None = None,
        text_policy: TextPolicy = "truncate",
        name: str | None = None,
        batch_size: int | None = None,
        tokenizer: str | Path | None = None,
        caption_processor: bool = True,
        vision: str | Path | None = None,
        vision_heads: int | None = None,
        text_heads: int | None = None,
    ) -> None:
        self.text_policy = check_text_policy(text_policy)
        where, self._dtype = pick_device(device), pick_dtype(dtype)
        self._cleans = caption_processor
        self._loaded = load_blip2(
            str(source), revision=revision, vision=vision, vision_heads=vision_heads, text_heads=text_heads
        )
        self._files = self._loaded.pretrained
        self._preprocessing = self._loaded.preprocessing
        self._model = self._loaded.model.to(where)
        self._tokens = self._load_tokens(tokenizer)
        self._vision = self._model.vision_model.to(self._dtype)
        self._vision.post_layernorm.float()
        self._vision.post_layernorm.register_forward_pre_hook(_in_float32)
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())
        head = self.base_card.name.rpartition("-")[2]
        of_this_head = f"{self._loaded.name}-{head}"
        self.name = name or (self.base_card.name if self._loaded.name == DEFAULT_HUB_ID else of_this_head)
        self.device = str(where)
        self.batch_size = batch_size
        self._length = lru_cache(maxsize=1 << 16)(self._count)

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return self.base_card.model_copy(
            update={
                "name": self.name,
                "hub_id": self._files.hub_id if self._files else None,
                "revision": self._files.revision if self._files else None,
                "preprocessing": str(self._preprocessing),
                "text_policy": self.text_policy,
                "dtype": str(self._dtype).removeprefix("torch."),
                "caption_processor": self._cleans,
                "layer_norm_eps_after_image_tower": self._vision.post_layernorm.eps,
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration and tokenizer, formula, preprocessing, number format and options."""
        return fingerprint(
            {*self._loaded.weights, *self._tokens.files},
            reward=type(self).__name__,
            formula=FORMULA_VERSION,
            dtype=str(self._dtype),
            preprocessing=str(self._preprocessing),
            caption_processor=self._cleans,
            text_limit=TEXT_LIMIT,
            **self._loaded.facts,
        )

    @property
    def text_limit(self) -> int:
        """The longest text in tokens, [CLS] and [SEP] included."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more than 32 tokens or, with the caption processor, 50 words."""
        clean = {text: self._clean(text) for text in texts}
        long = set(self._tokens.overlong(clean.values()))
        return [text for text in clean if clean[text] in long or (self._cleans and is_cut(text, WORDS))]

    def admit(self, texts: Sequence[str]) -> None:
        """Check texts, apply the text policy, and refuse tokens that the model doesn't know, such as <image>."""
        super().admit(texts)
        known = self._model.embeddings.word_embeddings.num_embeddings
        distinct = list(dict.fromkeys(texts))
        rows = self._tokens.ids([self._clean(text) for text in distinct])
        for text, row in zip(distinct, rows, strict=True):
            if max(row) >= known:
                raise RewardError(
                    f"The text {text[:60]!r} holds token {max(row)}, which {self.name} with its {known} tokens doesn't "
                    "know: rephrase it."
                )

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image to the model's square."""
        return self._preprocessing.pixels(image)

    def _states(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Run the image tower: (n, 1 + patches, width), float32."""
        pixels = torch.from_numpy(self._preprocessing.normalise(np.stack(prepared)))
        states: torch.Tensor = self._vision(pixels.to(self.device, self._dtype)).last_hidden_state
        return states

    def _clean(self, text: str) -> str:
        return clean_caption(text, WORDS) if self._cleans else text

    def _batch(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return self._tokens.batch([self._clean(text) for text in texts], torch.device(self.device))

    def _count(self, text: str) -> int:
        return len(self._tokens.ids([self._clean(text)])[0])

    def _load_tokens(self, tokenizer: str | Path | None) -> BertTokens:
        own = self._files if tokenizer is None else None
        if own and not own.has_tokenizer("vocab.txt"):
            raise RewardError(f"{own.where} has no tokenizer: give a folder or hub id with tokenizer=, such as {BERT}.")
        known = self._model.embeddings.word_embeddings.num_embeddings
        return BertTokens(
            own.folder if own else tokenizer or BERT,
            added=(BEGIN,),
            limit=TEXT_LIMIT,
            vocabulary=known + PROCESSOR_TOKENS if self._files else known,
        )


class Blip2ItcReward(Blip2Encoder, DualEncoder):
    """BLIP-2's contrastive reward: max over the query tokens q of <f_q(image), g(text)> / (|f_q(image)| |g(text)|).

    A cosine in [-1, 1]. f are the Q-Former's states at its query tokens, which attend to the image, and g is its state
    at the text's [CLS], each after a linear projection. LAVIS' blip2_feature_extractor, which does not cut texts, gives
    the same up to 32 tokens. Options are those of `Blip2Encoder`.
    """

    base_card = ITC_CARD

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Embed one batch of prepared images: (n, query tokens, d)."""
        with torch.inference_mode(), threads_for(self.parameters):
            queries = self._model.query_tokens.expand(len(prepared), -1, -1)
            found = self._model.qformer(query_embeds=queries, encoder_hidden_states=self._states(prepared))
            embedded: torch.Tensor = self._model.vision_projection(found.last_hidden_state)
        return embedded

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts: (n, d)."""
        ids, mask = self._batch(texts)
        with torch.inference_mode(), threads_for(self.parameters):
            found = self._model.qformer(
                query_embeds=self._model.embeddings(input_ids=ids), query_length=0, attention_mask=mask
            )
            embedded: torch.Tensor = self._model.text_projection(found.last_hidden_state[:, 0])
        return embedded

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
    The image tower runs once an image, and the Q-Former's keys and values of an image once for all of its texts.
    Options are those of `Blip2Encoder`.
    """

    base_card = ITM_CARD

    def text_key(self, text: str) -> tuple[int, str]:
        """Sort by the number of tokens."""
        return self._length(text), text

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Run the image tower: (n, 1 + patches, width)."""
        with torch.inference_mode(), threads_for(self.parameters):
            return self._states(prepared)

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the Q-Former and the matching head: (n,)."""
        ids, mask = self._batch(texts)
        model = self._model
        with torch.inference_mode(), threads_for(self.parameters):
            queries = model.query_tokens.expand(len(texts), -1, -1)
            count = queries.shape[1]
            # A single image stays a batch of one: its keys and values are computed once, and the attention broadcasts.
            found = model.qformer(
                query_embeds=model.embeddings(input_ids=ids, query_embeds=queries),
                query_length=count,
                attention_mask=torch.cat([mask.new_ones(len(texts), count), mask], dim=1),
                encoder_hidden_states=torch.stack(list(image_features)),
            )
            logits: torch.Tensor = model.itm_head(found.last_hidden_state[:, :count]).mean(dim=1)
        return logits[:, 1] - logits[:, 0]


def _in_float32(module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[torch.Tensor]:
    del module
    return (inputs[0].float(),)
