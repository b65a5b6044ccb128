"""`hpsv3`: Qwen2-VL with a head of its own, trained on choices between two images, real ones among them.

References:
    Ma et al., HPSv3: Towards Wide-Spectrum Human Preference Score, arXiv:2508.03789; PyPI hpsv3 1.0.0
    (hpsv3/inference.py, hpsv3/model/qwen2vl_trainer.py) with transformers 4.45.2, which it pins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tia2.devices import pick_device
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.families.scalar_head.instruction import PROMPT
from tia2.rewards.families.scalar_head.loading import find, load, load_words
from tia2.rewards.families.scalar_head.pixels import FixedArea
from tia2.rewards.families.scalar_head.prompt import PromptTokens
from tia2.rewards.families.vqascore import decoder_inputs
from tia2.rewards.families.vqascore.prefix import SharedLayer
from tia2.rewards.families.vqascore.question import Prepared, Tail
from tia2.rewards.identity import Identity, released_identity
from tia2.rewards.loading.devices import pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import count_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from typing_extensions import Unpack

HUB_ID, CHECKPOINT = "MizzenAI/HPSv3", "HPSv3.safetensors"
BASE_ID = "Qwen/Qwen2-VL-7B-Instruct"
AREA = 256 * 28 * 28
"""Number of pixels that upstream resizes every image to, about."""

MOST_IMAGE_TOKENS = 512
"""More than any image has after resizing, long and thin ones included."""

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

CARD = RewardCard(
    name="hpsv3",
    kind="cross-encoder",
    hub_id=HUB_ID,
    formula="first output of a three-layer head on the state at <|Reward|>, the last token of image, instruction, text",
    unit="log odds of being preferred",
    range=(None, None),
    preprocessing=str(FixedArea(AREA)),
    text_limit=None,
    text_policy="truncate",
    licence="MIT (the authors' package)",
    # The mean of a preference model whose spread is the second output: a difference of 1 is a natural unit.
    default_temperature=1.0,
    paper="arXiv:2508.03789",
    training_data="HPDv3: 1.17 million comparisons by people of generated and real images; Qwen2-VL's data before that",
    notes="The authors run the body in bfloat16 (dtype=bfloat16), which moves a reward by tenths; the head is float32 "
    "here and there. Positions count from 0 through image and text, as upstream leaves them, and not on Qwen2-VL's "
    "grid. Kept of an image: keys and values of everything before the text.",
)
"""The facts about HPSv3 before it is loaded."""


@dataclass(frozen=True)
class Beginning:
    """Keys and values, in each layer, of all tokens before the text: (1, heads, length, width) each."""

    head: Prepared
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    def __len__(self) -> int:
        return len(self.head)


class HpsV3Reward(CrossEncoder):
    """HPSv3: how much people would prefer an image for a text.

    reward = MLP(h)[0], h the language model's last state at the token <|Reward|>, which ends the prompt of system line,
    image, instruction and text; the MLP has two ReLUs. Without a bound. The second output, the logarithm of a spread,
    is what `moments` gives beside it.

    The instruction and the image stand before the text and the model looks back only, so their keys and values are
    computed once per image, and only the text and the instruction's last line run for each text: about 30 of 870
    tokens.

    Args:
        source: The hub id, a folder with HPSv3.safetensors, or the path of such a checkpoint.
        base: A folder or hub id with configuration, tokenizer and image processor of the base model. If None: the
            checkpoint's folder, or the only folder in it, that has a config.json; or else Qwen/Qwen2-VL-7B-Instruct.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype (of the body; the authors' is
            bfloat16), revision, text_policy, name, batch_size (1 if None, because keys and values of an image are
            large).

    Raises:
        RewardError: The files are missing, damaged, or hold another model.
    """

    text_batch_size = 64

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path = HUB_ID,
        *,
        base: str | Path | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        device, dtype = pick_device(shared.device), pick_dtype(shared.dtype)
        self._files = find(str(source), shared.revision, str(base) if base else None, name=CHECKPOINT, base_id=BASE_ID)
        words = load_words(self._files)
        self._body, head = load(self._files, len(words), dtype)
        self.parameters = count_weights(self._body) + count_weights(head)
        self._body.to(device)
        self._head = head.to(device)
        vision = self._body.config.vision_config
        self._preprocessing = FixedArea(AREA, vision.patch_size, vision.spatial_merge_size)
        context: int = self._body.config.text_config.max_position_embeddings
        where = self._files.base.where
        self._tokens = PromptTokens(words, PROMPT, 0, where)
        self._tokens.limit = context - len(self._tokens.head) - self._tokens.longest_end - MOST_IMAGE_TOKENS
        self.text_policy = shared.text_policy
        local = self._files.checkpoint.stem
        self.name = shared.name or (CARD.name if self._files.hub_id == HUB_ID else self._files.hub_id or local)
        self.device = str(device)
        self.batch_size = shared.batch_size or 1

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return CARD.model_copy(
            update={
                "name": self.name,
                "hub_id": self._files.hub_id,
                "revision": self._files.revision,
                "base": self._files.base.where,
                "preprocessing": str(self._preprocessing),
                "text_limit": self._tokens.limit,
                "text_policy": self.text_policy,
                "dtype": str(self._body.dtype).removeprefix("torch."),
            }
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all files, the prompt, the preprocessing, the formula and the number format."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint; of a class derived outside this library, its code and attributes count too."""
        return released_identity(self, self._released, excluded=("_body", "_head", "_tokens", "_files"))

    @cached_property
    def _released(self) -> str:
        return fingerprint(
            self._files.all(),
            formula=FORMULA_VERSION,
            prompt=PROMPT,
            preprocessing=str(self._preprocessing),
            dtype=str(self._body.dtype),
        )

    @property
    def text_limit(self) -> int:
        """The most tokens of a text: what the language model's context leaves beside image and instruction."""
        return self._tokens.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which only the beginning is read."""
        return self._tokens.overlong(texts)

    def admit(self, texts: Sequence[str]) -> None:
        """Check texts, apply the text policy, and refuse control tokens within them."""
        super().admit(texts)
        self._tokens.check(texts)

    def text_key(self, text: str) -> tuple[int, str]:
        """Sort by the number of tokens."""
        return len(self._tokens.tail(text)), text

    def prepare_image(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize an RGB image."""
        return self._preprocessing.pixels(image)

    def embed_images(self, prepared: Sequence[NDArray[np.uint8]]) -> list[Beginning]:
        """Compute keys and values of everything before the text, one image after the other."""
        with torch.inference_mode(), threads_for(self.parameters):
            return [self._beginning(pixels) for pixels in prepared]

    def score_batch(self, image_features: Sequence[Beginning], texts: Sequence[str]) -> torch.Tensor:
        """Run the language model over the texts and the head: (n,); images of pairs run one after the other."""
        return self._outputs(image_features, texts)[:, 0]

    def moments(self, images: Sequence[Image.Image], texts: Sequence[str]) -> torch.Tensor:
        """Return both outputs of the head: the reward, and the logarithm of its spread.

        Args:
            images: n PIL images of any mode, which are not changed.
            texts: n texts.

        Returns:
            (n, 2), float32.
        """
        self.admit(texts)
        features = list(self.encode_images(images))
        pairs = zip(features, texts, strict=True)
        return torch.cat([self._outputs([feature], [text]) for feature, text in pairs]).cpu()

    def _outputs(self, image_features: Sequence[Beginning], texts: Sequence[str]) -> torch.Tensor:
        tails = [self._tokens.tail(text) for text in texts]
        with torch.inference_mode(), threads_for(self.parameters):
            if len(image_features) == 1:
                states = self._states(image_features[0], tails)
            else:
                states = torch.cat(
                    [self._states(kept, [tail]) for kept, tail in zip(image_features, tails, strict=True)]
                )
            outputs: torch.Tensor = self._head(states.float())
        return outputs

    def _beginning(self, pixels: NDArray[np.uint8]) -> Beginning:
        from transformers import DynamicCache

        patches, grid = self._preprocessing.patches(pixels)
        count = grid[1] * grid[2] // self._preprocessing.merge**2
        spot = self._tokens.head.index(self._tokens.image)
        ids = (*self._tokens.head[:spot], *[self._tokens.image] * count, *self._tokens.head[spot + 1 :])
        device = self._body.device
        cache = DynamicCache()
        self._body(
            input_ids=torch.tensor([ids], device=device),
            pixel_values=torch.from_numpy(patches).to(device, self._body.dtype),
            image_grid_thw=torch.tensor([grid], device=device),
            position_ids=_counted(0, 1, len(ids), device),
            **decoder_inputs.with_cache(self._body, cache),
        )
        return Beginning(Prepared(ids, {}, {}), tuple((layer.keys, layer.values) for layer in cache.layers))

    def _states(self, kept: Beginning, tails: Sequence[Tail]) -> torch.Tensor:
        """Return the last state of each prompt, (n, width)."""
        from transformers import DynamicCache

        back, ids, lengths = decoder_inputs.padded_tails(kept.head, tails)
        length, device = len(kept) - back, self._body.device
        cache = DynamicCache()
        cache.layers = [SharedLayer(keys[:, :, :length], values[:, :, :length]) for keys, values in kept.layers]
        # Padding follows the last token of a prompt, and a causal model doesn't look ahead.
        states = self._body(
            input_ids=ids.to(device),
            attention_mask=decoder_inputs.attention_mask(length, lengths, ids.shape[1]).to(device),
            position_ids=_counted(length, len(tails), ids.shape[1], device),
            **decoder_inputs.with_cache(self._body, cache),
        ).last_hidden_state
        last = torch.tensor(lengths, device=device) - 1
        picked: torch.Tensor = states[torch.arange(len(tails), device=device), last]
        return picked


def _counted(start: int, rows: int, length: int, device: torch.device) -> torch.Tensor:
    """Return positions that count on, the same along all three axes, (3, rows, length).

    Upstream gives its language model none, and transformers 4.45 counts then; later versions put an image on a grid.
    """
    return torch.arange(start, start + length, device=device).expand(3, rows, length)
