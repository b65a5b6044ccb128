"""Rules for what people wrote: text that looks the same to everybody, and addresses that lead where they seem to."""

from __future__ import annotations

import re
import unicodedata

from ...data.references import is_https, parse

NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that are invisible, change their neighbours' order, or have no shape."""
INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        # Default_Ignorable_Code_Point of letters and marks: fillers, joiners, variation selectors.
        (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x3164, 0x3164), (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF),
        # Blank by their shape: Braille's empty cell, a note without a head, a filler, blanks of two old scripts.
        (0x2800, 0x2800), (0x1D159, 0x1D159), (0x16FE4, 0x16FE4), (0x13441, 0x13442),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""Letters, marks and symbols that Unicode's categories call visible and that nobody sees."""
JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""Needed to write some languages and emoji; allowed in longer texts, not in names."""
LINES = frozenset("\n\r\t")
MARKS_IN_A_ROW = 4
"""Marks on one letter of a text, as it is decomposed; no living script's spelling has more."""
_JOINED = re.compile("(?:^|[\\s\u200c\u200d])[\u200c\u200d\ufe0e\ufe0f]|[\ufe0e\ufe0f]{2}")
_MARKUP = re.compile(r"<[A-Za-z/!?][^\s<>]{0,20}>?")
_TEX = re.compile(
    r"\\(?:catcode|closein|closeout|csname|def|directlua|edef|futurelet|gdef|immediate|include|includegraphics|input|let|"
    r"loop|newcommand|newread|newwrite|openin|openout|read|renewcommand|special|usepackage|verbatiminput|write|xdef)"
    r"(?![A-Za-z])"
)
LONGEST_QUOTE = 60


def shown(text: str, longest: int = LONGEST_QUOTE) -> str:
    r"""Return text for a message, on one line and not too long: characters as they are, escapes for what isn't seen.

    Args:
        text: The text.
        longest: The most characters to keep of it.

    Example:
        >>> shown("模型\u200b1\n")
        '模型\\u200b1\\n'
    """
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    parts: list[str] = []
    marks = 2  # a mark at the beginning would sit on the quote before it
    for character in text:
        is_mark = unicodedata.category(character)[0] == "M"
        marks = marks + 1 if is_mark else 0
        parts.append(_escaped(character) if _unseen(character) or marks > 2 else character)
    return "".join(parts)


def quote(text: str) -> str:
    r"""Return text in quotes, not too long, fit for a message about it.

    Example:
        >>> quote("模型"), quote("a\u202eb")
        ("'模型'", "'a\\u202eb'")
    """
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{shown(text.replace(chr(92), chr(92) * 2))}{mark}"


def hidden(text: str, allowed: str | frozenset[str] = "") -> str | None:
    r"""Return how to call the first character that isn't shown as it is, or None.

    Example:
        >>> hidden("a\u202eb"), hidden("a\u3164")
        ('U+202E RIGHT-TO-LEFT OVERRIDE', 'U+3164 HANGUL FILLER')
    """
    for character in text:
        if character not in allowed and _unseen(character):
            name = unicodedata.name(character, "control character")
            return f"U+{ord(character):04X} {name}"
    return None


def character_problem(text: str, *, lines: bool = True, marks: int = MARKS_IN_A_ROW) -> str | None:
    r"""Say what about a text's characters is wrong, as the end of a sentence that begins with the text's name.

    Args:
        text: The text.
        lines: Whether it may have several.
        marks: The most marks in a row.

    Example:
        >>> character_problem("x" + "\u0316" * 800)
        'stacks more than 4 marks on a letter'
    """
    character = hidden(text, JOINERS | (LINES if lines else frozenset()))
    if character is None and (joiner := _JOINED.search(text)) is not None:
        character = hidden(joiner[0][-1])
    if character is not None:
        return f"holds a character that can't be seen as what it is ({character})"
    if stacked(text, marks):
        return f"stacks more than {marks} marks on a letter"
    return None


def stacked(text: str, most: int) -> bool:
    """Return whether a text has more than so many marks in a row, once it is decomposed."""
    row = 0
    for character in unicodedata.normalize("NFD", text):
        row = row + 1 if unicodedata.category(character)[0] == "M" else 0
        if row > most:
            return True
    return False


def text_problem(what: str, text: str, *, lines: bool = True) -> str | None:
    """Say what is wrong with a text that will be shown as it is.

    Args:
        what: Name of the text in the sentence, such as "The description".
        text: The text.
        lines: Whether it may have several.

    Returns:
        One sentence, or None.
    """
    problem = character_problem(text, lines=lines)
    if problem is not None:
        return f"{what} {problem}: take it out." if problem.startswith("holds") else f"{what} {problem}."
    markup = _MARKUP.search(text)
    if markup is not None:
        return f"{what} holds what looks like markup ({quote(markup[0])}): it is shown as it is, so write it plainly."
    return None


def bibtex_problem(what: str, text: str) -> str | None:
    """Say what is wrong with BibTeX, which others will put into their papers; what the export would drop is refused."""
    command = _TEX.search(text)
    if command is not None:
        return f"{what} holds the TeX command {quote(command[0])}, which does more than set text: take it out."
    problem = text_problem(what, text)
    if problem is None and text.strip() and parse(text) is None:
        problem = (
            f"{what} can't be read as one BibTeX entry, such as @misc{{key, title = {{A title}}}}: check its "
            "braces and commas; comments, @string and several entries can't be taken."
        )
    return problem


def address_problem(what: str, text: str) -> str | None:
    """Say what is wrong with an address: https, a plain host name, no user, no port, nothing that needs quoting.

    Example:
        >>> address_problem("The contact", "https://example.org/me") is None
        True
        >>> address_problem("The contact", "javascript:alert(1)")
        "The contact must be an address like https://example.org/me, got 'javascript:alert(1)'."
    """
    if not text or is_https(text):
        return None
    return f"{what} must be an address like https://example.org/me, got {quote(text)}."


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in NOT_SHOWN or character in INVISIBLE


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]
