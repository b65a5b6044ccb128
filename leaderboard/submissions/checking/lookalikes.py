"""What a name looks like at a glance, by Unicode's table of confusable characters (UTS 39).

The table comes with the package `confusable_homoglyphs`, which lists for every character what it can be taken for.
Characters of one such set get one representative; a few pairs that people confuse and the table lacks are added.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
"""Marks that any script's letters may carry. Those of one script, such as its vowels, tell words apart."""
# Beyond UTS 39: pairs that differ in a detail, or only as capitals, or that a reader of Latin takes for one another.
_CAPITALS = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "АВЕЅІЈКМНОРСТУХԌԚԜҮЛ" + "ԱՍՕՏ" + "ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᎾᏢᏒᏚᎢᏙᎳᏃ",
    "abezhlkmnoptyx" + "abesljkmhopctyxgqwyl" + "uuos" + "abcdehjklmnprstvwz",
)
_SMALL = str.maketrans(
    "αβγεηικνορτυχω" + "авгдеѕіјкмнорстухһԁԛԝӏүьзчл" + "ցհոսօյզ" + "ıɑɡɩʟɴʀʏℓøłđħŧƅƨ" + "01i|",
    "abyenlkvoptuxw" + "abrdesljkmhopctyxhdqwlyb34l" + "ghnuojq" + "lagllnryloldhtbs" + "olll",
)


def skeleton(name: str) -> str:
    """Return what a name looks like at a glance: names with equal skeletons can be mistaken for one another.

    Case, accents, widths, kinds of space and dash, and characters that look like others don't count.

    Example:
        >>> skeleton("Pіск Ѕсоrе") == skeleton("pick-score")  # the first is mostly Cyrillic
        True
        >>> skeleton("CLIP-10") == skeleton("CLIP-lO"), skeleton("v1.1") == skeleton("v11")
        (True, False)
    """
    # First as it stands: compatibility forms would make σ of ϲ, which looks like c.
    plain = unicodedata.normalize("NFD", name).translate(_CAPITALS).translate(_SMALL)
    plain = unicodedata.normalize("NFKD", _represented(plain)).translate(_CAPITALS)
    plain = unicodedata.normalize("NFKD", _represented(plain).casefold()).translate(_SMALL)
    plain = "".join(char for char in _represented(plain) if unicodedata.category(char)[0] != "C")
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", plain)).casefold().translate(_SMALL)
    plain = plain.replace("rn", "m").replace("vv", "w")
    return re.sub("-+", "-", "".join(char if _is_word(char) else "-" for char in plain)).strip("-")


def _represented(text: str) -> str:
    """Return a text with every letter, digit and mark beyond ASCII as the representative of those it looks like."""
    if text.isascii():
        return text
    table = _representatives()
    return "".join(char if char.isascii() or not _is_word(char) else table.get(char, char) for char in text)


@cache
def _representatives() -> dict[str, str]:
    """Return one character, or more, for each that can be taken for another: the same for all of one set.

    Several, such as "rn", stand for every single one that resembles them. Else it is an ASCII letter or digit where the
    set has one, or another letter, which is then no kind of space or dash.
    """
    from confusable_homoglyphs.confusables import confusables_data

    parents: dict[str, str] = {}

    def root(text: str) -> str:
        while parents.setdefault(text, text) != text:
            parents[text] = text = parents[parents[text]]
        return text

    for source, similar in confusables_data.items():
        for row in similar:
            parents[root(_bare(source))] = root(_bare(row["c"]))
    sets: dict[str, list[str]] = {}
    for text in parents:
        sets.setdefault(root(text), []).append(text)
    return {text: chosen for texts in sets.values() for chosen in [min(texts, key=_preference)] for text in texts}


def _preference(text: str) -> tuple[bool, bool, bool, str]:
    return len(text) == 1, not (text.isascii() and text.isalnum()), not _is_word(text[:1]), text


def _bare(text: str) -> str:
    return text.replace("\u200e", "")


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" if character else False
