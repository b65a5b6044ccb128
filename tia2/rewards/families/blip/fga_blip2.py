"""`fga-blip2`: BLIP-2's matching head at every position, trained on people's ratings of alignment.

References:
    Han et al., EvalMuse-40K: A Reliable and Fine-Grained Benchmark with Comprehensive Human Annotations for
    Text-to-Image Generation Model Evaluation, arXiv:2412.18150; https://github.com/DYEvaLab/EvalMuse (commit 0fa141b,
    lavis/models/blip2_models/fga_blip2.py, eval.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tia2.errors import RewardError
from tia2.rewards.base import check_lengths
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.encoder import ImageFeatures
from tia2.rewards.families.blip.bert_text import BERT
from tia2.rewards.families.blip.blip2 import TEXT_LIMIT, Blip2Encoder, load_tokens
from tia2.rewards.families.blip.blip2_loading import load_lavis
from tia2.rewards.families.blip.loading import square
from tia2.rewards.loading.checkpoints import only_checkpoint, read_state_dict
from tia2.rewards.loading.hub import commit_of, fetch_file, is_hub_id
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options

if TYPE_CHECKING:
    from PIL import Image
    from typing_extensions import Unpack

HUB_ID, CHECKPOINT = "hanshuhao/FGA-BLIP2", "fga_blip2.pth"
LOWEST, HIGHEST = 1.0, 5.0
"""The ends of the scale on which people rated."""

MASK = "mask_proj."
"""Beginning of the names of a network over the text alone, which training needs and the reward does without."""

CARD = RewardCard(
    name="fga-blip2",
    kind="cross-encoder",
    hub_id=HUB_ID,
    formula="4 p + 1, p the mean over the query tokens of the matching head's probability at each",
    unit="points of a rating of 1 to 5",
    range=(LOWEST, HIGHEST),
    preprocessing=str(square(364)),
    text_limit=TEXT_LIMIT,
    text_policy="truncate",
    licence="unknown (the authors' code: Apache-2.0)",
    # Right and wrong prompts differ by tenths of the probability, which is a quarter of the reward's scale.
    default_temperature=0.4,
    paper="arXiv:2412.18150",
    training_data="EvalMuse-40K: 40 thousand pairs of image and text that people rated as a whole and by element; "
    "BLIP-2's 129 million pairs and COCO before that",
    notes="BLIP-2's own matching head averages logits before its softmax; this one averages probabilities. Texts go "
    "through LAVIS' caption processor unless caption_processor=False. whole_texts=True reads texts to their end, as "
    "the authors' element scores do.",
)
"""The facts about FGA-BLIP2 before it is loaded."""


class FgaBlip2Reward(Blip2Encoder, CrossEncoder):
    """FGA-BLIP2: the rating of alignment, 1 to 5, that people would give, and one for each element of the text.

    reward = 4 · mean over the query tokens q of softmax(W h_q)[matches] + 1, h the Q-Former's states, which attend to
    text and image. The image tower runs in `dtype`, the Q-Former and its head in float32. It is not LAVIS'
    matching probability, which averages logits.

    Args:
        source: The hub id, a folder with fga_blip2.pth, or the path of such a checkpoint.
        tokenizer: A folder or hub id with BERT's vocabulary; BERT's own if None.
        caption_processor: Whether texts go through LAVIS' `blip_caption` first: lower case, some punctuation to
            spaces, 50 words.
        whole_texts: Whether texts of more than 32 tokens are read to their end, as the authors do for the scores of
            elements; otherwise they are past the limit, as in the authors' overall score.
        vision_heads: Attention heads of the image tower; width / 88 if None.
        text_heads: Attention heads of the Q-Former; width / 64 if None.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        RewardError: The files are missing, damaged, or hold other weights than FGA-BLIP2's.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = HUB_ID,
        *,
        tokenizer: str | Path | None = None,
        caption_processor: bool = True,
        whole_texts: bool = False,
        vision_heads: int | None = None,
        text_heads: int | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        checkpoint, hub_id = _find(str(source), shared.revision)
        state = read_state_dict(checkpoint)
        _check(state, str(checkpoint))
        state = {key: value for key, value in state.items() if not key.startswith(MASK)}
        blip2 = load_lavis(checkpoint, state, vision_heads=vision_heads, text_heads=text_heads)
        positions = blip2.model.embeddings.position_embeddings.num_embeddings
        self._whole = load_tokens(blip2, tokenizer or BERT, positions)
        name = CARD.name if hub_id == HUB_ID else hub_id or checkpoint.stem
        self._take(
            blip2,
            name,
            shared,
            tokenizer=tokenizer,
            caption_processor=caption_processor,
            limit=positions if whole_texts else TEXT_LIMIT,
            facts={
                "hub_id": hub_id,
                "revision": commit_of(checkpoint) if hub_id else None,
                "whole_texts": whole_texts,
            },
        )

    def text_key(self, text: str) -> tuple[int, str]:
        """Sort by the number of tokens."""
        return self._length(text), text

    def score_batch(self, image_features: Sequence[torch.Tensor], texts: Sequence[str]) -> torch.Tensor:
        """Run the Q-Former and the matching head: (n,)."""
        ids, mask = self._batch(texts)
        with self._inference():
            probabilities = self._probabilities(image_features, ids, mask)
            queries = self._model.query_tokens.shape[1]
            rewards: torch.Tensor = probabilities[:, :queries].mean(dim=1) * (HIGHEST - LOWEST) + LOWEST
        return rewards

    def element_scores(
        self,
        images: Sequence[Image.Image] | ImageFeatures,
        texts: Sequence[str],
        elements: Sequence[Sequence[str]],
    ) -> list[list[float | None]]:
        """Score elements of texts, such as "two cats" of "two cats on a sofa", as the authors do.

        The score of an element is the mean, over its tokens where they first occur in the text, of the matching head's
        probability at each, in [0, 1]. Texts are read to their end whatever `whole_texts` says.

        Args:
            images: n PIL images, or what `encode_images` returned.
            texts: n texts.
            elements: n lists of elements. One that ends in a category in brackets, "cats (animal)", is taken without
                it. Elements are not cleaned as texts are.

        Returns:
            n lists of scores; None for an element whose tokens are not in the text.

        Raises:
            RewardError: The lengths differ.
        """
        check_lengths(images, texts)
        check_lengths(images, elements)
        features = images if isinstance(images, ImageFeatures) else self.encode_images(images)
        rows = []
        for feature, text, parts in zip(features, texts, elements, strict=True):
            tokens = self._whole.ids([self._clean(text)])[0]
            ids, mask = self._whole.batch([self._clean(text)], torch.device(self.device))
            with self._inference():
                scores = self._probabilities([feature], ids, mask)[0, self._model.query_tokens.shape[1] :].tolist()
            rows.append([_mean_at(scores, tokens, self._whole.ids([_bare(part)])[0][1:-1]) for part in parts])
        return rows

    def _probabilities(
        self, image_features: Sequence[torch.Tensor], ids: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the matching head's probability at every position, query tokens first, (n, queries + tokens)."""
        model = self._model
        queries = model.query_tokens.expand(len(ids), -1, -1)
        count = queries.shape[1]
        # A single image stays a batch of one: its keys and values are computed once, and the attention broadcasts.
        output = model.qformer(
            query_embeds=model.embeddings(input_ids=ids, query_embeds=queries),
            query_length=count,
            attention_mask=torch.cat([mask.new_ones(len(ids), count), mask], dim=1),
            encoder_hidden_states=torch.stack(list(image_features)),
        )
        # The probability at each position and then the mean: the mean of the logits is BLIP-2's own head.
        probabilities: torch.Tensor = model.itm_head(output.last_hidden_state.float()).softmax(dim=-1)[..., 1]
        return probabilities


def _find(source: str, revision: str | None) -> tuple[Path, str | None]:
    """Return the checkpoint, and the hub id if it comes from there."""
    local = Path(source).expanduser()
    if local.exists() or local.suffix in (".pt", ".pth"):
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
        named = local / CHECKPOINT
        checkpoint = local if not local.is_dir() else named if named.is_file() else only_checkpoint(local)
        if checkpoint is None:
            raise RewardError(f"{local} is incomplete: {CHECKPOINT} missing.")
        return checkpoint, None
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    return fetch_file(source, CHECKPOINT, revision), source


def _check(state: dict[str, Any], where: str) -> None:
    if not any(key.startswith("visual_encoder.") for key in state):
        # Upstream would silently keep the image tower of the checkpoint that it loads before.
        raise RewardError(f"{where} has no image tower (visual_encoder.*): expected a whole FGA-BLIP2.")
    if not any(key.startswith(MASK) for key in state):
        advice = " For BLIP-2's own matching head use blip2-itm:PATH." if "itm_head.weight" in state else ""
        raise RewardError(f"{where} is no FGA-BLIP2: expected {MASK}* beside BLIP-2's weights.{advice}")


def _bare(element: str) -> str:
    """Return an element without the category in brackets at its end.

    Example:
        >>> _bare("two cats (animal)"), _bare("two cats")
        ('two cats', 'two cats')
    """
    head, bracket, tail = element.rpartition("(")
    return head.strip() if bracket and tail.rstrip().endswith(")") else element


def _mean_at(scores: Sequence[float], tokens: Sequence[int], wanted: Sequence[int]) -> float | None:
    """Return the mean of the scores where the wanted tokens first occur, or None."""
    size = len(wanted)
    for start in range(len(tokens) - size + 1 if size else 0):
        if list(tokens[start : start + size]) == list(wanted):
            return sum(scores[start : start + size]) / size
    return None
