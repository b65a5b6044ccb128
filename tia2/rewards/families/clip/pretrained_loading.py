"""Weights and tokenizers in transformers' layout, loaded strictly: nothing missing, left over or mismatched."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tia2.errors import RewardError, missing_dependency
from tia2.rewards.families.clip.pretrained_files import PretrainedFiles
from tia2.rewards.loading.checkpoints import check_keys

LEGACY_EOS = 2
"""With this end token in the configuration, transformers pools at the highest token id, as the first CLIPs did."""


def load_model(files: PretrainedFiles, model_class: str) -> Any:
    """Load a model of transformers for inference, in float32 and on the CPU.

    Args:
        files: Where its configuration and weights are.
        model_class: What transformers calls it, such as "CLIPModel".

    Raises:
        RewardError: The weights can't be read, or their names or shapes aren't those of the configuration.
    """
    import torch
    import transformers
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    unreadable = (OSError, RuntimeError, ValueError, TypeError, EOFError, KeyError, pickle.UnpicklingError)
    try:
        with quiet_transformers():
            model, found = getattr(transformers, model_class).from_pretrained(
                files.folder,
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (*unreadable, SafetensorError, StrictDataclassError) as error:
        raise RewardError(f"The weights of {files.where} can't be read: {' '.join(str(error).split())}") from None
    # Old checkpoints store the positions, which are no weights.
    left_over = [key for key in found["unexpected_keys"] if not key.endswith("position_ids")]
    misshaped = [str(key[0] if isinstance(key, tuple) else key) for key in found["mismatched_keys"]]
    check_keys(files.where, found["missing_keys"], left_over, misshaped)
    return model.eval()


def load_clip_tokenizer(files: PretrainedFiles, text_config: Any) -> Any:
    """Load CLIP's fast tokenizer.

    Raises:
        RewardError: It can't be read, or its end token isn't the one at which the model pools.
    """
    tokenizer = _load_tokenizer(files, "CLIPTokenizerFast")
    end, highest = tokenizer.eos_token_id, max(tokenizer.get_vocab().values())
    expected = highest if text_config.eos_token_id == LEGACY_EOS else text_config.eos_token_id
    if end != expected or tokenizer("a")["input_ids"][-1] != end or highest >= text_config.vocab_size:
        raise RewardError(
            f"{files.where}: the tokenizer ends texts with token {end} of {highest + 1}; the model pools at {expected} "
            f"of {text_config.vocab_size}. The tokenizer files belong to another model."
        )
    if unmade := _unmade_tokens(tokenizer):
        raise RewardError(
            f"{files.where}: no merge of the tokenizer makes {len(unmade)} of its tokens, such as {unmade[0]!r}: "
            "merges.txt is cut off, or belongs to another vocabulary."
        )
    return tokenizer


def load_siglip_tokenizer(files: PretrainedFiles, vocabulary: int) -> Any:
    """Load the tokenizer of a SigLIP.

    Fixed-resolution checkpoints of SigLIP 2 name Gemma's tokenizer, which keeps capitals; their training did not, and
    transformers has Siglip2Tokenizer, the same with lower-casing, for them.

    Args:
        files: Where it is.
        vocabulary: How many tokens the model knows.

    Raises:
        MissingDependencyError: SigLIP 1's tokenizer needs two more packages.
        RewardError: It can't be read, has no padding token, or belongs to another model.
    """
    from transformers.utils import is_protobuf_available, is_sentencepiece_available

    short = str(files.tokenizer_config().get("tokenizer_class") or "").removesuffix("Fast")
    if short == "SiglipTokenizer" or (not short and (files.folder / "spiece.model").is_file()):
        if not (is_sentencepiece_available() and is_protobuf_available()):
            raise missing_dependency(
                f"{files.where}: the tokenizer of SigLIP 1 needs sentencepiece and protobuf", "siglip"
            )
        tokenizer = _load_tokenizer(files, "SiglipTokenizer")
    elif short in ("GemmaTokenizer", "Siglip2Tokenizer"):
        tokenizer = _load_tokenizer(files, "Siglip2Tokenizer")
    else:
        tokenizer = _load_tokenizer(files, "AutoTokenizer" if short else "PreTrainedTokenizerFast")
    highest = max(tokenizer("a photo of a cat")["input_ids"], default=0)
    if tokenizer.pad_token_id is None:
        raise RewardError(f"{files.where}: the tokenizer has no padding token, with which SigLIP fills its texts.")
    if max(highest, tokenizer.pad_token_id) >= vocabulary or len(tokenizer) > vocabulary:
        raise RewardError(
            f"{files.where}: the tokenizer has {len(tokenizer)} tokens, the model {vocabulary}. "
            "The tokenizer files belong to another model."
        )
    return tokenizer


def _unmade_tokens(tokenizer: Any) -> list[str]:
    """Return the tokens of a byte-pair vocabulary that no merge makes, single bytes and special tokens aside."""
    bpe = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    made = {"".join(merge) for merge in bpe["merges"]}
    special = set(tokenizer.all_special_tokens)
    longer = (token for token in bpe["vocab"] if len(token.removesuffix("</w>")) > 1)
    return [token for token in longer if token not in made and token not in special]


def _load_tokenizer(files: PretrainedFiles, tokenizer_class: str) -> Any:
    import transformers

    try:
        with quiet_transformers():
            return getattr(transformers, tokenizer_class).from_pretrained(files.folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise RewardError(f"The tokenizer of {files.where} can't be read: {' '.join(str(error).split())}") from None


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence progress bars and load reports, which say nothing that the strict check doesn't."""
    import transformers

    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
