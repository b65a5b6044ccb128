"""BERT's tokenizer with the special tokens of the BLIP family, cut to a limit and padded to the longest of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.loading.hub import fetch_folder, is_hub_id
from tia2.rewards.loading.transformers_models import quiet_transformers

if TYPE_CHECKING:
    import torch

BERT = "google-bert/bert-base-uncased"
"""Whose vocabulary upstream code takes."""

FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")

BEGIN, ENCODE = "[DEC]", "[ENC]"
"""The tokens that BLIP adds to BERT's; texts may hold them, and they decide the size of the vocabulary."""

SPARE = 128
"""Number of tokens that a model may know beyond its tokenizer's: vocabularies are padded to multiples of up to 128."""

KEPT = 50_000
"""The most texts whose tokens are kept: the texts of a benchmark come back with every image."""


class BertTokens:
    """Tokenise texts as upstream code does: [CLS] text [SEP], cut on the right, [SEP] kept.

    Args:
        source: A folder with a vocab.txt or tokenizer.json, or a hub id.
        added: The special tokens that the model's code adds, in order; the first becomes the begin token.
        limit: The most tokens, [CLS] and [SEP] included.
        vocabulary: Number of tokens that the model knows.

    Raises:
        RewardError: There is no such tokenizer, it can't be read, or it belongs to another model or is cut off, which
            its size shows.
    """

    def __init__(self, source: str | Path, *, added: Sequence[str], limit: int, vocabulary: int) -> None:
        self.folder = _folder(str(source))
        self.limit = limit
        self._tokenizer = _load(self.folder)
        self._tokenizer.add_special_tokens({"bos_token": added[0], "extra_special_tokens": list(added[1:])})
        self._cache: dict[str, list[int]] = {}
        if not vocabulary - SPARE <= len(self._tokenizer) <= vocabulary:
            raise RewardError(
                f"The tokenizer {self.folder} has {len(self._tokenizer)} tokens with {', '.join(added)}; the model has "
                f"{vocabulary}. It belongs to another model, or is cut off."
            )

    @property
    def files(self) -> list[Path]:
        """The files that change how texts are tokenised."""
        return [self.folder / name for name in FILES if (self.folder / name).is_file()]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, cut to the limit."""
        end = self._tokenizer.sep_token_id
        return [row if len(row) <= self.limit else [*row[: self.limit - 1], end] for row in self._rows(texts)]

    def batch(self, texts: Sequence[str], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token ids and mask, (n, longest), padded on the right."""
        import torch

        rows = self.ids(texts)
        longest = max(map(len, rows))
        filler = self._tokenizer.pad_token_id
        ids = torch.tensor([row + [filler] * (longest - len(row)) for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
        return ids, mask

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts with more tokens than the limit."""
        distinct = list(dict.fromkeys(texts))
        return [text for text, row in zip(distinct, self._rows(distinct), strict=True) if len(row) > self.limit]

    def _rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the uncut token ids. Threads share the cache, so it is replaced and never changed."""
        cache = self._cache
        if new := [text for text in dict.fromkeys(texts) if text not in cache]:
            if len(cache) + len(new) > KEPT:
                cache, new = {}, list(dict.fromkeys(texts))
            # Halves of surrogate pairs are no characters; BERT drops them as it does control characters.
            clean = [text.encode("utf-8", "ignore").decode("utf-8") for text in new]
            rows = self._tokenizer(clean, verbose=False)["input_ids"]
            cache = self._cache = {**cache, **dict(zip(new, rows, strict=True))}
        return [cache[text] for text in texts]


def _folder(source: str) -> Path:
    local = Path(source).expanduser()
    if local.is_dir():
        if not any((local / name).is_file() for name in FILES[:2]):
            raise RewardError(f"There is no tokenizer in {local}: expected a vocab.txt or a tokenizer.json.")
        return local
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r} to take the tokenizer from.")
    return fetch_folder(source, None, FILES)


def _load(folder: Path) -> Any:
    from transformers import BertTokenizerFast

    try:
        with quiet_transformers():
            tokenizer = BertTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise RewardError(f"The tokenizer in {folder} can't be read: {' '.join(str(error).split())}") from None
    # A special token that the vocabulary lacks is added at its end, where the model has something else.
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id)
    if any(token is None or token >= tokenizer.vocab_size for token in special):
        raise RewardError(f"The tokenizer in {folder} is no BERT's: its vocabulary lacks [CLS], [SEP], [PAD] or [UNK].")
    return tokenizer
