"""Contrastive prompts that differ in how objects lie to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tia2.prompts.rules import vocabulary
from tia2.prompts.rules.counting import chains, countable
from tia2.prompts.rules.inflection import like
from tia2.prompts.rules.parsing import ObjectGroup, Reading
from tia2.prompts.rules.rewriting import inner, moved, rewrite, starts_sentence, with_count

_RELATION = re.compile(
    r" (?P<before>(?:(?:is|are|was|were) )?(?:\w+(?:ing|ed) )?)"
    rf"(?P<phrase>{'|'.join(sorted([*vocabulary.RELATIONS, 'with'], key=len, reverse=True))}) "
)


@dataclass(frozen=True)
class Relation:
    """Two groups and the relation between them: its phrase, where that starts, and a verb or participle before it."""

    first: ObjectGroup
    second: ObjectGroup
    phrase: str
    start: int
    before: str


def relations(reading: Reading) -> Iterator[Relation]:
    """Yield the relations of neighbouring groups."""
    for first, second in pairwise(reading.groups):
        match = _RELATION.fullmatch(reading.between(first, second))
        if match is None:
            continue
        head = reading.tokens[second.head].lower
        if match["phrase"] == "on" and head in vocabulary.NOT_ON:
            continue
        if match["phrase"] in {"in", "inside"} and head not in vocabulary.CONTAINERS:
            continue
        if match["phrase"] == "over" and match["before"]:
            continue  # "tripping over" is one verb
        start = reading.span(first)[1] + match.start("phrase")
        yield Relation(first, second, match["phrase"], start, match["before"])


def other_relations(reading: Reading) -> list[str]:
    """Return the prompt with relations that exclude its own."""
    return [
        rewrite(reading.text, [(relation.start, end, like(reading.text[relation.start : end], other))])
        for relation in relations(reading)
        for end in [relation.start + len(relation.phrase)]
        for other in vocabulary.RELATIONS.get(relation.phrase, ())
    ]


def swapped_objects(reading: Reading) -> list[str]:
    """Return the prompt with the two objects of a relation exchanged, unless that says the same or is nonsense."""
    texts = []
    for relation in relations(reading):
        first, second = relation.first, relation.second
        verb = relation.before.split()[:1]
        same_number = (first.count == 1) == (second.count == 1)
        if (
            relation.phrase in vocabulary.SYMMETRIC | vocabulary.WEAK
            or _joined(reading, relation)
            or not _leads(reading, relation.first)
            or not moved(reading, (first, second))
            or (verb and verb[0] in {*vocabulary.BE, *vocabulary.BE.values()} and not same_number)
            or inner(reading, first).lower() == inner(reading, second).lower()
        ):
            continue
        texts.append(
            rewrite(
                reading.text,
                [(*reading.span(first), inner(reading, second)), (*reading.span(second), inner(reading, first))],
            )
        )
    return texts


def dropped_partner(reading: Reading) -> list[str]:
    """Return the prompt with only one of the objects of a relation, where nothing else hangs on them."""
    texts = []
    for relation in relations(reading):
        start, end = reading.span(relation.first)[0], reading.span(relation.second)[1]
        after = reading.text[end : end + 1]
        if after not in {"", ".", ",", ";", "!", "?"} or _joined(reading, relation):
            continue
        alone = relation.phrase not in vocabulary.WEAK and _leads(reading, relation.first)
        kept = [relation.first, relation.second] if alone else [relation.first]
        for group in kept:
            words = reading.words(group) if start == 0 and group is relation.first else inner(reading, group)
            texts.append(rewrite(reading.text, [(start, end, words)]))
    return texts


def _leads(reading: Reading, group: ObjectGroup) -> bool:
    """Return whether a group begins what is shown: in "a man in a coat behind a tree", the coat does not."""
    return group.first == reading.content or starts_sentence(reading.text, reading.tokens[group.first].start)


def _joined(reading: Reading, relation: Relation) -> bool:
    """Return whether one of the objects is one of several that "and" joins."""
    return any(group in chain for chain in chains(reading) for group in (relation.first, relation.second))


def swapped_numbers(reading: Reading) -> list[str]:
    """Return the prompt with the numbers of two objects that stand together exchanged."""
    texts = []
    groups = countable(reading)
    for first, second in pairwise(groups):
        if first.count == second.count or first.fixed or second.fixed or first.noun == second.noun:
            continue
        if not linked(reading, first, second):
            continue
        changes = with_count(reading, first, second.count or 1) + with_count(reading, second, first.count or 1)
        texts.append(rewrite(reading.text, changes))
    return texts


def linked(reading: Reading, first: ObjectGroup, second: ObjectGroup) -> bool:
    """Return whether two groups are listed together or stand in a relation."""
    listed = any(first in chain and second in chain for chain in chains(reading))
    return listed or any(relation.first is first and relation.second is second for relation in relations(reading))
