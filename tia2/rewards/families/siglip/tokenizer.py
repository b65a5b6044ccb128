"""The tokenizers of SigLIP and SigLIP 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError, missing_dependency
from tia2.rewards.loading.transformers_models import load_tokenizer

if TYPE_CHECKING:
    from tia2.rewards.loading.transformers_files import PretrainedFiles


def load_siglip_tokenizer(files: PretrainedFiles, vocabulary: int) -> Any:
    """Load the tokenizer of a SigLIP.

    Fixed-resolution checkpoints of SigLIP 2 name Gemma's tokenizer, which keeps capitals; their training did not, and
    transformers has Siglip2Tokenizer, the same with lower-casing, for them.

    Args:
        files: Files of the tokenizer.
        vocabulary: Number of tokens that the model knows.

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
        tokenizer = load_tokenizer(files, "SiglipTokenizer")
    elif short in ("GemmaTokenizer", "Siglip2Tokenizer"):
        tokenizer = load_tokenizer(files, "Siglip2Tokenizer")
    else:
        tokenizer = load_tokenizer(files, "AutoTokenizer" if short else "PreTrainedTokenizerFast")
    highest = max(tokenizer("a photo of a cat")["input_ids"], default=0)
    if tokenizer.pad_token_id is None:
        raise RewardError(f"{files.where}: the tokenizer has no padding token, with which SigLIP fills its texts.")
    if max(highest, tokenizer.pad_token_id) >= vocabulary or len(tokenizer) > vocabulary:
        raise RewardError(
            f"{files.where}: the tokenizer has {len(tokenizer)} tokens, the model {vocabulary}. "
            "The tokenizer files belong to another model."
        )
    return tokenizer
