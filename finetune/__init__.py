"""Fine-tuning against a reward model, and when it over-optimises. Imported as `tia2.finetune`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bon.curves import best_of_n_curves as best_of_n_curves
    from .bon.divergence import best_of_n_kl as best_of_n_kl
    from .bon.divergence import best_of_n_kl_with_ties as best_of_n_kl_with_ties
    from .bon.divergence import best_of_n_kl_within_pool as best_of_n_kl_within_pool
    from .bon.estimator import best_of_n as best_of_n
    from .bon.result import BestOfNResult as BestOfNResult
    from .report.joint_writing import write_joint_report as write_joint_report
    from .report.writing import write_report as write_report
    from .runner.run import Run as Run
    from .runner.state import RunFolder as RunFolder
    from .sampling.sweep import sweep_scales as sweep_scales
    from .settings.run import load_settings as load_settings

_LAZY = {
    "BestOfNResult": ".bon.result",
    "Run": ".runner.run",
    "RunFolder": ".runner.state",
    "best_of_n": ".bon.estimator",
    "best_of_n_curves": ".bon.curves",
    "best_of_n_kl": ".bon.divergence",
    "best_of_n_kl_with_ties": ".bon.divergence",
    "best_of_n_kl_within_pool": ".bon.divergence",
    "load_settings": ".settings.run",
    "sweep_scales": ".sampling.sweep",
    "write_joint_report": ".report.joint_writing",
    "write_report": ".report.writing",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
