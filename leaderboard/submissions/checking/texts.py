"""Rules for what people wrote: text that looks the same to everybody, and addresses that lead where they seem to."""

from __future__ import annotations

import re
import unicodedata

from ...data.addresses import is_https

NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that are invisible, change their neighbours' order, or have no shape."""
JOINERS = frozenset("\u200c\u200d")
"""Needed to write some languages and emoji; allowed in longer texts, not in names."""
_MARKUP = re.compile(r"<[A-Za-z/!?][^\s<>]{0,20}>?")
_TEX = re.compile(
    r"\\(?:catcode|closein|closeout|csname|def|directlua|edef|futurelet|gdef|immediate|include|includegraphics|input|let|"
    r"loop|newcommand|newread|newwrite|openin|openout|read|renewcommand|special|usepackage|verbatiminput|write|xdef)"
    r"(?![A-Za-z])"
)
LONGEST_QUOTE = 60


def quote(text: str) -> str:
    r"""Return text in quotes, in ASCII and not too long, fit for a message about it.

    Example:
        >>> quote("pl\u0430in")
        "'pl\\u0430in'"
    """
    return ascii(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def hidden(text: str, allowed: str | frozenset[str] = "") -> str | None:
    r"""Return how to call the first character that isn't shown as it is, or None.

    Example:
        >>> hidden("a\u202eb")
        'U+202E RIGHT-TO-LEFT OVERRIDE'
    """
    for character in text:
        if character not in allowed and unicodedata.category(character) in NOT_SHOWN:
            name = unicodedata.name(character, "control character")
            return f"U+{ord(character):04X} {name}"
    return None


def text_problem(what: str, text: str, *, lines: bool = True) -> str | None:
    """Say what is wrong with a text that will be shown as it is.

    Args:
        what: Name of the text in the sentence, such as "The description".
        text: The text.
        lines: Whether it may have several.

    Returns:
        One sentence, or None.
    """
    character = hidden(text, JOINERS | frozenset("\n\r\t" if lines else ""))
    if character is not None:
        return f"{what} holds a character that can't be seen as what it is ({character}): take it out."
    markup = _MARKUP.search(text)
    if markup is not None:
        return f"{what} holds what looks like markup ({quote(markup[0])}): it is shown as it is, so write it plainly."
    return None


def bibtex_problem(what: str, text: str) -> str | None:
    """Say what is wrong with BibTeX, which others will put into their papers."""
    command = _TEX.search(text)
    if command is not None:
        return f"{what} holds the TeX command {quote(command[0])}, which does more than set text: take it out."
    return text_problem(what, text)


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
