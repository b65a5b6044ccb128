"""Where the miniature world's files lie inside the package."""

from __future__ import annotations

from pathlib import Path

from tia2.benchmark.configs import MINI_PARQUET
from tia2.errors import BenchmarkError

ASSETS = Path(__file__).parent / "assets"
BENCHMARK = MINI_PARQUET
PIPELINE = ASSETS / "sd"
HALFWAY_UNET = ASSETS / "sd-halfway"
REWARDS = ASSETS / "rewards"

REWARD_NAMES = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")


def existing(path: Path) -> Path:
    """Return a shipped path, or say what is wrong with the installation.

    Args:
        path: One of the paths of this module.

    Returns:
        The path itself.

    Raises:
        BenchmarkError: When it isn't there.
    """
    if not path.exists():
        raise BenchmarkError(f"The package is incomplete: expected {path}. Install tia2 again.")
    return path
