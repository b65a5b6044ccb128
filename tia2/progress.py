"""How long-running functions report how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on ("texts", "items", a name …), how much of it is done, and how much there is."""


def silent(*_: object) -> None:
    """Report nothing: the default wherever a `Progress` is taken."""
