"""The leaderboard: everything it shows is recomputed from score tables. Imported as `tia2.leaderboard`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data.board import Board as Board
    from .data.boards import Live as Live
    from .data.store import Store as Store
    from .pages import build_app as build_app

_LAZY = {"Board": ".data.board", "Live": ".data.boards", "Store": ".data.store", "build_app": ".pages"}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
