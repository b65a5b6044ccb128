"""Tokens: what a link holds, so that nobody can vote as another, or see what only the owner may."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from tia2.errors import StudyError

FILE = "secret"
OWNER = "owner"
ID_LENGTH = 8
"""Characters of a rater's id; a token begins with it."""


def new_secret(folder: Path) -> None:
    """Write a study's key, which its owner alone can read, and from which every token is made."""
    path = folder / FILE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))


def read_secret(folder: Path) -> bytes:
    """Return a study's key.

    Raises:
        StudyError: It isn't there, or is damaged.
    """
    path = folder / FILE
    try:
        key = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path} can't be read ({error.strerror}): without it, no link works.") from None
    if len(key) != 32:
        raise StudyError(f"{path} is damaged: expected 32 bytes, got {len(key)}. Restore it from a copy.")
    return key


def new_id() -> str:
    """Return an id for a rater that tells nothing."""
    return secrets.token_hex(ID_LENGTH // 2)


def token_of(key: bytes, who: str) -> str:
    """Return the token of a rater, or of the owner: an id and a code that only the holder of the key can compute.

    Args:
        key: The study's key.
        who: The rater's id, or `OWNER`.

    Example:
        >>> token_of(bytes(32), "0123abcd")[:9], len(token_of(bytes(32), "0123abcd"))
        ('0123abcd.', 41)
    """
    # 192 bits: nobody guesses one, however long the study lasts.
    code = hmac.new(key, f"tia2.people {who}".encode(), hashlib.sha256).digest()[:24]
    return f"{who}.{base64.urlsafe_b64encode(code).decode()}"


def bearer_of(key: bytes, token: str) -> str | None:
    """Return whose a token is: a rater's id or `OWNER`; None if nobody's.

    Args:
        key: The study's key.
        token: The token.

    Example:
        >>> bearer_of(bytes(32), token_of(bytes(32), "0123abcd")), bearer_of(bytes(32), "0123abcd.guess")
        ('0123abcd', None)
    """
    who = token.partition(".")[0]
    expected = token_of(key, who).encode()
    return who if hmac.compare_digest(expected, token.encode("utf-8", "replace")) else None
