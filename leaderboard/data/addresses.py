"""Which addresses may become links: one answer for submissions, pages and exports."""

from __future__ import annotations

import re

LONGEST = 300
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
    return len(text) <= LONGEST and _ADDRESS.fullmatch(text) is not None
