"""What every analysis gives: a sentence, a figure and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.figures import write

if TYPE_CHECKING:
    import pandas as pd

    from tia2.figures import Figure


@dataclass(frozen=True)
class Analysis:
    """What an analysis found.

    Attributes:
        name: The name of its files.
        findings: Sentences, the most important first.
        figure: What to look at.
        table: All numbers behind it, one row each.
        shown: The columns of the table that fit on a terminal, by heading; the whole table is in the CSV file.
        top: How many rows the terminal shows; all if None.
    """

    name: str
    findings: list[str]
    figure: Figure
    table: pd.DataFrame
    shown: dict[str, str] = field(default_factory=dict)
    top: int | None = None

    def save(self, folder: str | Path) -> list[Path]:
        """Write the figure as PNG and HTML and the table as CSV.

        Args:
            folder: Where to.

        Returns:
            The files.

        Raises:
            ResultError: The folder can't be written to.
        """
        return write(self.figure, self.table, Path(folder), self.name)
