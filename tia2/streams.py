"""Text on its way to a terminal or a pipe: control characters are shown, and any encoding takes it."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
import unicodedata
from typing import IO

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, line separators, what turns text round, and halves of characters."""

_NEAREST = "tia2-nearest"
_ASCII = {
    "–": "-", "—": "-", "−": "-", "─": "-", "━": "-", "‐": "-", "│": "|", "…": "~", "×": "x", "·": ".", "→": ">",
    "‘": "'", "’": "'", "“": '"', "”": '"', "≤": "<=", "≥": ">=", "λ": "lambda", "τ": "tau", "ρ": "rho", "σ": "sigma",
}  # fmt: skip


def visible(text: str) -> str:
    r"""Return a text with control characters written as escapes, so that a terminal shows and doesn't obey them.

    Example:
        >>> visible("two \x1b[31mred\x00 cats")
        'two \\x1b[31mred\\x00 cats'
    """
    return _UNSEEN.sub(lambda unseen: unseen[0].encode("unicode_escape").decode("ascii"), text)


def accept_any_text() -> None:
    """Let standard output and standard error take any text: what their encoding lacks becomes the nearest ASCII.

    Without this, a dash or a name ends a command with an error where the encoding is ASCII or a Windows code page.
    """
    codecs.register_error(_NEAREST, _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != _NEAREST:
            stream.reconfigure(errors=_NEAREST)


def is_utf8(stream: IO[str]) -> bool:
    """Return whether a stream takes every character as UTF-8."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf8")


def write_line(message: str) -> None:
    """Write one line to standard error, if there is one; a pipe that nobody reads any more is no error."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(f"{visible(message)}\n")
    except (OSError, ValueError):  # closed, or its disk is full: there is nowhere left to say so
        pass


def flush_or_discard() -> None:
    """Write what standard output still holds, or discard it where it can't be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        discard_output()


def discard_output() -> None:
    """Discard what standard output still holds: it can't be written, and Python would try again at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (AttributeError, OSError, ValueError):  # no standard output, or none of the system's
        pass


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
