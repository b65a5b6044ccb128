"""Small pieces of pages: text by others is escaped, and only a valid https address becomes a link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..views.rendering import macro

if TYPE_CHECKING:
    from markupsafe import Markup

PARTS = "parts.html"


def safe_link(address: str) -> Markup:
    """Return a link if the text is a plain https address, else the text.

    Example:
        >>> safe_link("javascript:alert(1)")
        Markup('javascript:alert(1)')
        >>> str(safe_link("https://example.org/a"))
        '<a href="https://example.org/a" rel="nofollow noopener noreferrer ugc" target="_blank">https://example.org/a</a>'
    """
    return macro(PARTS, "link", address)


def code(text: str) -> Markup:
    """Return text as code."""
    return macro(PARTS, "code", text)


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return a list of terms and what they are; the second of each pair is text, or HTML from here."""
    return macro(PARTS, "facts", list(pairs))


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], *, texts: bool = False) -> Markup:
    """Return a small table of text; its first column names the row.

    Args:
        caption: Words above it; for screen readers only with `texts`, which stand below a heading.
        headers: Headings of the columns.
        rows: Texts of the cells.
        texts: Whether names are whole texts and may be many: they are wrapped, and rows can be scrolled.
    """
    return macro(PARTS, "table", caption, headers, list(rows), texts)


def note(text: str) -> Markup:
    """Return a quiet line of text."""
    return macro(PARTS, "note", text)


def figure_tools(name: str) -> Markup:
    """Return buttons that save the figure above them, with title, benchmark and date.

    Args:
        name: Name of the figure, which its title begins with.
    """
    return macro(PARTS, "figure_tools", name)


def heading(text: str) -> Markup:
    """Return a heading within a tab."""
    return macro(PARTS, "heading", text)


def answer(text: str) -> Markup:
    """Return the sentence that answers a tab's question; screen readers say it when it changes."""
    return macro(PARTS, "answer", text)
