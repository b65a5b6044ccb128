"""How long-running functions tell how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how much is done, and how much there is."""


def silent(*_: object) -> None:
    """Report nothing; the default of functions that report progress."""
