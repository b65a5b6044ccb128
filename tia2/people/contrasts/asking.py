"""A study that asks people about contrastive prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from tia2.errors import StudyError
from tia2.people.store.items import NewItem

SAME = {"different": "no", "failure": "no"}
"""What is known of a prompt beside itself."""


def contrast_items(
    contrasts: Mapping[str, Sequence[str]], count: int | None = None, checks: int = 0, seed: int = 0
) -> list[NewItem]:
    """Return items that ask whether contrastive prompts are any.

    Args:
        contrasts: Contrastive prompts of each prompt.
        count: Number of contrastive prompts to ask about, spread over the prompts; all if None.
        checks: Number of prompts that are shown beside themselves, whose answer is known.
        seed: Seed of the choice.

    Raises:
        StudyError: There are none, or fewer than asked for.

    Example:
        >>> [item.texts for item in contrast_items({"a cat": ["a dog", "two cats"]}, count=1)]
        [('a dog',)]
    """
    rng = np.random.default_rng(seed)
    queues = {prompt: [texts[int(n)] for n in rng.permutation(len(texts))] for prompt, texts in contrasts.items()}
    pairs: list[tuple[str, str]] = []
    for turn in range(max(map(len, queues.values()), default=0)):
        pairs += [(prompt, texts[turn]) for prompt, texts in queues.items() if turn < len(texts)]
    if not pairs or not 0 < (count or len(pairs)) <= len(pairs):
        raise StudyError(
            f"Expected 1 to {len(pairs):,} contrastive prompts to ask about, got {count}: there are no more."
        )
    asked = pairs[: count or len(pairs)]
    items = [_item(prompt, text) for prompt, text in asked]
    own_prompts = list(dict.fromkeys(prompt for prompt, _ in asked))[:checks]
    return [*items, *(_item(prompt, prompt, gold=True) for prompt in own_prompts)]


def _item(prompt: str, text: str, gold: bool = False) -> NewItem:
    key = hashlib.sha256(f"{prompt}\0{text}".encode()).hexdigest()[:16]
    return NewItem(key, prompt, texts=(text,), facts={"contrastive_prompt": text}, gold=dict(SAME) if gold else None)
