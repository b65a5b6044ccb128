"""The rules behind the released prompt sets, down to what is odd about them.

Found by looking at the data: the same rules give all 150 counting sets and the 12 prompts that open each of the 300
composition sets (a language model wrote the 20 after them). Their only oddity is that "and" is missing between two
groups of several, except in "two X and three Y". In the comprehensive subset, the prompts with two objects in a
relation follow a rule as well, in nine of ten cases; all others were written one by one.
"""

from __future__ import annotations

from tia2.prompts.rules.counting import (
    PAIR_COUNTS,
    blends,
    countable,
    dropped_objects,
    is_pair_of_single_objects,
    other_numbers,
)
from tia2.prompts.rules.parsing import Reading
from tia2.prompts.rules.relations import dropped_partner, relations
from tia2.prompts.rules.rewriting import counted, rewrite, with_count

_WITHOUT_AND = {(2, 2), (3, 2), (3, 3)}


def released_prompts(reading: Reading) -> list[str]:
    """Return the contrastive prompts that the released rules make.

    Args:
        reading: The prompt.

    Returns:
        2 to 4 for a counting prompt, 12 for a composition prompt, 6 for two objects in a relation, else none.
    """
    groups = countable(reading)
    if len(reading.groups) == len(groups) == 1:
        return other_numbers(reading)
    if len(reading.groups) == len(groups) == 2:
        if is_pair_of_single_objects(reading):
            return [*dropped_objects(reading), *_pair_numbers(reading), *blends(reading)]
        return _relation_prompts(reading)
    return []


def _pair_numbers(reading: Reading) -> list[str]:
    first, second = countable(reading)
    start, end = reading.span(first)[0], reading.span(second)[1]
    texts = []
    for first_count, second_count in PAIR_COUNTS:
        joint = " " if (first_count, second_count) in _WITHOUT_AND else " and "
        words = counted(reading, first, first_count) + joint + counted(reading, second, second_count)
        texts.append(rewrite(reading.text, [(start, end, words)]))
    return texts


def _relation_prompts(reading: Reading) -> list[str]:
    """Return either object alone, three other places, and two of the first object."""
    related = list(relations(reading))
    kinds = {"top of": "top", "bottom of": "bottom", "right of": "right", "left of": "left"}
    if len(related) != 1:
        return []
    relation = related[0]
    position = next((kind for ending, kind in kinds.items() if relation.phrase.endswith(ending)), None)
    if position is None or relation.first.count != 1 or relation.first.fixed:
        return []
    lead = relation.phrase.split(" ")[0] if " the " in relation.phrase else "on"
    phrases = {"top": "on top of", "bottom": "at the bottom of"}
    phrases |= {side: f"{lead} the {side} of" for side in ("right", "left")}
    order = [kind for kind in ("right", "left", "top", "bottom") if kind != position][:3]
    alone = dropped_partner(reading)
    if position == "top":
        alone.reverse()
    end = relation.start + len(relation.phrase)
    elsewhere = [rewrite(reading.text, [(relation.start, end, phrases[kind])]) for kind in order]
    return [*alone, *elsewhere, rewrite(reading.text, with_count(reading, relation.first, 2))]
