"""Names of models: readable, and not to be mistaken for one another, nor for what the board itself writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tia2.calibration.registry import CALIBRATIONS

from ...data.store import DEVICE, slug
from .lookalikes import skeleton
from .texts import hidden, quote, stacked

PUNCTUATION = frozenset(" -_.,:+/()&'@")
"""What a name may hold beside letters and digits; nothing that means something in CSV, HTML, LaTeX or Markdown."""
MARKS_IN_A_ROW = 2
PEOPLE = ("noise ceiling", "one annotator", "one human annotator", "human votes", "upper bound", "as published")
"""What rows about people, and marks of rows without a score table, are called; nowhere in a name."""
IN_BRACKETS = ("oracle", "cv", "min-max", "upper bound", "as published", "published", "people", "raw")
"""What the board says of an entry in brackets; at the beginning of none in a name."""


def name_problem(name: str) -> str | None:
    """Say what is wrong with a name, whatever other names there are.

    Example:
        >>> name_problem("CLIP ViT-B/32 (ours)") is None
        True
        >>> name_problem("=1+1")
        "The name must begin with a letter or digit, got '=1+1'."
    """
    invisible = hidden(name)
    if invisible is not None:
        return f"The name holds a character that can't be seen as what it is ({invisible}): take it out."
    if not unicodedata.is_normalized("NFC", name):
        return f"The name must be in Unicode's composed form (NFC), got {quote(name)}."
    if not name or unicodedata.category(name[0])[0] not in "LN":
        return f"The name must begin with a letter or digit, got {quote(name)}."
    if name != " ".join(name.split(" ")).strip() or "  " in name:
        return f"The name must not end with a space or have two in a row, got {quote(name)}."
    odd = next(
        (char for char in name if char not in PUNCTUATION and unicodedata.category(char)[0] not in "LNM"),
        None,
    )
    if odd is not None:
        return (
            f"The name may hold letters, digits, spaces and {''.join(sorted(PUNCTUATION - {' '}))}, got {quote(odd)}."
        )
    marks = "".join("m" if unicodedata.category(char)[0] == "M" else "." for char in name)
    if "m" * (MARKS_IN_A_ROW + 1) in marks or stacked(name, MARKS_IN_A_ROW + 1):
        return f"The name stacks more than {MARKS_IN_A_ROW} marks on a letter, got {quote(name)}."
    if DEVICE.fullmatch(slug(name)) or DEVICE.fullmatch(re.split(r"[.:]", name)[0].strip().lower()):
        return f"The name {quote(name)} is that of a device on Windows, where no file can have it: choose another."
    return reserved_problem(name)


def reserved_problem(name: str) -> str | None:
    """Say whether a name is one that the board gives: to an entry's calibration, to people, to published figures.

    Example:
        >>> reserved_problem("mini-strong + TextNorm (cv)")
        "The name 'mini-strong + TextNorm (cv)' is like those that the board gives ('+ TextNorm'): choose another."
        >>> reserved_problem("clip + blip") is None
        True
    """
    looks = f"-{skeleton(name)}-"
    taken = next((words for words in PEOPLE if f"-{skeleton(words)}-" in looks), None)
    plain, titles = unicodedata.normalize("NFKC", name), [row.title for _, row in CALIBRATIONS.items()]
    for start, words, sign in (("+", titles, "+ "), (",", titles, ", "), ("(", IN_BRACKETS, "(")):
        parts = [f"{skeleton(part)}-" for part in plain.split(start)[1:]]
        for word in words:
            if taken is None and any(part.startswith(f"{skeleton(word)}-") for part in parts):
                taken = f"{sign}{word}"
    if taken is None:
        return None
    return f"The name {quote(name)} is like those that the board gives ({quote(taken)}): choose another."


def collision(name: str, others: Iterable[str], where: str = "on the board") -> str | None:
    """Say which other name a name collides with: by its address, or because the two look alike.

    Args:
        name: The name.
        others: Names that are taken.
        where: Where these are, for the sentence.

    Returns:
        One sentence, or None.
    """
    address, looks = slug(name), skeleton(name)
    for other in others:
        if name == other:
            return f"The name {quote(name)} is taken by a model {where}: choose another."
        if address == slug(other):
            return f"The name {quote(name)} has the same address as {quote(other)}, which is {where}: choose another."
        if looks == skeleton(other):
            return (
                f"The name {quote(name)} can be mistaken for {quote(other)}, which is {where}: choose another"
                f"{_difference(name, other)}."
            )
    return None


def _difference(name: str, other: str) -> str:
    """Return which character makes the difference, since the eye doesn't see it; empty where that is plain."""
    for char in name:
        if not char.isascii() and char not in other:
            return f" (its {quote(char)} is {unicodedata.name(char, 'without a name').lower()})"
    return ""
