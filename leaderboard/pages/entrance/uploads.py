"""Which files visitors uploaded to the running app, and how much of its disk each may take."""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from cachetools import TTLCache

from ...submissions.limits import MIB

DAY = 24 * 3600.0
"""Seconds after which Gradio deletes what was uploaded."""
EACH, EVERYBODY = 512 * MIB, 4096 * MIB
"""Bytes that one visitor, and all of them, may upload within a day."""
REMEMBERED = 10_000


class Uploads:
    """The files that visitors uploaded within a day, by who uploaded them.

    Args:
        each: Bytes that one visitor may upload.
        everybody: Bytes that all of them may upload.
        clock: Returns seconds.

    Example:
        >>> uploads = Uploads(each=100)
        >>> uploads.admit("me", 80), uploads.admit("me", 80), uploads.admit("you", 80)
        (True, False, True)
        >>> uploads.add("me", "a.zip")
        >>> uploads.belongs("me", "a.zip"), uploads.belongs("you", "a.zip")
        (True, False)
    """

    def __init__(
        self, each: int = EACH, everybody: int = EVERYBODY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each, self._everybody, self._clock = each, everybody, clock
        self._admitted: deque[tuple[float, str, int]] = deque()
        self._owners: TTLCache[str, set[str]] = TTLCache(REMEMBERED, DAY, clock)
        self._lock = threading.Lock()

    def admit(self, visitor: str, size: int) -> bool:
        """Return whether a visitor may upload so many bytes more, and count them if so."""
        with self._lock:
            now = self._clock()
            while self._admitted and self._admitted[0][0] <= now - DAY:
                self._admitted.popleft()
            mine = sum(taken for _, who, taken in self._admitted if who == visitor)
            everybody = sum(taken for _, _, taken in self._admitted)
            if mine + size > self._each or everybody + size > self._everybody or len(self._admitted) >= REMEMBERED:
                return False
            self._admitted.append((now, visitor, size))
            return True

    def add(self, visitor: str, path: str) -> None:
        """Remember who uploaded a file; equal files of several visitors lie in one place."""
        with self._lock:
            self._owners[_key(path)] = {*self._owners.get(_key(path), set()), visitor}

    def belongs(self, visitor: str, path: str) -> bool:
        """Return whether a visitor uploaded a file, and it is one, not a link to another."""
        with self._lock:
            mine = visitor in self._owners.get(_key(path), set())
        return mine and not os.path.islink(path)


def visitor_of(host: str | None) -> str:
    """Return what tells visitors apart: an address, of IPv6 the network that one customer of a provider has.

    Args:
        host: Address that a request came from, as the server knows it.

    Example:
        >>> visitor_of("192.0.2.7"), visitor_of("2001:db8:1:2:3:4:5:6"), visitor_of(None)
        ('192.0.2.7', '2001:db8:1:2::/64', 'unknown')
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _key(path: str) -> str:
    return os.path.abspath(path)
