"""Addresses that may become links, and BibTeX that is understood from end to end.

There is one answer for submissions, pages and exports.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# fmt: off
KINDS = frozenset((
    "article", "book", "booklet", "conference", "dataset", "inbook", "incollection", "inproceedings", "manual",
    "mastersthesis", "misc", "online", "phdthesis", "proceedings", "report", "software", "techreport", "thesis",
    "unpublished",
))
# fmt: on
MONTHS = frozenset(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
LITERAL = frozenset(("url", "doi", "eprint"))
"""Fields whose percent and number signs are part of an address."""

HEAD = re.compile(r"\s*@\s*([A-Za-z]+)\s*\{\s*([A-Za-z0-9][A-Za-z0-9_:./+-]{0,79})\s*,")
NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]{0,39})\s*=\s*")
BARE = re.compile(r"[0-9]{1,9}|[A-Za-z]{3}")
TYPE = "emph|textit|textbf|textsc|texttt"
COMMAND = re.compile(
    r"""\\(?:[-"'`^~=.&%_$#{}]|(?:c|v|u|H|k|r|b|d|t|o|O|l|L|i|j|ss|ae|AE|oe|OE|aa|AA|"""
    rf"{TYPE})(?![A-Za-z@]))"
)
"""Accents, foreign letters, escaped characters and kinds of type: all that a reference needs of TeX."""


LONGEST_ADDRESS = 300
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ADDRESS = re.compile(
    rf"https://{_LABEL}(?:\.{_LABEL})*\.(?:[a-z]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?:[/?#][\w.~:/?#@!$&()*+,;=%-]*)?",
    re.ASCII | re.IGNORECASE,
)


def is_https(text: str) -> bool:
    """Return whether a text is an https address that leads where it seems to lead.

    That is a host with a plain name and a top-level domain; no user, no password, no port (which hide where an address
    leads, or belong to a machine of one's own), and nothing that needs quoting.

    Example:
        >>> is_https("https://example.org/a?b=c")
        True
        >>> [is_https(text) for text in ("http://example.org", "https://me@example.org", "https://localhost/x")]
        [False, False, False]
    """
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


class Reference(NamedTuple):
    """A BibTeX entry that was understood from end to end."""

    kind: str
    key: str
    fields: dict[str, str]

    def __str__(self) -> str:
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}}}\n"


def parse(text: str) -> Reference | None:
    r"""Read one BibTeX entry, strictly.

    Taken are single entries of the usual kinds, with balanced braces, values in braces or quotes, numbers or months,
    and no TeX but accents and escaped characters. Nothing may stand before or after.

    Args:
        text: The submitted text.

    Returns:
        The entry; None for anything else.

    Example:
        >>> parse("@misc{mine, title = {Mine}}").fields
        {'title': 'Mine'}
        >>> parse("@misc{mine, title = {\\input{/etc/passwd}}}") is None
        True
    """
    if len(text) > 3000 or any(ord(char) < 32 and char not in "\t\n\r" for char in text):
        return None
    head = HEAD.match(text)
    if head is None or head.group(1).lower() not in KINDS:
        return None
    position = head.end()
    fields: dict[str, str] = {}
    while True:
        closing = re.compile(r"\s*\}\s*").match(text, position)
        if closing is not None:
            whole = closing.end() == len(text)
            return Reference(head.group(1).lower(), head.group(2), fields) if whole and fields else None
        name = NAME.match(text, position)
        if name is None:
            return None
        value, position = _value(text, name.end())
        field = name.group(1).lower()
        if value is None or field in fields or not _harmless(value, field):
            return None
        fields[field] = " ".join(value.split())
        comma = re.compile(r"\s*(,|(?=\}))").match(text, position)
        if comma is None:
            return None
        position = comma.end()


def _value(text: str, start: int) -> tuple[str | None, int]:
    """Return the value that starts here, and where it ends; None if there is none."""
    opening = text[start : start + 1]
    if opening not in ("{", '"'):
        bare = BARE.match(text, start)
        if bare is None or not (bare.group().isdigit() or bare.group().lower() in MONTHS):
            return None, start
        return bare.group(), bare.end()
    depth, position = 0, start + 1
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 2
            continue
        if depth == 0 and char == ("}" if opening == "{" else '"'):
            return text[start + 1 : position], position + 1
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return None, start
        position += 1
    return None, start


def _harmless(value: str, field: str) -> bool:
    """Whether a value holds no command but those of `COMMAND`, nothing TeX reads as one, and balanced braces."""
    rest = COMMAND.sub("", value)
    if "\\" in rest or "^^" in value:
        return False
    # BibTeX itself counts every brace, escaped or not.
    depth = 0
    for char in value:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return False
    comments = field not in LITERAL and ("%" in rest or "#" in rest)
    return depth == 0 and rest.count("$") % 2 == 0 and not comments
