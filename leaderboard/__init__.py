"""The leaderboard: everything it shows is recomputed from score tables. Imported as `tia2.leaderboard`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .board import Board as Board
    from .live import Live as Live
    from .pages import build_app as build_app
    from .store import Store as Store

_LAZY = {"Board": ".board", "Live": ".live", "Store": ".store", "build_app": ".pages"}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
