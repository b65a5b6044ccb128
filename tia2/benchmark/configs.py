"""The configs of TIA2 by name: which subsets each holds, and where the shipped one lies."""

from __future__ import annotations

from pathlib import Path

SUBSETS = ("comprehensive", "counting", "composition")
"""The subsets as the authors released them."""

CONFIGS = ("all", *SUBSETS, "mini")
"""The names that `load_dataset("tia2", NAME)` takes."""

MINI_PARQUET = Path(__file__).resolve().parents[1] / "miniworld" / "assets" / "benchmark" / "mini.parquet"
"""The rows of `mini`. The miniature world stands above this package: its data are read, its code is not imported."""


def subsets_of(config: str) -> tuple[str, ...]:
    """Return the released subsets that a config holds; none for `mini`."""
    return SUBSETS if config == "all" else tuple(subset for subset in SUBSETS if subset == config)
