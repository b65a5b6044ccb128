"""Weights and tokenizer of a CLIP, loaded strictly: nothing missing or left over, nothing pooled at a wrong token."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.clip_files import ClipFiles

if TYPE_CHECKING:
    import torch

LEGACY_EOS = 2
"""With this end token in the configuration, transformers pools at the highest token id, as the first CLIPs did."""


def load_model(files: ClipFiles, device: torch.device, dtype: torch.dtype) -> Any:
    """Load a CLIPModel for inference.

    Raises:
        RewardError: The weights can't be read, or their names or shapes aren't those of the configuration.
    """
    from safetensors import SafetensorError
    from transformers.models.clip import modeling_clip

    where = files.hub_id or str(files.folder)
    clip_model: Any = modeling_clip.CLIPModel
    try:
        with _quiet_transformers():
            model, found = clip_model.from_pretrained(
                files.folder,
                local_files_only=True,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
        raise RewardError(f"The weights of {where} can't be read: {' '.join(str(error).split())}") from None
    # Old checkpoints store the positions, which are no weights.
    left_over = [key for key in found["unexpected_keys"] if not key.endswith("position_ids")]
    wrong = {"missing": found["missing_keys"], "unexpected": left_over, "of another shape": found["mismatched_keys"]}
    if problems := [f"{len(keys)} {kind} ({_first(keys)})" for kind, keys in wrong.items() if keys]:
        raise RewardError(f"The weights of {where} don't fit its config.json: {'; '.join(problems)}.")
    return model.to(device).eval()


def load_tokenizer(files: ClipFiles, text_config: Any) -> Any:
    """Load CLIP's fast tokenizer.

    Raises:
        RewardError: It can't be read, or its end token isn't the one at which the model pools.
    """
    from transformers import CLIPTokenizerFast

    where = files.hub_id or str(files.folder)
    try:
        tokenizer = CLIPTokenizerFast.from_pretrained(files.folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise RewardError(f"The tokenizer of {where} can't be read: {' '.join(str(error).split())}") from None
    end, highest = tokenizer.eos_token_id, max(tokenizer.get_vocab().values())
    expected = highest if text_config.eos_token_id == LEGACY_EOS else text_config.eos_token_id
    if end != expected or tokenizer("a")["input_ids"][-1] != end or highest >= text_config.vocab_size:
        raise RewardError(
            f"{where}: the tokenizer ends texts with token {end} of {highest + 1}; the model pools at {expected} of "
            f"{text_config.vocab_size}. The tokenizer files belong to another model."
        )
    return tokenizer


def _first(keys: Any) -> str:
    names = sorted(str(key[0] if isinstance(key, tuple) else key) for key in keys)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


@contextmanager
def _quiet_transformers() -> Iterator[None]:
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
