"""How much room a label takes, so that figures needn't be drawn twice to find out."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

NARROW, WIDE = set("iljtfrI.,:;'|!()[]{}/ "), set("mwMW@%—…")
TAG = re.compile(r"<[^>]*>")
SMALL = re.compile(r"font-size:\s*(\d+)px")


def width(label: str, size: float = 12) -> float:
    """Return the pixels that a label's widest line takes in a sans-serif font, rather too many than too few.

    Args:
        label: As Plotly takes it: lines parted by <br>, text escaped, a font size in a tag holding for its line.
        size: Of the font, in pixels.

    Example:
        >>> round(width("counting")), round(width("counting<br>&lt;"))
        (53, 53)
    """
    most = 0.0
    for line in label.split("<br>"):
        given = SMALL.search(line)
        own = float(given.group(1)) if given else size
        most = max(most, own * sum(map(_share, html.unescape(TAG.sub("", line)))))
    return most


def widest(labels: Iterable[str], size: float = 12) -> float:
    """Return the pixels that the widest of several labels takes; 0 for none."""
    return max((width(label, size) for label in labels), default=0.0)


def _share(char: str) -> float:
    if unicodedata.east_asian_width(char) in ("W", "F"):
        return 1.05
    if unicodedata.combining(char):
        return 0.0
    if char in NARROW:
        return 0.36
    if char in WIDE:
        return 0.95
    return 0.74 if char.isupper() else 0.62
