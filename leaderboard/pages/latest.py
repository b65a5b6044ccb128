"""Which question of a visitor is the latest: the answer to an earlier one must not replace its answer."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable

from cachetools import LRUCache

REMEMBERED = 10_000
"""Visitors' parts of pages of which the latest question is known; who is forgotten is answered all the same."""


class LatestQuestions:
    """Numbers questions as they come.

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
