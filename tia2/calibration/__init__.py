"""Calibration: what TextNorm compares a prompt with, and what it makes of the rewards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.calibration._textnorm import textnorm as textnorm
    from tia2.calibration._textnorm import textnorm_minmax as textnorm_minmax
    from tia2.calibration.ensembles import mean_ensemble as mean_ensemble
    from tia2.calibration.ensembles import uncertainty_regularised as uncertainty_regularised
    from tia2.calibration.method import TextNorm as TextNorm
    from tia2.prompts import contrastive_prompts as contrastive_prompts

_LAZY = {
    "TextNorm": "tia2.calibration.method",
    "contrastive_prompts": "tia2.prompts",
    "mean_ensemble": "tia2.calibration.ensembles",
    "textnorm": "tia2.calibration._textnorm",
    "textnorm_minmax": "tia2.calibration._textnorm",
    "uncertainty_regularised": "tia2.calibration.ensembles",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'tia2.calibration' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
