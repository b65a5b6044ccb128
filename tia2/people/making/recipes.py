"""Prompts by TIA2's recipe: counting, composition and comprehensive, from lists of objects and templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from tia2.errors import StudyError
from tia2.prompts.rules.contrastive import contrastive_prompts
from tia2.prompts.rules.inflection import article, plural
from tia2.prompts.rules.meaning import meaning
from tia2.prompts.rules.vocabulary import NUMBERS

OBJECTS = (
    "airplane", "apple", "automobile", "bird", "book", "cake", "carrot", "cat", "chair", "cup", "deer", "dog", "fork",
    "frog", "horse", "laptop", "microwave", "orange", "ship", "suitcase", "teddy bear", "toaster", "truck", "umbrella",
    "vase",
)  # fmt: skip
"""The objects of TIA2."""
MINI_OBJECTS = (
    "red circle", "yellow square", "green triangle", "cyan cross", "blue circle", "purple square", "red triangle",
    "yellow cross",
)  # fmt: skip
"""Objects that the miniature world can draw and judge."""
LEAD = "a realistic photo of "
"""The beginning of TIA2's prompts of counting and composition."""
COMPREHENSIVE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "world": (
            "{a} on a table", "{a} in a forest", "{a} in the middle of the ocean", "a red colored {object}",
            "a blue colored {object}", "an oil painting of {a}", "{a} to the left of {b}", "{a} on top of {b}",
            "{a} under {b}", "{two} and {b}", "{a} made of glass", "{a} at night",
        ),
        "mini": ("{a}", "{a} left of {b}", "{a} above {b}", "{two} and {b}", "{a} and {btwo}"),
    }
)  # fmt: skip
"""Templates of comprehensive prompts: {a} and {b} are objects with their articles, {two} and {btwo} are two of each."""


_NAMED = re.compile(r"\{(\w+)\}")


class RecipePrompt(NamedTuple):
    """A prompt of a recipe.

    Attributes:
        prompt: The prompt.
        subset: Subset that it belongs to.
        contrastive_prompts: Prompts that TextNorm compares it with, by rule.
    """

    prompt: str
    subset: str
    contrastive_prompts: tuple[str, ...]


def counted(noun: str, number: int) -> str:
    """Return so many of an object in words; its last word is the noun.

    Example:
        >>> counted("apple", 1), counted("red cross", 3)
        ('an apple', 'three red crosses')
    """
    if number == 1:
        return f"{article(noun)} {noun}"
    *adjectives, last = noun.split()
    return " ".join([NUMBERS[number - 1], *adjectives, plural(last)])


def recipe_prompts(
    kind: str,
    objects: Sequence[str] = OBJECTS,
    *,
    numbers: Sequence[int] = (1, 2, 3, 4, 5, 6),
    lead: str = LEAD,
    templates: Sequence[str] = COMPREHENSIVE["world"],
    most: int | None = None,
    seed: int = 0,
) -> list[RecipePrompt]:
    """Return the prompts of one subset.

    Args:
        kind: "counting": every object in every number; "composition": every two objects; "comprehensive": every
            template with objects drawn for it.
        objects: The objects, as singular nouns with their adjectives.
        numbers: Numbers of objects, for counting.
        lead: Beginning of the prompts of counting and composition.
        templates: Templates of comprehensive prompts.
        most: Prompts to draw at most; all if None.
        seed: Seed of what is drawn.

    Raises:
        StudyError: There are too few objects, a number isn't known in words, or a template names something unknown.

    Example:
        >>> [prompt.prompt for prompt in recipe_prompts("composition", ["cat", "apple"], lead="")]
        ['a cat and an apple']
    """
    objects = list(dict.fromkeys(" ".join(noun.split()) for noun in objects if noun.strip()))
    if not objects or (kind != "counting" and len(objects) < 2):
        raise StudyError(f"Prompts of {kind} need {'an object' if kind == 'counting' else 'two objects'}.")
    if wrong := [number for number in numbers if not 1 <= number <= len(NUMBERS)]:
        raise StudyError(f"Expected numbers from 1 to {len(NUMBERS)}, got {wrong[0]}.")
    rng = np.random.default_rng(seed)
    if kind == "counting":
        texts = [f"{lead}{counted(noun, number)}" for number in numbers for noun in objects]
    elif kind == "composition":
        texts = [f"{lead}{counted(first, 1)} and {counted(second, 1)}" for first, second in combinations(objects, 2)]
    elif kind == "comprehensive":
        texts = [_filled(template, objects, rng) for template in templates for _ in range(-(-len(objects) // 2))]
    else:
        raise StudyError(f"Expected counting, composition or comprehensive, got {kind!r:.40}.")
    texts = list(dict.fromkeys(texts))
    if most is not None and most < len(texts):
        texts = [texts[number] for number in sorted(rng.choice(len(texts), most, replace=False))]
    return [RecipePrompt(text, kind, tuple(contrastive_prompts(text))) for text in texts]


def _filled(template: str, objects: Sequence[str], rng: np.random.Generator) -> str:
    first, second = (objects[int(number)] for number in rng.choice(len(objects), 2, replace=False))
    words = {"a": counted(first, 1), "b": counted(second, 1), "two": counted(first, 2), "btwo": counted(second, 2)}
    words["object"] = first
    # Not str.format, to which "{a.__class__}" would be a name, too.
    text = _NAMED.sub(lambda named: words.get(named[1], named[0]), template)
    if not text.strip() or "{" in text or "}" in text:
        names = ", ".join(f"{{{name}}}" for name in words)
        raise StudyError(f"The template {template!r:.80} can't be filled: it may name {names}.")
    return text


class PromptDoubt(NamedTuple):
    """Something to look at before images are made.

    Attributes:
        kind: "near-duplicate": two prompts say the same; "paraphrase": a contrastive prompt says what its prompt says;
            "leak": a contrastive prompt is another prompt of the set, so that its images count in two ways.
        prompt: The prompt.
        other: The other text.
    """

    kind: str
    prompt: str
    other: str


def doubts(prompts: Sequence[RecipePrompt]) -> list[PromptDoubt]:
    """Return what is doubtful about prompts and their contrastive prompts.

    Args:
        prompts: The prompts.

    Example:
        >>> listed = [RecipePrompt("two cats", "x", ("a cat",)), RecipePrompt("2 cats.", "x", ()),
        ...           RecipePrompt("a cat", "x", ("the cat",))]
        >>> [(doubt.kind, doubt.other) for doubt in doubts(listed)]
        [('near-duplicate', '2 cats.'), ('leak', 'a cat'), ('paraphrase', 'the cat')]
    """
    first: dict[object, str] = {}
    doubtful = []
    for prompt in prompts:
        same = first.setdefault(meaning(prompt.prompt), prompt.prompt)
        if same != prompt.prompt:
            doubtful.append(PromptDoubt("near-duplicate", same, prompt.prompt))
    for prompt in prompts:
        mine = meaning(prompt.prompt)
        for text in prompt.contrastive_prompts:
            key = meaning(text)
            if key == mine:
                doubtful.append(PromptDoubt("paraphrase", prompt.prompt, text))
            elif key in first:
                doubtful.append(PromptDoubt("leak", prompt.prompt, first[key]))
    return doubtful
