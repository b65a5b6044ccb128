"""Best-of-n curves in words that fit a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .records import BestOfNPrompt, BestOfNSubset

_WIDTH = 12


def peak_of(part: BestOfNSubset, limit: int) -> str:
    """Say where the gold peaks: "3 (2 to 6)", or that it doesn't within the limit.

    Args:
        part: Curves of a subset.
        limit: Largest n at which a peak is looked for.
    """
    if part.peak is None:
        return "unknown"
    if not part.peak.inside:
        return f"none to {limit}"
    return f"{part.peak.n} ({part.peak.low} to {part.peak.high})"


def drop_of(part: BestOfNSubset) -> str:
    """Say how far the gold falls from the peak to the limit, with the interval: "0.052 (0.021 to 0.083)"; else a dash.

    Args:
        part: Curves of a subset.
    """
    return str(part.peak.drop) if part.peak is not None and part.peak.inside else "–"


def columns_of(n: Sequence[int], limit: int) -> list[int]:
    """Return the positions of the n that a table shows: 1, about the root of the limit, and the limit.

    Args:
        n: Numbers of images to choose from, ascending.
        limit: One of them.

    Example:
        >>> columns_of([1, 2, 3, 4, 6, 8, 12, 50], 12)
        [0, 2, 6]
    """
    end = n.index(limit)
    root = min(range(end + 1), key=lambda number: abs(math.log(n[number]) - math.log(limit) / 2))
    return sorted({0, root, end})


def summary(parts: Mapping[str, BestOfNSubset], n: Sequence[int], limit: int) -> str:
    """Return a table of the gold at some n, the peak and the drop.

    Args:
        parts: Curves by subset.
        n: Numbers of images to choose from, ascending.
        limit: Largest n at which a peak is looked for.
    """
    shown = sorted({*columns_of(n, limit), len(n) - 1})
    widths = {number: max(7, len(f"n={n[number]} ")) for number in shown}
    heads = "".join(f"{f'n={n[number]}':>{width}}" for number, width in widths.items())
    lines = [f"{'subset':<{_WIDTH}}{heads}  {'peak':<12} drop to n={limit}"]
    for subset, part in parts.items():
        name = subset if len(subset) < _WIDTH else f"{subset[: _WIDTH - 2]}…"
        cells = "".join(f"{part.gold.mean[number]:>{width}.3f}" for number, width in widths.items())
        lines.append(f"{name:<{_WIDTH}}{cells}  {peak_of(part, limit):<12} {drop_of(part)}")
    return "\n".join(lines)


def verdict(name: str, part: BestOfNSubset, n: Sequence[int], limit: int) -> str:
    """Say in a sentence whether an entry over-optimises.

    Args:
        name: Name of the entry.
        part: Its curves.
        n: Numbers of images to choose from, ascending.
        limit: Largest n at which a peak is looked for.
    """
    end = n.index(limit)
    change = f"gold {part.gold.mean[0]:.3f} at n = 1, {part.gold.mean[end]:.3f} at n = {limit}"
    if part.peak is None:
        return f"{name}: {change}; too few prompts or n to look for a peak."
    if not part.peak.inside:
        return f"{name}: no peak within n ≤ {limit}; {change}."
    below = ", below chance" if part.gain.high[end] < 0 else ""
    drop = "" if math.isnan(part.peak.drop.mean) else f" and has dropped by {part.peak.drop} at n = {limit}"
    return (
        f"{name} over-optimises: the gold peaks at n = {part.peak.n} (95 % confidence set {part.peak.low} to "
        f"{part.peak.high}){drop}{below}; {change}."
    )


def below_chance(prompts: Sequence[BestOfNPrompt], limit: int) -> list[str]:
    """Return a sentence on the prompts whose gold is below chance at the limit; none if there are none.

    Args:
        prompts: Curves of the prompts.
        limit: Largest n that is looked at.
    """
    fallen = sorted((prompt for prompt in prompts if prompt.gain < 0), key=lambda prompt: prompt.gain)
    if not fallen:
        return []
    worst = fallen[0]
    error = "" if math.isnan(worst.error) else f" (standard error {worst.error:.3f})"
    return [
        f"{len(fallen)} of {len(prompts)} prompts are below chance at n = {limit}, most of all {worst.prompt!r} "
        f"by {-worst.gain:.3f}{error}."
    ]
