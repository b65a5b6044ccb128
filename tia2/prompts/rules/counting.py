"""Contrastive prompts that differ in a number, or in which objects there are."""

from __future__ import annotations

from tia2.prompts.rules import vocabulary
from tia2.prompts.rules.parsing import ObjectGroup, Reading
from tia2.prompts.rules.rewriting import Change, inner, moved, rewrite, verb_for, with_count

PAIR_COUNTS = ((2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3), (3, 3))
"""The numbers that stand for one object and another, in the released order."""


def near(count: int, reach: int = 2) -> list[int]:
    """Return the numbers up to `reach` away from a number, without it, from 1 on.

    Example:
        >>> near(1), near(2), near(5)
        ([2, 3], [1, 3, 4], [3, 4, 6, 7])
    """
    return [n for n in range(count - reach, count + reach + 1) if n >= 1 and n != count]


def countable(reading: Reading) -> list[ObjectGroup]:
    """Return the groups whose number the prompt says."""
    return [group for group in reading.groups if group.kind in {"one", "many"}]


def other_numbers(reading: Reading) -> list[str]:
    """Return the prompt with other numbers: the nearest four of a lone group, the next ones of each of several.

    For one object and another: every pair of numbers up to three.
    """
    groups = countable(reading)
    if is_pair_of_single_objects(reading):
        return [_pair_numbers(reading, groups, counts) for counts in PAIR_COUNTS]
    texts = []
    for group in groups:
        numbers = near(group.count or 1, 2 if len(groups) == 1 else 1)
        for number in numbers:
            if number == group.count or (group.fixed and 1 in {number, group.count}):
                continue
            texts.append(rewrite(reading.text, with_count(reading, group, number)))
    return texts


def dropped_objects(reading: Reading) -> list[str]:
    """Return the prompt without one of the objects that it joins with "and", commas or a relation."""
    texts = []
    for chain in chains(reading):
        for index in range(len(chain)):
            rest = chain[:index] + chain[index + 1 :]
            # The released sets name the first object first, which is the one that stays.
            texts.append(_only(reading, chain, rest))
    if len(texts) == 2:
        texts.reverse()
    return [text for text in texts if text]


def chains(reading: Reading) -> list[list[ObjectGroup]]:
    """Return the runs of two or more groups that "and" and commas join, the last two by "and"."""
    runs: list[list[ObjectGroup]] = []
    run: list[ObjectGroup] = []
    joint = ""
    for group in reading.groups:
        joint = reading.between(run[-1], group).strip() if run else ""
        if joint in {",", "and", ", and", "&"}:
            run.append(group)
        else:
            run = [group]
            runs.append(run)
    return [run for run in runs if len(run) > 1 and "and" in reading.between(run[-2], run[-1])]


def is_pair_of_single_objects(reading: Reading) -> bool:
    """Return whether the prompt's only countable groups are "a X and a Y"."""
    groups = countable(reading)
    return (
        len(groups) == 2
        and chains(reading) == [groups]
        and all(group.kind == "one" and not group.fixed and group.verb is None for group in groups)
    )


def blends(reading: Reading) -> list[str]:
    """Return "an X-like Y" and "a Y-like X" for one plain object and another."""
    groups = countable(reading)
    if not is_pair_of_single_objects(reading) or not moved(reading, groups):
        return []
    described = vocabulary.ATTRIBUTES
    for group in groups:
        words = {token.lower for token in reading.tokens[group.noun_from : group.head]}
        if words & described:
            return []
    first, second = groups
    follows = reading.tokens[second.stop].lower if second.stop < len(reading.tokens) else ""
    if follows in set(vocabulary.BE.values()) or reading.noun_phrase(first) == reading.noun_phrase(second):
        return []
    start, end = reading.span(first)[0], reading.span(second)[1]
    texts = [f"{inner(reading, a)}-like {reading.noun_phrase(b)}" for a, b in ((first, second), (second, first))]
    return [rewrite(reading.text, [(start, end, text)]) for text in texts]


def _pair_numbers(reading: Reading, groups: list[ObjectGroup], counts: tuple[int, int]) -> str:
    first, second = groups
    changes: list[Change] = []
    for group, count in zip((first, second), counts, strict=True):
        if count != 1:
            changes += with_count(reading, group, count)
    return rewrite(reading.text, changes)


def _only(reading: Reading, chain: list[ObjectGroup], rest: list[ObjectGroup]) -> str | None:
    """Return the prompt with some of a chain's groups, the verb after it made to agree; None where it can't be."""
    start, end = reading.span(chain[0])[0], reading.span(chain[-1])[1]
    words = [inner(reading, group) for group in rest]
    if start == 0:
        words[0] = reading.words(rest[0])
    oxford = reading.between(chain[-2], chain[-1]).strip() == ", and" and len(words) > 2
    joined = words[0] if len(words) == 1 else ", ".join(words[:-1]) + (", and " if oxford else " and ") + words[-1]
    changes: list[Change] = [(start, end, joined)]
    stop = chain[-1].stop
    if len(rest) == 1 and stop < len(reading.tokens) and reading.tokens[stop].joined:
        follows = reading.tokens[stop].lower
        single = rest[0].kind == "one"
        if follows in set(vocabulary.BE.values()) and single:
            changes += verb_for(reading, stop, singular=True)
        elif follows not in vocabulary.FUNCTION_WORDS and not follows.endswith(("ing", "ed")) and single:
            return None
    return rewrite(reading.text, changes)
