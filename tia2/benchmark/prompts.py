"""X, the set of prompts that TextNorm compares a prompt with."""

from __future__ import annotations

from collections.abc import Iterable


def prompt_set(prompt: str, contrastive: Iterable[str]) -> list[str]:
    """Return X: the prompt first, then its contrastive prompts, each text once.

    Released contrastive prompts hold duplicates, and one holds its own prompt; X is a set.

    Args:
        prompt: The prompt.
        contrastive: Its contrastive prompts.

    Returns:
        Distinct texts in order, the prompt at position 0.

    Example:
        >>> prompt_set("a cat", ["two cats", "a cat", "a dog", "two cats"])
        ['a cat', 'two cats', 'a dog']
    """
    return list(dict.fromkeys([prompt, *contrastive]))
