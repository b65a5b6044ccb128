"""Weights and tokenizers in transformers' layout, loaded strictly: nothing missing, left over or mismatched."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tia2.errors import RewardError
from tia2.rewards.loading.checkpoints import check_keys
from tia2.rewards.loading.transformers_files import PretrainedFiles


def load_model(files: PretrainedFiles, model_class: str) -> Any:
    """Load a model of transformers for inference, in float32 and on the CPU.

    Args:
        files: Files of its configuration and weights.
        model_class: Name of its class in transformers, such as "CLIPModel".

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
            model, report = getattr(transformers, model_class).from_pretrained(
                files.folder,
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (*unreadable, SafetensorError, StrictDataclassError) as error:
        raise RewardError(f"The weights of {files.where} can't be read: {' '.join(str(error).split())}") from None
    # Old checkpoints store the positions, which are no weights.
    left_over = [key for key in report["unexpected_keys"] if not key.endswith("position_ids")]
    misshaped = [str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"]]
    check_keys(files.where, report["missing_keys"], left_over, misshaped)
    return model.eval()


def load_tokenizer(files: PretrainedFiles, tokenizer_class: str) -> Any:
    """Load a tokenizer of transformers.

    Args:
        files: Files of the tokenizer.
        tokenizer_class: Name of its class in transformers, such as "CLIPTokenizerFast".

    Raises:
        RewardError: It can't be read.
    """
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
