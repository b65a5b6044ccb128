"""Tables made of columns: what each sorts by, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .board_table import NO_VALUE, Sheet


class Column(NamedTuple):
    """One column.

    Attributes:
        header: Its heading.
        values: One a row; None or NaN where there is none.
        show: How a value is written.
    """

    header: str
    values: Iterable[Any]
    show: Callable[[Any], str] = str


def number(digits: int = 3, signed: bool = False) -> Callable[[Any], str]:
    """Return how a number is written.

    Example:
        >>> number(2, signed=True)(0.5)
        '+0.50'
    """
    return f"{{:{'+' if signed else ''}.{digits}f}}".format


def p_value(p: float) -> str:
    """Return a p-value with two digits that count.

    Example:
        >>> p_value(0.0312), p_value(0.00001)
        ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def significant(value: float) -> str:
    """Return a number of any size with four digits that count.

    Example:
        >>> significant(21.43871), significant(-0.000123456), significant(0.5)
        ('21.44', '-0.0001235', '0.5000')
    """
    return f"{value:#.4g}".rstrip(".")


def sheet(columns: Sequence[Column]) -> Sheet:
    """Return the table of these columns.

    Example:
        >>> sheet([Column("p", [0.5, None], p_value)]).texts
        [['0.50'], ['—']]
    """
    values = [[_plain(one) for one in column.values] for column in columns]
    texts = [
        [NO_VALUE if one is None else column.show(one) for one in own]
        for column, own in zip(columns, values, strict=True)
    ]
    rows = list(zip(*values, strict=True))
    return Sheet(
        headers=[column.header for column in columns],
        ids=[str(place) for place in range(len(rows))],
        values=[list(row) for row in rows],
        texts=[list(row) for row in zip(*texts, strict=True)],
        muted=[False] * len(rows),
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, None for NaN."""
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found
