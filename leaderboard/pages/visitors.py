"""What is remembered of visitors: their latest questions, and the menus that they have opened."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable

from cachetools import LRUCache

REMEMBERED = 10_000
"""Visitors, and visitors' parts of pages, that are remembered; who is forgotten is answered all the same."""


class LatestQuestions:
    """Numbers questions as they come: the answer to an earlier one must not replace that to the latest.

    Answers are computed side by side: one that takes long, as the first for a subset does, is ready after the answer to
    what was asked next, and would be shown in its place.

    Example:
        >>> questions = LatestQuestions()
        >>> first, second = questions.ask("visitor"), questions.ask("visitor")
        >>> questions.is_latest("visitor", first), questions.is_latest("visitor", second)
        (False, True)
    """

    def __init__(self) -> None:
        self._numbers: LRUCache[Hashable, int] = LRUCache(REMEMBERED)
        self._counter = itertools.count()
        self._lock = threading.Lock()

    def ask(self, part: Hashable) -> int:
        """Return the number of a new question about a visitor's part of a page."""
        with self._lock:
            self._numbers[part] = number = next(self._counter)
        return number

    def is_latest(self, part: Hashable, number: int) -> bool:
        """Return whether no question about that part has come since.

        Args:
            part: The part, or one that it belongs to: what is asked of a whole tab is asked of its details, too.
            number: The question's number, from `ask`.
        """
        with self._lock:
            return self._numbers.get(part, number) <= number


class FilledMenus:
    """What visitors' menus offer, as far as that is everything.

    Example:
        >>> menus = FilledMenus()
        >>> [menus.fill("visitor", "menu", content) for content in ("one board's", "one board's", "another's")]
        [True, False, True]
        >>> menus.forget("visitor")
        >>> menus.is_filled("visitor", "menu")
        False
    """

    def __init__(self) -> None:
        self._of_visitors: LRUCache[Hashable, dict[Hashable, Hashable]] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def fill(self, visitor: Hashable, menu: Hashable, content: Hashable) -> bool:
        """Remember what a menu offers; return whether it didn't before."""
        with self._lock:
            menus = self._of_visitors.setdefault(visitor, {})
            was = menus.get(menu)
            menus[menu] = content
        return was != content

    def is_filled(self, visitor: Hashable, menu: Hashable) -> bool:
        """Return whether a menu offers everything."""
        with self._lock:
            return menu in self._of_visitors.get(visitor, {})

    def forget(self, visitor: Hashable) -> None:
        """Forget a visitor's menus, which offer no more than what is chosen again."""
        with self._lock:
            self._of_visitors.pop(visitor, None)
