"""Contrastive prompts that differ in a colour, size or material, or in which object has it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tia2.prompts.rules import vocabulary as known
from tia2.prompts.rules.counting import chains
from tia2.prompts.rules.inflection import like, plural
from tia2.prompts.rules.parsing import Group, Reading, Token
from tia2.prompts.rules.relations import linked
from tia2.prompts.rules.rewriting import rewrite, starts_sentence

OTHERS = 10
"""How many other colours stand for the only one of a prompt."""
OTHERS_OF_SEVERAL = 3
"""How many stand for each of several."""

_MADE_OF = re.compile(r"\b(?:made (?:out )?of|made from) $", re.I)


def other_colours(reading: Reading) -> list[str]:
    """Return the prompt with one of its colours replaced by others, those that could pass for it left out."""
    found = colours(reading)
    used = {_written(token.lower) for token in found}
    limit = OTHERS if len(found) == 1 else OTHERS_OF_SEVERAL
    texts = []
    for token in found:
        out = used | known.KIN.get(token.lower, set())
        ring = _after(known.COLOURS, _written(token.lower))
        texts += [_with(reading, token, colour) for colour in [name for name in ring if name not in out][:limit]]
    return texts


def other_sizes(reading: Reading) -> list[str]:
    """Return the prompt with a size replaced by its opposite."""
    return [_with(reading, token, known.SIZES[token.lower]) for token in _described(reading, known.SIZES)]


def other_materials(reading: Reading) -> list[str]:
    """Return the prompt with a material replaced by others: "a wooden table", "a heart made of glass"."""
    texts = []
    found = [token for token in _described(reading, known.MATERIAL_ADJECTIVES) if _leads(reading, token)]
    for token in found:
        others = _after(known.MATERIAL_ADJECTIVES, token.lower)
        texts += [_with(reading, token, other) for other in others[: 5 if len(found) == 1 else OTHERS_OF_SEVERAL]]
    made_of = _materials(reading)
    for start, end in made_of:
        own = reading.text[start:end].lower()
        others = [name for name in _after(known.MATERIALS, own) if name != own]
        limit = 5 if len(made_of) == 1 else OTHERS_OF_SEVERAL
        texts += [rewrite(reading.text, [(start, end, other)]) for other in others[:limit]]
    return texts


def other_shapes(reading: Reading) -> list[str]:
    """Return the prompt with a geometric shape replaced by others."""
    texts = []
    for group in reading.groups:
        head = reading.tokens[group.head]
        written = reading.text[head.start : head.end]
        one = written if group.kind != "many" else group.noun or ""
        for shapes in known.SHAPES:
            if one.lower() in shapes:
                others = _after(shapes, one.lower())[: 3 if len(reading.groups) == 1 else 1]
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
            for words in (known.COLOURS, known.SIZES, known.MATERIAL_ADJECTIVES):
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
    if token.lower not in known.COLOURS and token.lower not in known.KIN:
        return False
    following = reading.tokens[index + 1] if index + 1 < len(reading.tokens) else None
    follows = following if following is not None and following.joined and not following.quoted else None
    # "the White House", "Red Bull"; at the start of a sentence a capital says nothing, two do.
    if reading.text[token.start].isupper() and not reading.text.isupper():
        starts = starts_sentence(reading.text, token.start)
        name = follows is not None and reading.text[follows.start].isupper()
        if name or not starts:
            return False
    if follows is not None and (token.lower, follows.lower) in known.NAMES:
        return False
    if token.lower in known.ALSO_NOUNS:
        if follows is None:
            return False
        if follows.lower == "and" and index + 2 < len(reading.tokens):
            return reading.tokens[index + 2].lower in {*known.COLOURS, *known.KIN}
        return follows.lower not in known.FUNCTION_WORDS and not follows.lower.endswith("ing")
    return True


def _written(colour: str) -> str:
    """Return the written colour that a colour counts as; itself when it has none."""
    kin = known.KIN.get(colour)
    if colour in known.COLOURS or not kin:
        return colour
    return min(kin, key=known.COLOURS.index)


def _after(names: Sequence[str], own: str) -> list[str]:
    """Return the names after one's own, all around, so that none is favoured; from the first when it isn't there."""
    start = names.index(own) if own in names else len(names)
    return [*names[start + 1 :], *names[:start]]


def _with(reading: Reading, token: Token, word: str) -> str:
    return rewrite(reading.text, [(token.start, token.end, like(reading.text[token.start : token.end], word))])


def _described(reading: Reading, words: Sequence[str] | dict[str, str]) -> list[Token]:
    return [token for group in reading.groups for token in _attributes(reading, group, words)]


def _attributes(reading: Reading, group: Group, words: Sequence[str] | dict[str, str]) -> list[Token]:
    """Return the words before a group's noun that are among some words."""
    tokens = reading.tokens[group.noun_from : group.head]
    named = set(words) | (set(known.KIN) if words is known.COLOURS else set())
    return [token for token in tokens if token.lower in named and not token.quoted]


def _leads(reading: Reading, token: Token) -> bool:
    """Return whether a material follows a determiner or another attribute: not in "stained glass windows"."""
    index = reading.tokens.index(token)
    before = {reading.tokens[place].lower for place in (index - 1,) if place >= reading.content and token.joined}
    plain = {*known.COLOURS, *known.KIN, *known.SIZES, *known.ADJECTIVES, "the", "a", "an", *known.NUMBERS}
    return not before or bool(before & plain) or all(word.isdigit() for word in before)


def _materials(reading: Reading) -> list[tuple[int, int]]:
    """Return where the materials after "made of" lie."""
    found = []
    for index, token in enumerate(reading.tokens):
        if not _MADE_OF.search(reading.text[: token.start][-14:]) or token.quoted:
            continue
        stop = index
        while stop < len(reading.tokens) and (stop == index or reading.tokens[stop].joined):
            if reading.tokens[stop].lower in known.FUNCTION_WORDS or reading.tokens[stop].quoted:
                break
            stop += 1
        if stop > index:
            found.append((token.start, reading.tokens[stop - 1].end))
    return found


def _exchange(reading: Reading, first: Group, second: Group, words: Sequence[str] | dict[str, str]) -> list[str]:
    text = reading.text
    one, other = _attributes(reading, first, words), _attributes(reading, second, words)
    if len(one) > 1 or len(other) > 1 or (not one and not other):
        return []
    if one and other:
        if one[0].lower == other[0].lower:
            return []
        written = [text[token.start : token.end].lower() for token in (one[0], other[0])]
        return [rewrite(text, [(one[0].start, one[0].end, written[1]), (other[0].start, other[0].end, written[0])])]
    if not linked(reading, first, second):
        return []
    token, target = (one[0], second) if one else (other[0], first)
    follows = reading.tokens[reading.tokens.index(token) + 1]
    before = reading.tokens[reading.tokens.index(token) - 1]
    if follows.lower in {"colored", "coloured", "and"} or before.lower == "and":
        return []
    place = reading.tokens[target.noun_from].start
    word = text[token.start : token.end].lower()
    if target.kind == "bare" and not text[place].islower():
        return []
    return [rewrite(text, [(token.start, follows.start, ""), (place, place, f"{word} ")])]


def _same_but_for_attributes(reading: Reading, first: Group, second: Group) -> bool:
    described = {*known.COLOURS, *known.KIN, *known.SIZES, *known.MATERIAL_ADJECTIVES}
    if not any(first in chain and second in chain for chain in chains(reading)) or first.count != second.count:
        return False
    words = [[token.lower for token in reading.tokens[group.noun_from : group.stop]] for group in (first, second)]
    plain = [[word for word in phrase if word not in described] for phrase in words]
    return plain[0] == plain[1] and all(len(phrase) - len(rest) <= 1 for phrase, rest in zip(words, plain, strict=True))
