"""Tell whether two prompts say the same in other words: a heuristic, which errs on the side of letting through.

Two prompts count as paraphrases when they share the words that matter, in the same places. Case, punctuation, articles
and forms of "to be" don't matter; a few synonyms are one word; what "and" or commas list may be listed in any order;
and "A left of B" is "B right of A". Which object has which property matters: "a red cat and a blue dog" and "a blue cat
and a red dog" say different things with the same words. Other synonyms, and sentences turned round in other ways, are
not recognised.
"""

from __future__ import annotations

import re

from tia2.prompts.rules.vocabulary import NUMBERS

_WORDS = re.compile(r"[\w'’-]+")
_IGNORED = frozenset(_WORDS.findall("a an the of is are was were be being that which there one 1 single to at some"))
_SAME = {
    "photograph": "photo",
    "picture": "photo",
    "image": "photo",
    "colored": "",
    "coloured": "",
    "big": "large",
    "little": "small",
    "grey": "gray",
    "automobile": "car",
    "automobiles": "cars",
    "couch": "sofa",
    "bicycle": "bike",
    "beneath": "under",
    "underneath": "under",
    "beside": "next",
    "sitting": "",
    "standing": "",
    "showing": "",
    "depicting": "",
    **{str(number): word for number, word in enumerate(NUMBERS, start=1) if number > 1},
}
_CONVERSE = {"right of": "left of", "below": "above", "under": "on top of", "behind": "in front of"}
_TURNS = re.compile(
    r"\b(?:(?:to|on|at) the )?(left of|right of|above|below|under(?:neath)?|beneath|on top of|behind|in front of|"
    r"next to|beside|near)\b"
)
_MEDIUM = re.compile(
    r"^((?:an? |the )?(?:[\w-]+ ){0,3}(?:photo|photograph|picture|image|painting|drawing|illustration|cartoon|sketch)) "
    r"(?:of|showing|depicting) "
)

Key = tuple[tuple[str, ...], str, tuple[tuple[tuple[str, ...], ...], ...]]


def meaning(text: str) -> Key:
    """Return what paraphrases of a prompt have in common.

    Args:
        text: A prompt.

    Returns:
        A value to compare; equal for texts that count as paraphrases of each other.

    Example:
        >>> meaning("A cat and a dog.") == meaning("the dog, and the cat")
        True
        >>> meaning("a cat to the left of a dog") == meaning("A dog right of a cat")
        True
        >>> meaning("a red cat and a blue dog") == meaning("a blue cat and a red dog")
        False
    """
    plain = " ".join(text.casefold().split())
    medium = _MEDIUM.match(plain)
    lead = _words(medium[1]) if medium else ()
    body = plain[medium.end() :] if medium else plain
    turns = list(_TURNS.finditer(body))
    if len(turns) != 1:
        return lead, "", (_parts(body),)
    relation = {"underneath": "under", "beneath": "under", "beside": "next to", "near": "next to"}.get(
        turns[0][1], turns[0][1]
    )
    sides = (_parts(body[: turns[0].start()]), _parts(body[turns[0].end() :]))
    if relation in _CONVERSE:
        relation, sides = _CONVERSE[relation], (sides[1], sides[0])
    elif relation == "next to" and sides[1] < sides[0]:
        sides = (sides[1], sides[0])
    return lead, relation, sides


def _parts(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of everything that "and" or commas list, in one order."""
    parts = (_words(part) for part in re.split(r",? and |, |&", text))
    return tuple(sorted(part for part in parts if part))


def _words(text: str) -> tuple[str, ...]:
    words = _WORDS.findall(text) or [text.strip()]
    same = (_SAME.get(word, word) for word in words if word not in _IGNORED)
    return tuple(word for word in same if word)
