"""Analyses of score tables: when calibration helps, what goes wrong, and how many prompts it takes to know."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.analysis._calibration import calibration as calibration
    from tia2.analysis._contrastive import contrastive as contrastive
    from tia2.analysis._errors import errors as errors
    from tia2.analysis._generalization import generalization as generalization
    from tia2.analysis._power import power as power
    from tia2.analysis._prompt_set import prompt_set as prompt_set
    from tia2.analysis._temperature import temperature as temperature
    from tia2.analysis.outcome import Analysis as Analysis

_LAZY = {
    "Analysis": "outcome",
    "calibration": "_calibration",
    "contrastive": "_contrastive",
    "errors": "_errors",
    "generalization": "_generalization",
    "power": "_power",
    "prompt_set": "_prompt_set",
    "temperature": "_temperature",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tia2.analysis.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tia2.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
