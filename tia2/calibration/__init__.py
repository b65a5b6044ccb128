"""Calibration: what is made of rewards before they are judged or optimised.

A calibration is one object with settings. `apply` gives values of score tables, `apply_online` values during
fine-tuning. `CALIBRATIONS` knows all of them by name; an installed package adds more in the entry-point group
`tia2.calibrations`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.calibration._textnorm import textnorm as textnorm
    from tia2.calibration._textnorm import textnorm_minmax as textnorm_minmax
    from tia2.calibration.base import Calibration as Calibration
    from tia2.calibration.choosing import CrossValidated as CrossValidated
    from tia2.calibration.choosing import Oracle as Oracle
    from tia2.calibration.choosing import cross_validated as cross_validated
    from tia2.calibration.choosing import oracle as oracle
    from tia2.calibration.combining import Mean as Mean
    from tia2.calibration.combining import UncertaintyRegularised as UncertaintyRegularised
    from tia2.calibration.ensembles import mean_ensemble as mean_ensemble
    from tia2.calibration.ensembles import uncertainty_regularised as uncertainty_regularised
    from tia2.calibration.making import calibrate as calibrate
    from tia2.calibration.member_rewards import MemberRewards as MemberRewards
    from tia2.calibration.registry import CALIBRATIONS as CALIBRATIONS
    from tia2.calibration.registry import calibration_of as calibration_of
    from tia2.calibration.registry import register_calibration as register_calibration
    from tia2.calibration.single_models import MinMax as MinMax
    from tia2.calibration.single_models import Raw as Raw
    from tia2.calibration.single_models import TextNorm as TextNorm
    from tia2.prompts import contrastive_prompts as contrastive_prompts

_LAZY = {
    "CALIBRATIONS": "tia2.calibration.registry",
    "Calibration": "tia2.calibration.base",
    "CrossValidated": "tia2.calibration.choosing",
    "Mean": "tia2.calibration.combining",
    "MemberRewards": "tia2.calibration.member_rewards",
    "MinMax": "tia2.calibration.single_models",
    "Oracle": "tia2.calibration.choosing",
    "Raw": "tia2.calibration.single_models",
    "TextNorm": "tia2.calibration.single_models",
    "UncertaintyRegularised": "tia2.calibration.combining",
    "calibrate": "tia2.calibration.making",
    "calibration_of": "tia2.calibration.registry",
    "contrastive_prompts": "tia2.prompts",
    "cross_validated": "tia2.calibration.choosing",
    "mean_ensemble": "tia2.calibration.ensembles",
    "oracle": "tia2.calibration.choosing",
    "register_calibration": "tia2.calibration.registry",
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
