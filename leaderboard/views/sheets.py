"""Tables as data: what each column sorts by, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .formats import NO_VALUE

MUTED = "color: var(--body-text-color-subdued); font-style: italic"


@dataclass(frozen=True)
class Sheet:
    """A table: values to sort by, texts to show.

    Attributes:
        headers: Headings of the columns.
        ids: Ids of the rows.
        values: Numbers or text to sort by, one list per row; None where there is none.
        texts: Texts of the cells, in the same shape.
        muted: Whether a row is there for reference only, one per row.
    """

    headers: list[str]
    ids: list[str]
    values: list[list[Any]]
    texts: list[list[str]]
    muted: list[bool]

    def __len__(self) -> int:
        return len(self.ids)

    def payload(self) -> dict[str, Any]:
        """Return it as the value of a `gradio.Dataframe`, which shows the texts and sorts by the values."""
        styles = [[MUTED if muted else ""] * len(self.headers) for muted in self.muted]
        return {
            "headers": self.headers,
            "data": self.values,
            "metadata": {"display_value": self.texts, "styling": styles},
        }


class Column(NamedTuple):
    """One column.

    Attributes:
        header: The heading.
        values: Values, one per row; None or NaN where there is none.
        show: Function that writes a value.
    """

    header: str
    values: Iterable[Any]
    show: Callable[[Any], str] = str


def sheet(columns: Sequence[Column]) -> Sheet:
    """Return the table of these columns.

    Example:
        >>> sheet([Column("p", [0.5, None], "{:.2f}".format)]).texts
        [['0.50'], ['—']]
    """
    values = [[_plain(value) for value in column.values] for column in columns]
    texts = [
        [NO_VALUE if value is None else column.show(value) for value in cells]
        for column, cells in zip(columns, values, strict=True)
    ]
    rows = list(zip(*values, strict=True))
    return Sheet(
        headers=[column.header for column in columns],
        ids=[str(row) for row in range(len(rows))],
        values=[list(row) for row in rows],
        texts=[list(row) for row in zip(*texts, strict=True)],
        muted=[False] * len(rows),
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, None for NaN."""
    scalar = value.item() if hasattr(value, "item") else value
    return None if isinstance(scalar, float) and not math.isfinite(scalar) else scalar
