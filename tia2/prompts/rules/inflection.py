"""Singular, plural and article of English words, and the case in which they are written."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from tia2.prompts.rules.vocabulary import BE, NUMBERS, PLURALS_IN_US_OR_IS, SINGULARS_IN_S

_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ÿ]+)*")


@cache
def _engine() -> Any:
    import typeguard

    # inflect rewrites its functions while it is imported, so that they check the types of arguments: four seconds, for
    # calls that mypy has checked here. Python without assertions (-O) leaves them as they are, too.
    decorator = typeguard.typechecked
    typeguard.typechecked = lambda target: target  # type: ignore[assignment]
    try:
        import inflect
    finally:
        typeguard.typechecked = decorator
    return inflect.engine()


def is_word(text: str) -> bool:
    """Return whether a text is one word in Latin letters, which is all that English grammar speaks of."""
    return _WORD.fullmatch(text) is not None


def like(model: str, text: str) -> str:
    """Return a text in the case of another: "TWO" makes "cat" "CAT", "Two" makes it "Cat".

    Example:
        >>> like("Two", "three"), like("TWO", "three"), like("two", "three")
        ('Three', 'THREE', 'three')
    """
    if len(model) > 1 and model.isupper():
        return text.upper()
    return text[:1].upper() + text[1:] if model[:1].isupper() else text


@cache
def plural(noun: str) -> str:
    """Return the plural of a noun.

    Example:
        >>> plural("deer"), plural("box"), plural("CAT")
        ('deer', 'boxes', 'CATS')
    """
    return like(noun if noun.isupper() else "", str(_engine().plural_noun(noun.lower() if noun.isupper() else noun)))


@cache
def singular(noun: str) -> str | None:
    """Return the singular of a plural noun, None when the word doesn't look like a plural.

    Example:
        >>> singular("geese"), singular("sheep"), singular("bus"), singular("tennis")
        ('goose', 'sheep', None, None)
    """
    lower = noun.lower()
    if not is_word(noun) or lower in SINGULARS_IN_S:
        return None
    if lower.endswith(("ss", "us", "is")) and lower not in PLURALS_IN_US_OR_IS:
        return None
    base = _engine().singular_noun(lower)
    # What doesn't come back is not a plural but a word that happens to end like one.
    if not base or _engine().plural_noun(base) != lower:
        return None
    return base.upper() if noun.isupper() and len(noun) > 1 else noun[:1] + str(base)[1:]


@cache
def article(word: str) -> str:
    """Return "a" or "an", as it must be before a word.

    Example:
        >>> article("hour"), article("unicorn"), article("8-legged")
        ('an', 'a', 'an')
    """
    if re.match(r"8|11\b|18\b", word):
        return "an"
    return str(_engine().a(word)).split()[0] if re.match(r"[A-Za-z]", word) else "a"


def number_word(number: int) -> str:
    """Return a number from 1 to 22 in words."""
    return NUMBERS[number - 1]


def plural_verb(verb: str) -> str:
    """Return the plural form of a verb in the third person singular.

    Example:
        >>> plural_verb("sits"), plural_verb("flies"), plural_verb("catches"), plural_verb("is")
        ('sit', 'fly', 'catch', 'are')
    """
    if verb.lower() in BE:
        return like(verb, BE[verb.lower()])
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    return verb[:-2] if re.search(r"(?:sh|ch|x|ss|zz|o)es$", verb) else verb[:-1]
