"""TIA2: measure how well text-to-image reward models agree with people, and when optimising them goes wrong.

`import tia2` also lets `datasets.load_dataset("tia2")` find the benchmark; nothing heavy is imported until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tia2._datasets_hook import install as _install_datasets_hook
from tia2._version import __version__

if TYPE_CHECKING:
    from tia2.calibration import calibrate as calibrate
    from tia2.calibration import register_calibration as register_calibration
    from tia2.evaluation import Result as Result
    from tia2.evaluation import Values as Values
    from tia2.evaluation.comparing.comparison import compare as compare
    from tia2.evaluation.evaluate import evaluate as evaluate
    from tia2.evaluation.metrics import register_metric as register_metric
    from tia2.rewards import load_reward as load_reward
    from tia2.rewards import register_reward as register_reward
    from tia2.scoring import ScoreTable as ScoreTable
    from tia2.scoring import score as score

_LAZY = {
    "Result": "tia2.evaluation",
    "ScoreTable": "tia2.scoring",
    "Values": "tia2.evaluation",
    "calibrate": "tia2.calibration",
    "compare": "tia2.evaluation",
    "evaluate": "tia2.evaluation",
    "load_reward": "tia2.rewards",
    "register_calibration": "tia2.calibration",
    "register_metric": "tia2.evaluation",
    "register_reward": "tia2.rewards",
    "score": "tia2.scoring",
}

_PACKAGES = (
    "analysis",
    "benchmark",
    "calibration",
    "errors",
    "evaluation",
    "figures",
    "finetune",
    "leaderboard",
    "miniworld",
    "people",
    "prompts",
    "quickstart",
    "rewards",
    "scoring",
)
"""Imported when somebody first uses them; `leaderboard` and `finetune` are folders of their own in a checkout."""

__all__ = ["__version__", *sorted(_LAZY)]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name in _PACKAGES:
        return import_module(f"tia2.{name}")
    raise AttributeError(f"module 'tia2' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES])


_install_datasets_hook()
