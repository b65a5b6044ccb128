"""Analyses of score tables: when calibration helps, what goes wrong, and how many prompts it takes to know."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.analysis.analysis import Analysis as Analysis
    from tia2.analysis.calibrations import calibration as calibration
    from tia2.analysis.contrast import contrastive as contrastive
    from tia2.analysis.model_errors import errors as errors
    from tia2.analysis.prompt_sets import prompt_set as prompt_set
    from tia2.analysis.sample_size import power as power
    from tia2.analysis.temperatures import temperature as temperature

_LAZY = {
    "Analysis": "analysis",
    "calibration": "calibrations",
    "contrastive": "contrast",
    "errors": "model_errors",
    "power": "sample_size",
    "prompt_set": "prompt_sets",
    "temperature": "temperatures",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tia2.analysis.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tia2.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
