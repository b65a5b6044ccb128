"""Text in figures: submitted names made harmless, and numbers with their intervals."""

from __future__ import annotations

import html
import unicodedata

LONGEST = 200
"""Characters of a text that a page shows at most."""


def clean(text: str) -> str:
    r"""Return a text on one line, without control characters or ones that turn the direction of writing.

    Example:
        >>> clean("a\n\u202eb\x00")
        'a b'
    """
    kept = (" " if char in "\t\n\r" else char for char in text)
    return " ".join("".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs")).split())


def cut(text: str, length: int) -> str:
    """Return a text of at most this length, with an ellipsis where something was left out.

    Example:
        >>> cut("mini-countblind", 8)
        'mini-co…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def safe(text: str, length: int = LONGEST) -> str:
    """Return a text as Plotly shows it literally: no tags, no formulas, no templates.

    Quotes stay, since Plotly doesn't know their entities, and text never gets into an attribute.

    Args:
        text: Any text, one that a stranger submitted too.
        length: Number of characters that are kept at most.

    Example:
        >>> safe("<b>$x$</b>")
        '&lt;b&gt;&#36;x&#36;&lt;/b&gt;'
    """
    return html.escape(cut(clean(text), length), quote=False).replace("$", "&#36;").replace("%", "&#37;")


def safe_lines(text: str) -> str:
    r"""Return a text of several lines as Plotly shows it, every line made safe by itself.

    Example:
        >>> safe_lines("a < b\nc")
        'a &lt; b<br>c'
    """
    return "<br>".join(safe(line) for line in text.split("\n"))


def with_interval(mean: float, low: float, high: float) -> str:
    """Return a number and its interval, if it has one.

    Example:
        >>> with_interval(0.8, 0.75, 0.85)
        '0.800 (0.750 to 0.850)'
    """
    if mean != mean:
        return "not known"
    return f"{mean:.3f}" + (f" ({low:.3f} to {high:.3f})" if low == low and high == high else "")
