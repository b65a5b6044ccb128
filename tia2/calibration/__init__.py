"""Calibration: what TextNorm compares a prompt with, and what it makes of the rewards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.calibration.contrastive import contrastive_prompts as contrastive_prompts

_LAZY = {
    "contrastive_prompts": "tia2.calibration.contrastive",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'tia2.calibration' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
