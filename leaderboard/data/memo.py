"""Memories of what was computed, shared by all visitors: of the last values, and of what belongs to one object."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Owner = TypeVar("Owner")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps the values that were asked for last. Keys should say all that a value depends on.

    Args:
        size: How many.

    Example:
        >>> squares = Recent[int, int](size=2)
        >>> [squares.get(number, lambda number=number: number**2) for number in (1, 2, 3, 3)]
        [1, 4, 9, 9]
        >>> len(squares)
        2
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value under a key, made when it isn't there; two at the same time may both make it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


def once(make: Callable[[Owner], Value]) -> Callable[[Owner], Value]:
    """Return the function with a memory: what it gave for an object is kept as long as that object lives.

    Args:
        make: Takes an object that doesn't change, and returns what nobody changes and doesn't hold the object.

    Example:
        >>> class Board: pass
        >>> @once
        ... def number(board): return [42]
        >>> board = Board()
        >>> number(board) is number(board)
        True
    """
    known: WeakKeyDictionary[Owner, Value] = WeakKeyDictionary()
    lock = threading.Lock()

    @wraps(make)
    def remembered(owner: Owner) -> Value:
        with lock:
            if owner in known:
                return known[owner]
        value = make(owner)
        with lock:
            return known.setdefault(owner, value)

    return remembered
