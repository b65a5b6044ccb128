"""Texts as padded rows of tokens, for text towers that take them without a mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class PaddedTokens:
    """Tokenise texts, cut them to a limit as transformers' truncation does, and pad them on the right.

    Args:
        tokenizer: A tokenizer of transformers.
        limit: The most tokens of a text, special tokens included.
        filler: Token that fills up the shorter texts of a batch.
        to_limit: Whether texts are filled up to the limit rather than to the longest of the batch.
        stops: Whether the model reads a text up to its first end token, wherever that is: what is called so in a
            prompt ends it there.
    """

    def __init__(self, tokenizer: Any, limit: int, *, filler: int, to_limit: bool, stops: bool = False) -> None:
        self.limit = limit
        self._stops = stops
        self._tokenizer = tokenizer
        self._filler = filler
        self._to_limit = to_limit

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, cut to the limit."""
        return [self._cut(row) for row in self.uncut(texts)]

    def uncut(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, whatever their number."""
        if not texts:
            return []
        rows: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"]
        return rows

    def batch(self, texts: Sequence[str], device: torch.device) -> torch.Tensor:
        """Return token ids, (n, longest) or (n, limit)."""
        import torch

        rows = self.ids(texts)
        length = self.limit if self._to_limit else max(map(len, rows))
        return torch.tensor([row + [self._filler] * (length - len(row)) for row in rows], device=device)

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which the model sees only the beginning."""
        distinct = list(dict.fromkeys(texts))
        end = self._tokenizer.eos_token_id if self._stops else None
        return [
            text
            for text, row in zip(distinct, self.uncut(distinct), strict=True)
            if len(row) > self.limit or end in row[1:-1]
        ]

    def _cut(self, row: list[int]) -> list[int]:
        """Shorten a text to the limit; its end token stays."""
        if len(row) <= self.limit:
            return row
        kept = self.limit - int(row[-1] == self._tokenizer.eos_token_id)
        return [*row[:kept], *row[len(row) - self.limit + kept :]]
