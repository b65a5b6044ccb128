"""One look for every figure."""

from __future__ import annotations

from typing import Any

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
PALETTE = ("#2f6690", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#3c9d9b", "#7a4b2a", "#5c6b7a")
"""Told apart by people with any colour vision in pairs that stand side by side; repeated when there are more."""

MATPLOTLIB: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": GRID,
    "savefig.dpi": 140,
    "text.parse_math": False,
}


def colour(number: int) -> str:
    """Return the colour of the curve or group with this number.

    Example:
        >>> colour(0) == colour(len(PALETTE))
        True
    """
    return PALETTE[number % len(PALETTE)]
