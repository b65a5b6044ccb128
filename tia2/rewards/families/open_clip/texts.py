"""Texts for models of open_clip: its own tokenizers, and how long a text is for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.families.open_clip.loading import library

if TYPE_CHECKING:
    import torch


class OpenClipTokens:
    """Tokenise as open_clip does: texts cleaned, cut to the context with the end token last, padded.

    Args:
        model: Name of the model in open_clip, which decides the tokenizer.
        vocabulary: A file of byte-pair merges in place of CLIP's, for a model with CLIP's tokenizer.

    Raises:
        RewardError: The tokenizer can't be loaded.
    """

    def __init__(self, model: str, vocabulary: str | Path | None = None) -> None:
        given = {} if vocabulary is None else {"bpe_path": str(vocabulary)}
        self.vocabulary = Path(vocabulary) if vocabulary is not None else None
        open_clip = library()
        try:
            self._tokenizer: Any = open_clip.get_tokenizer(model, **given)
        except Exception as error:  # the tokenizers and the hub's library raise all kinds
            reason = " ".join(str(error).split())
            raise RewardError(f"The tokenizer of {model} can't be loaded: {type(error).__name__}: {reason}") from None
        self.limit = int(self._tokenizer.context_length)

    def batch(self, texts: Sequence[str], device: torch.device) -> torch.Tensor:
        """Return token ids, (n, limit)."""
        tokens: torch.Tensor = self._tokenizer(list(texts)).to(device)
        return tokens

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which the model sees only the beginning."""
        return [text for text in dict.fromkeys(texts) if self.length(text) > self.limit or self._ends_within(text)]

    def _ends_within(self, text: str) -> bool:
        """Whether a text holds what CLIP's tokenizer takes for its end; the tower pools at the first."""
        if not hasattr(self._tokenizer, "encode"):
            return False
        return getattr(self._tokenizer, "eot_token_id", None) in self._tokenizer.encode(text)

    def length(self, text: str) -> int:
        """Return a text's number of tokens, start and end included."""
        if hasattr(self._tokenizer, "encode"):  # CLIP's own, which adds the two later
            return len(self._tokenizer.encode(text)) + 2
        cleaned = self._tokenizer.clean_fn(text)
        return len(self._tokenizer.tokenizer(cleaned, truncation=False, verbose=False)["input_ids"])
