"""How the board writes numbers: in tables, sentences and files, for every tab and every format."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tia2.evaluation.comparing.simultaneous import LEVEL
from tia2.figures.text import with_interval as with_interval

NO_VALUE = "—"


def figure(value: float) -> str:
    """Return a figure with three decimals, or a dash.

    Example:
        >>> figure(0.5), figure(float("nan"))
        ('0.500', '—')
    """
    return NO_VALUE if math.isnan(value) else f"{value:.3f}"


def difference(value: float) -> str:
    """Return a difference of figures with its sign, or a dash.

    Example:
        >>> difference(0.0312), difference(float("nan"))
        ('+0.031', '—')
    """
    return NO_VALUE if math.isnan(value) else f"{value:+.3f}"


def interval(mean: float, low: float, high: float) -> str:
    """Return a figure with its interval, as cells of a table hold it.

    Example:
        >>> interval(0.8163, 0.7811, 0.8489)
        '0.816  0.781–0.849'
    """
    return figure(mean) if math.isnan(low) or math.isnan(high) else f"{mean:.3f}  {low:.3f}–{high:.3f}"


def brackets(low: float, high: float, show: Callable[[float], str] = figure) -> str:
    """Return an interval in brackets; empty where it isn't known.

    Example:
        >>> brackets(0.7811, 0.8489)
        '[0.781, 0.849]'
    """
    return "" if math.isnan(low) or math.isnan(high) else f"[{show(low)}, {show(high)}]"


def in_tex(value: float) -> str:
    """Return a figure as TeX sets it, with a true minus sign.

    Example:
        >>> in_tex(0.5), in_tex(-0.5), in_tex(float("nan"))
        ('0.500', '$-$0.500', '--')
    """
    return "--" if math.isnan(value) else f"{value:.3f}" if value >= 0 else f"$-${-value:.3f}"


def span(low: int, high: int) -> str:
    """Return a rank interval.

    Example:
        >>> span(1, 4), span(2, 2)
        ('1–4', '2')
    """
    return NO_VALUE if low < 1 else str(low) if low == high else f"{low}–{high}"


def share(value: float) -> str:
    """Return a share in percent, rounded down so that only all is 100 %.

    Example:
        >>> share(0.9999), share(1.0)
        ('99.9 %', '100 %')
    """
    return "100 %" if value == 1 else f"{math.floor(value * 1000) / 10:.1f} %"


def number(digits: int = 3, signed: bool = False) -> Callable[[Any], str]:
    """Return a function that writes numbers with a fixed count of decimals.

    Example:
        >>> number(2, signed=True)(0.5)
        '+0.50'
    """
    return f"{{:{'+' if signed else ''}.{digits}f}}".format


def p_value(p: float) -> str:
    """Return a p-value with two significant digits.

    Example:
        >>> p_value(0.0312), p_value(0.00001)
        ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def significant(value: float) -> str:
    """Return a number of any size with four significant digits.

    Example:
        >>> significant(21.43871), significant(-0.000123456), significant(0.5)
        ('21.44', '-0.0001235', '0.5000')
    """
    return f"{value:#.4g}".rstrip(".")


def count_of_weights(number: int) -> str:
    """Return how many parameters a model has, with three significant digits.

    Example:
        >>> count_of_weights(427_616_513), count_of_weights(8_000_000_000), count_of_weights(950)
        ('428M parameters', '8B parameters', '950 parameters')
    """
    for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter} parameters"
    return f"{number} parameters"


def factor(value: float) -> str:
    """Return what a temperature is multiplied by.

    Example:
        >>> factor(0.353553), factor(2.0)
        ('× 0.354', '× 2')
    """
    return f"× {value:.3g}"


def best_text(rank: int, p_best: float) -> str:
    """Return whether an entry is the best, not separable from it, or surely worse.

    Args:
        rank: Rank of the entry; 0 without one.
        p_best: Corrected p-value of its difference from the best.

    Example:
        >>> best_text(1, 1.0), best_text(2, 0.4), best_text(3, 0.012), best_text(0, float("nan"))
        ('best', '≈ best', 'worse, p 0.012', '')
    """
    if not rank:
        return ""
    if p_best > LEVEL:
        return "best" if rank == 1 else "≈ best"
    return f"worse, p {p_value(p_best)}"
