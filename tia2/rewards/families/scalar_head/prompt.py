"""From a text to the tokens of a prompt: those before the text, which an image's texts share, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from tia2.errors import RewardError
from tia2.rewards.families.scalar_head.instruction import IMAGE, SLOT
from tia2.rewards.families.vqascore.question import PROBES, Tail, common_start


class PromptTokens:
    """The tokens of one prompt with its slot filled.

    Args:
        words: The tokenizer.
        prompt: The prompt with the text's slot and one image token; what it ends in is where the head reads.
        limit: The most tokens of a text that are read.
        where: Name of the model in errors.
    """

    def __init__(self, words: Any, prompt: str, limit: int, where: str) -> None:
        self._words, self._prompt, self._where = words, prompt, where
        self.limit = limit
        added = words.added_tokens_decoder
        self._special = frozenset(token for token, entry in added.items() if entry.special)
        probes = [self._ids(prompt.replace(SLOT, text)) for text in PROBES]
        self.head = tuple(probes[0][: min(common_start(probes[0], other) for other in probes[1:])])
        self.image = int(words.convert_tokens_to_ids(IMAGE))
        self.longest_end = max(len(probe) for probe in probes) - len(self.head)
        self.tail = lru_cache(maxsize=1 << 16)(self._tail)

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which only the beginning is read."""
        return [text for text in dict.fromkeys(texts) if len(self._ids(text)) > self.limit]

    def check(self, texts: Sequence[str]) -> None:
        """Raise a RewardError if a text would be read as more than text."""
        for text in dict.fromkeys(texts):
            if brought := self._special.intersection(self._ids(text)):
                names = ", ".join(map(repr, self._words.convert_ids_to_tokens(sorted(brought))))
                raise RewardError(
                    f"The text {text[:60]!r} holds {names}, which {self._where} reads as control tokens: rephrase it."
                )

    def _tail(self, text: str) -> Tail:
        # Cut from whole prompts, not tokenised alone: a text's first blank or letters may melt with what stands before.
        ids = self._ids(self._prompt.replace(SLOT, self._cut(text)))
        shared = common_start(ids, self.head)
        return Tail(len(self.head) - shared, tuple(ids[shared:]))

    def _cut(self, text: str) -> str:
        low, high = 0, len(text)
        if len(self._ids(text)) <= self.limit:
            return text
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (low, middle - 1) if len(self._ids(text[:middle])) > self.limit else (middle, high)
        return text[:low]

    def _ids(self, text: str) -> list[int]:
        # Halves of surrogate pairs are no characters.
        clean = text.encode("utf-8", "ignore").decode("utf-8")
        ids: list[int] = self._words(clean, add_special_tokens=False, verbose=False)["input_ids"]
        return ids
