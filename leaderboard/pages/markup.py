"""HTML made of text by others: everything is escaped here, and a link is only made of a valid https address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlsplit

LONGEST = 300


def safe_link(address: str) -> str:
    """Return a link if the text is a plain https address, else the text, escaped.

    Example:
        >>> safe_link("javascript:alert(1)")
        'javascript:alert(1)'
        >>> safe_link("https://example.org/a")
        '<a href="https://example.org/a" rel="nofollow noopener noreferrer ugc" target="_blank">https://example.org/a</a>'
    """
    shown = escape(address)
    if not is_https(address):
        return shown
    return f'<a href="{shown}" rel="nofollow noopener noreferrer ugc" target="_blank">{shown}</a>'


def is_https(address: str) -> bool:
    """Return whether a text is an https address of a host with a name, in plain characters, without a password.

    Example:
        >>> [is_https(one) for one in ("https://example.org/a?b=c", "https://a b", "http://example.org", "https://u@a.org")]
        [True, False, False, False]
    """
    if len(address) > LONGEST or not re.fullmatch(r"https://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+", address):
        return False
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  # Reading it checks it.
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.username is None and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", host) is not None


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and what they are; the second of each pair is HTML, so escape it first."""
    return f'<dl class="tia2-facts">{"".join(f"<dt>{escape(term)}</dt><dd>{html}</dd>" for term, html in pairs)}</dl>'


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], *, texts: bool = False) -> str:
    """Return a small table of text; its first column names the row.

    Args:
        caption: Above it; for screen readers only with `texts`, which stand below a heading.
        headers: Of the columns.
        rows: What the cells show.
        texts: Whether names are whole texts and may be many: they go on in the next line, and rows can be scrolled.
    """
    outer, inner = ("tia2-scroll tia2-tall", "tia2-table tia2-texts") if texts else ("tia2-scroll", "tia2-table")
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in headers)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(one)}</td>" for one in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="{outer}" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{inner}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def note(text: str) -> str:
    """Return a quiet line of text."""
    return f'<p class="tia2-note">{escape(text)}</p>'
