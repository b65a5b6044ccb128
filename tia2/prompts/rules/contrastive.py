"""Contrastive prompts by rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

from tia2.errors import PromptError, unknown_name
from tia2.prompts.rules.attributes import other_colours, other_materials, other_shapes, other_sizes, swapped_attributes
from tia2.prompts.rules.counting import blends, dropped_objects, other_numbers
from tia2.prompts.rules.meaning import meaning
from tia2.prompts.rules.parsing import Reading, read
from tia2.prompts.rules.relations import dropped_partner, other_relations, swapped_numbers, swapped_objects
from tia2.prompts.rules.released import released_prompts

Style = Literal["default", "released"]
STYLES: tuple[Style, ...] = ("default", "released")

LIMIT = 32
"""The largest number of contrastive prompts by rule; as many as a released composition prompt has."""

RULES: tuple[Callable[[Reading], list[str]], ...] = (
    dropped_objects,
    dropped_partner,
    other_numbers,
    swapped_numbers,
    swapped_attributes,
    swapped_objects,
    other_relations,
    other_colours,
    other_sizes,
    other_materials,
    other_shapes,
    blends,
)
"""What the default style does, in the order in which its prompts are listed."""


def contrastive_prompts(prompt: str, style: Style | None = None) -> list[str]:
    """Return contrastive prompts made by rule: prompts close to a prompt, but not true of an image that it describes.

    Each changes one thing: a number (the nearest ones), an object that is left out, a relation ("left of" becomes
    "right of"), two objects that change places, a colour, size or material, or which of two objects has it. Singular,
    plural, articles and simple verbs follow. Words in quotes, names and everything else stay as they are.

    No rule applies to a prompt that names no number, colour, size, material, relation or second object ("Lego Arnold
    Schwarzenegger"), that says it only in quotes, or that isn't English; the list is then empty. A change that can't be
    made grammatical for sure is left out as well. A language model can help: `tia2 prompts contrast --llm`.

    Args:
        prompt: Any text. Its first 200 words are read.
        style: "default" (also None), or "released": the rules behind the released prompt sets, kept as they were,
            "two airplanes two apples" included; other prompts get none.

    Returns:
        At most 32 prompts in a fixed order, without the prompt itself and without duplicates. Of counting prompts
        ("a realistic photo of two airplanes") they are the released ones in either style.

    Raises:
        PromptError: The prompt is no text.
        UnknownNameError: There is no such style.

    Example:
        >>> contrastive_prompts("three red cups")[:4]
        ['a red cup', 'two red cups', 'four red cups', 'five red cups']
        >>> contrastive_prompts("A cat above a dog.")[:4]
        ['A cat.', 'A dog.', 'Two cats above a dog.', 'A cat above two dogs.']
    """
    if not isinstance(prompt, str):
        raise PromptError(f"Expected a prompt as text, got {type(prompt).__name__}.")
    if style is not None and style not in STYLES:
        raise unknown_name("style", str(style), STYLES)
    reading = read(prompt)
    if style == "released":
        by_rule = [released_prompts(reading)]
    else:
        original = meaning(reading.text)
        # Two objects that are alike change places without a change: "a red cat next to a blue cat".
        by_rule = [[text for text in rule(reading) if meaning(text) != original] for rule in RULES]
    return [text + reading.rest for text in _distinct(reading.text, _fair(by_rule, LIMIT))]


def same_text(text: str) -> str:
    """Return what two prompts share when they differ only in case, spaces and punctuation.

    Example:
        >>> same_text("A  cat.") == same_text("a cat")
        True
    """
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return words or " ".join(text.casefold().split())


def _distinct(prompt: str, texts: Iterable[str]) -> list[str]:
    seen = {same_text(prompt)}
    kept = []
    for text in texts:
        key = same_text(text)
        if key not in seen:
            seen.add(key)
            kept.append(text)
    return kept


def _fair(lists: list[list[str]], limit: int) -> list[str]:
    """Return the rules' prompts in order; when there are too many, the last ones of the longest lists go."""
    lists = [list(dict.fromkeys(texts)) for texts in lists]
    while sum(map(len, lists)) > limit:
        max(reversed(lists), key=len).pop()
    return [text for texts in lists for text in texts]
