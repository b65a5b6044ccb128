"""CLIP's two towers and its tokenizer, loaded from transformers' layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.loading.tokens import PaddedTokens
from tia2.rewards.loading.transformers_models import load_model, load_tokenizer
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel

if TYPE_CHECKING:
    import torch

    from tia2.rewards.loading.pixels import Preprocessing
    from tia2.rewards.loading.transformers_files import PretrainedFiles
    from tia2.rewards.options import EncoderOptions

CLASSES = {"clip": "CLIPModel"}
"""Class of the model in transformers, by `model_type`."""

TOKENIZER = ("vocab.json", "merges.txt")
"""Files that make CLIP's tokenizer where there is no tokenizer.json."""

LEGACY_EOS = 2
"""With this end token in the configuration, transformers pools at the highest token id, as the first CLIPs did."""


def load_clip(
    files: PretrainedFiles,
    preprocessing: Preprocessing,
    options: EncoderOptions,
    *,
    name: str,
    processor: PretrainedFiles | None = None,
) -> tuple[LoadedEncoder, PlacedModel]:
    """Load a CLIP.

    Args:
        files: Files of the weights, and of a card.json.
        preprocessing: Preprocessing of RGB images.
        options: The options that every encoder takes.
        name: Name of the model.
        processor: Files of a tokenizer that lies elsewhere; those of the weights if None.

    Returns:
        The encoder, and its module with the learnt scale.

    Raises:
        RewardError: The weights don't fit the configuration, or the images' size or the tokenizer not the model.
    """
    model = PlacedModel.of(load_model(files, CLASSES["clip"]), options)
    module = model.module
    preprocessing.check_output(module.config.vision_config.image_size, str(files.folder))
    text_config = module.config.text_config
    tokenizer = load_clip_tokenizer(processor or files, text_config)
    limit = int(min(text_config.max_position_embeddings, tokenizer.model_max_length))
    # The tower is causal and pools at the first end token, so padding after it needs no mask and no full length.
    tokens = PaddedTokens(tokenizer, limit, filler=tokenizer.eos_token_id, to_limit=False, stops=True)

    def image_features(pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = module.visual_projection(module.vision_model(pixels).pooler_output)
        return features

    def text_features(texts: Sequence[str]) -> torch.Tensor:
        states = module.text_model(input_ids=tokens.batch(texts, model.device))
        features: torch.Tensor = module.text_projection(states.pooler_output)
        return features

    elsewhere: dict[str, Any] = {}
    tokenizer_files: list[Path] = []
    if processor is not None:
        elsewhere = {"tokenizer": processor.where, "tokenizer_revision": processor.revision}
        tokenizer_files = processor.small_files()
    loaded = LoadedEncoder(
        name=name,
        preprocessing=preprocessing,
        image_tower=model.image_tower(preprocessing, image_features),
        dtype=model.dtype,
        device=model.device,
        parameters=model.parameters,
        files=[*files.weights(), *files.small_files(), *tokenizer_files],
        tokens=tokens,
        text_tower=text_features,
        facts={"hub_id": files.hub_id, "revision": files.revision, **elsewhere, **files.card},
        card_file=files.folder / "card.json",
    )
    return loaded, model


def load_clip_tokenizer(files: PretrainedFiles, text_config: Any) -> Any:
    """Load CLIP's fast tokenizer.

    Args:
        files: Files of the tokenizer.
        text_config: Configuration of the model's text tower.

    Raises:
        RewardError: It can't be read, or its end token isn't the one at which the model pools.
    """
    tokenizer = load_tokenizer(files, "CLIPTokenizerFast")
    end, highest = tokenizer.eos_token_id, max(tokenizer.get_vocab().values())
    expected = highest if text_config.eos_token_id == LEGACY_EOS else text_config.eos_token_id
    if end != expected or tokenizer("a")["input_ids"][-1] != end or highest >= text_config.vocab_size:
        raise RewardError(
            f"{files.where}: the tokenizer ends texts with token {end} of {highest + 1}; the model pools at {expected} "
            f"of {text_config.vocab_size}. The tokenizer files belong to another model."
        )
    if unmerged := _unmerged_tokens(tokenizer):
        raise RewardError(
            f"{files.where}: no merge of the tokenizer makes {len(unmerged)} of its tokens, such as {unmerged[0]!r}: "
            "merges.txt is cut off, or belongs to another vocabulary."
        )
    return tokenizer


def _unmerged_tokens(tokenizer: Any) -> list[str]:
    """Return the tokens of a byte-pair vocabulary that no merge makes, single bytes and special tokens aside."""
    bpe = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merged = {"".join(merge) for merge in bpe["merges"]}
    special = set(tokenizer.all_special_tokens)
    longer = (token for token in bpe["vocab"] if len(token.removesuffix("</w>")) > 1)
    return [token for token in longer if token not in merged and token not in special]
