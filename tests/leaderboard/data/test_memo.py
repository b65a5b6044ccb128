"""The memory of what was computed last."""

from __future__ import annotations

import gc
import threading
import weakref

from tia2.leaderboard.data.memo import Recent, once


def test_the_longest_unused_goes_first():
    made = []
    recent = Recent(size=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert recent.get(key, lambda key=key: made.append(key) or key.upper()) == key.upper()
    assert made == ["a", "b", "c", "b"]
    assert len(recent) == 2


def test_none_is_a_value():
    recent, made = Recent(size=1), []
    for _ in range(3):
        assert recent.get("a", lambda: made.append(1)) is None
    assert made == [1]


def test_many_at_once():
    recent = Recent(size=8)

    def ask(start):
        for number in range(start, start + 500):
            assert recent.get(number % 20, lambda number=number: number % 20) == number % 20

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recent) == 8


class Owner:
    pass


def test_once_is_once_for_each_object():
    made = []

    @once
    def length(owner):
        made.append(owner)
        return len(made)

    first, second = Owner(), Owner()
    assert [length(first), length(second), length(first), length(second)] == [1, 2, 1, 2]
    assert length.__name__ == "length"


def test_once_keeps_no_object_alive():
    forgets = once(lambda owner: [1])
    owner = Owner()
    forgets(owner)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None
