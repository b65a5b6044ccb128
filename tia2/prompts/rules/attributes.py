"""Contrastive prompts that differ in a colour, size or material, or in which object has it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tia2.prompts.rules import vocabulary
from tia2.prompts.rules.counting import chains
from tia2.prompts.rules.inflection import like, plural
from tia2.prompts.rules.parsing import ObjectGroup, Reading, Token
from tia2.prompts.rules.relations import linked
from tia2.prompts.rules.rewriting import rewrite, starts_sentence

OTHERS = 10
"""Number of other colours that stand for the only one of a prompt."""
OTHERS_OF_SEVERAL = 3
"""Number of other colours that stand for each of several."""

_MADE_OF = re.compile(r"\b(?:made (?:out )?of|made from) $", re.I)


def other_colours(reading: Reading) -> list[str]:
    """Return the prompt with one of its colours replaced by others, those that could pass for it left out."""
    tokens = colours(reading)
    used = {_written(token.lower) for token in tokens}
    limit = OTHERS if len(tokens) == 1 else OTHERS_OF_SEVERAL
    texts = []
    for token in tokens:
        out = used | vocabulary.KIN.get(token.lower, set())
        ring = _after(vocabulary.COLOURS, _written(token.lower))
        texts += [_with(reading, token, colour) for colour in [name for name in ring if name not in out][:limit]]
    return texts


def other_sizes(reading: Reading) -> list[str]:
    """Return the prompt with a size replaced by its opposite."""
    return [_with(reading, token, vocabulary.SIZES[token.lower]) for token in _described(reading, vocabulary.SIZES)]


def other_materials(reading: Reading) -> list[str]:
    """Return the prompt with a material replaced by others: "a wooden table", "a heart made of glass"."""
    texts = []
    tokens = [token for token in _described(reading, vocabulary.MATERIAL_ADJECTIVES) if _leads(reading, token)]
    for token in tokens:
        others = _after(vocabulary.MATERIAL_ADJECTIVES, token.lower)
        texts += [_with(reading, token, other) for other in others[: 5 if len(tokens) == 1 else OTHERS_OF_SEVERAL]]
    made_of = _materials(reading)
    for start, end in made_of:
        material = reading.text[start:end].lower()
        others = [name for name in _after(vocabulary.MATERIALS, material) if name != material]
        limit = 5 if len(made_of) == 1 else OTHERS_OF_SEVERAL
        texts += [rewrite(reading.text, [(start, end, other)]) for other in others[:limit]]
    return texts


def other_shapes(reading: Reading) -> list[str]:
    """Return the prompt with a geometric shape replaced by others."""
    texts = []
    for group in reading.groups:
        head = reading.tokens[group.head]
        written = reading.text[head.start : head.end]
        noun = written if group.kind != "many" else group.noun or ""
        for shapes in vocabulary.SHAPES:
            if noun.lower() in shapes:
                others = _after(shapes, noun.lower())[: 3 if len(reading.groups) == 1 else 1]
                others = [plural(name) for name in others] if group.kind == "many" else others
                texts += [_with(reading, head, name) for name in others]
    return texts


def swapped_attributes(reading: Reading) -> list[str]:
    """Return the prompt with colours, sizes or materials of two objects exchanged, or given to the other object.

    Not where the objects are otherwise equal and merely listed: that would say the same again.
    """
    texts = []
    for index, first in enumerate(reading.groups):
        for second in reading.groups[index + 1 : index + 3]:
            if _same_but_for_attributes(reading, first, second):
                continue
            for words in (vocabulary.COLOURS, vocabulary.SIZES, vocabulary.MATERIAL_ADJECTIVES):
                texts += _exchange(reading, first, second, words)
    return texts


def colours(reading: Reading) -> list[Token]:
    """Return the words of a prompt that name a colour: not in quotes, in names, or as a noun ("an orange")."""
    return [
        token
        for index, token in enumerate(reading.tokens)
        if index >= reading.content and not token.quoted and _is_colour(reading, index)
    ]


def _is_colour(reading: Reading, index: int) -> bool:
    token = reading.tokens[index]
    if token.lower not in vocabulary.COLOURS and token.lower not in vocabulary.KIN:
        return False
    following = reading.tokens[index + 1] if index + 1 < len(reading.tokens) else None
    follows = following if following is not None and following.joined and not following.quoted else None
    # "the White House", "Red Bull"; at the start of a sentence a capital says nothing, two do.
    if reading.text[token.start].isupper() and not reading.text.isupper():
        starts = starts_sentence(reading.text, token.start)
        name = follows is not None and reading.text[follows.start].isupper()
        if name or not starts:
            return False
    if follows is not None and (token.lower, follows.lower) in vocabulary.NAMES:
        return False
    if token.lower in vocabulary.ALSO_NOUNS:
        if follows is None:
            return False
        if follows.lower == "and" and index + 2 < len(reading.tokens):
            return reading.tokens[index + 2].lower in vocabulary.COLOUR_WORDS
        return follows.lower not in vocabulary.FUNCTION_WORDS and not follows.lower.endswith("ing")
    return True


def _written(colour: str) -> str:
    """Return the written colour that a colour counts as; itself when it has none."""
    kin = vocabulary.KIN.get(colour)
    if colour in vocabulary.COLOURS or not kin:
        return colour
    return min(kin, key=vocabulary.COLOURS.index)


def _after(names: Sequence[str], name: str) -> list[str]:
    """Return the names after one of them, all around, so that none is favoured; from the first when it isn't there."""
    start = names.index(name) if name in names else len(names)
    return [*names[start + 1 :], *names[:start]]


def _with(reading: Reading, token: Token, word: str) -> str:
    return rewrite(reading.text, [(token.start, token.end, like(reading.text[token.start : token.end], word))])


def _described(reading: Reading, words: Sequence[str] | dict[str, str]) -> list[Token]:
    return [token for group in reading.groups for token in _attributes(reading, group, words)]


def _attributes(reading: Reading, group: ObjectGroup, words: Sequence[str] | dict[str, str]) -> list[Token]:
    """Return the words before a group's noun that are among some words."""
    tokens = reading.tokens[group.noun_from : group.head]
    named = set(words) | (set(vocabulary.KIN) if words is vocabulary.COLOURS else set())
    return [token for token in tokens if token.lower in named and not token.quoted]


def _leads(reading: Reading, token: Token) -> bool:
    """Return whether a material follows a determiner or another attribute: not in "stained glass windows"."""
    index = reading.tokens.index(token)
    if index <= reading.content or not token.joined:
        return True
    before = reading.tokens[index - 1].lower
    leading = vocabulary.COLOUR_WORDS | vocabulary.ADJECTIVES | vocabulary.NUMBER_WORDS | {"the", "a", "an"}
    return before in leading or before in vocabulary.SIZES or before.isdigit()


def _materials(reading: Reading) -> list[tuple[int, int]]:
    """Return where the materials after "made of" lie."""
    spans = []
    for index, token in enumerate(reading.tokens):
        if not _MADE_OF.search(reading.text[: token.start][-14:]) or token.quoted:
            continue
        stop = index
        while stop < len(reading.tokens) and (stop == index or reading.tokens[stop].joined):
            if reading.tokens[stop].lower in vocabulary.FUNCTION_WORDS or reading.tokens[stop].quoted:
                break
            stop += 1
        if stop > index:
            spans.append((token.start, reading.tokens[stop - 1].end))
    return spans


def _exchange(
    reading: Reading, first: ObjectGroup, second: ObjectGroup, words: Sequence[str] | dict[str, str]
) -> list[str]:
    text = reading.text
    first_tokens, second_tokens = _attributes(reading, first, words), _attributes(reading, second, words)
    if len(first_tokens) > 1 or len(second_tokens) > 1 or (not first_tokens and not second_tokens):
        return []
    if first_tokens and second_tokens:
        if first_tokens[0].lower == second_tokens[0].lower:
            return []
        written = [text[token.start : token.end].lower() for token in (first_tokens[0], second_tokens[0])]
        changes = [
            (token.start, token.end, new)
            for token, new in zip((first_tokens[0], second_tokens[0]), reversed(written), strict=True)
        ]
        return [rewrite(text, changes)]
    if not linked(reading, first, second):
        return []
    token, target = (first_tokens[0], second) if first_tokens else (second_tokens[0], first)
    follows = reading.tokens[reading.tokens.index(token) + 1]
    before = reading.tokens[reading.tokens.index(token) - 1]
    if follows.lower in {"colored", "coloured", "and"} or before.lower == "and":
        return []
    position = reading.tokens[target.noun_from].start
    word = text[token.start : token.end].lower()
    if target.kind == "bare" and not text[position].islower():
        return []
    return [rewrite(text, [(token.start, follows.start, ""), (position, position, f"{word} ")])]


def _same_but_for_attributes(reading: Reading, first: ObjectGroup, second: ObjectGroup) -> bool:
    described = vocabulary.ATTRIBUTES
    if not any(first in chain and second in chain for chain in chains(reading)) or first.count != second.count:
        return False
    words = [[token.lower for token in reading.tokens[group.noun_from : group.stop]] for group in (first, second)]
    plain = [[word for word in phrase if word not in described] for phrase in words]
    return plain[0] == plain[1] and all(len(phrase) - len(rest) <= 1 for phrase, rest in zip(words, plain, strict=True))
