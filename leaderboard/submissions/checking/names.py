"""Names of models: readable, and not to be mistaken for one another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ...data.store import slug
from .texts import hidden, quote

PUNCTUATION = frozenset(" -_.,:+/()&'@")
"""What a name may hold beside letters and digits; nothing that means something in CSV, HTML, LaTeX or Markdown."""
MARKS_IN_A_ROW = 2

# Unicode's confusables (UTS 39), of the scripts that people have at hand. Capitals apart: they often resemble another
# letter than their small form does.
_CAPITALS = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "АВЕЅІЈКМНОРСТУХԌԚԜҮ" + "ԱՍՕՏ" + "ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᎾᏢᏒᏚᎢᏙᎳᏃ",
    "abezhlkmnoptyx" + "abeslјkmhopctyxgqwy".replace("ј", "j") + "uuos" + "abcdehjklmnprstvwz",
)
_SMALL = str.maketrans(
    "αβγεηικνορτυχω" + "авгдеѕіјкмнорстухһԁԛԝӏүьзч" + "ցհոսօյզ" + "ıɑɡɩʟɴʀʏℓøłđħŧƅƨ" + "01i|",
    "abyenlkvoptuxw" + "abrdesljkmhopctyxhdqwlyb34" + "ghnuojq" + "lagllnryloldhtbs" + "olll",
)


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
    if "m" * (MARKS_IN_A_ROW + 1) in marks:
        return f"The name stacks more than {MARKS_IN_A_ROW} marks on a letter, got {quote(name)}."
    return None


def skeleton(name: str) -> str:
    """Return what a name looks like at a glance: names with equal skeletons can be mistaken for one another.

    Case, accents, widths, kinds of space and dash, and letters of other scripts that look like Latin ones don't count.

    Example:
        >>> skeleton("Pіск Ѕсоrе") == skeleton("pick-score")  # the first is mostly Cyrillic
        True
        >>> skeleton("CLIP-10") == skeleton("CLIP-lO"), skeleton("v1.1") == skeleton("v11")
        (True, False)
    """
    plain = unicodedata.normalize("NFKD", name).translate(_CAPITALS)
    plain = unicodedata.normalize("NFKD", plain.casefold())
    plain = "".join(char for char in plain if unicodedata.category(char)[0] not in "MC").translate(_SMALL)
    plain = plain.replace("rn", "m").replace("vv", "w")
    return re.sub(r"[\W_]+", "-", plain).strip("-")


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
            return f"The name {quote(name)} can be mistaken for {quote(other)}, which is {where}: choose another."
    return None
