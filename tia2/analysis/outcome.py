"""What every analysis gives: a sentence, a figure and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.figures import write
from tia2.figures.writing import USUAL_FORMATS

if TYPE_CHECKING:
    import pandas as pd

    from tia2.figures import FigureSpec


@dataclass(frozen=True)
class Analysis:
    """What an analysis found.

    Attributes:
        name: The name of its files.
        findings: Sentences, the most important first.
        figure: Figure of the findings.
        table: All numbers behind it, one row each.
        shown: The columns of the table that fit on a terminal, by heading; the whole table is in the CSV file.
        top: Number of rows that the terminal shows; all if None.
    """

    name: str
    findings: list[str]
    figure: FigureSpec
    table: pd.DataFrame
    shown: dict[str, str] = field(default_factory=dict)
    top: int | None = None

    def save(self, folder: str | Path, formats: Sequence[str] = USUAL_FORMATS) -> list[Path]:
        """Write the figure and the table, by default as PNG, HTML and CSV.

        Args:
            folder: Folder to write to, made as needed.
            formats: Any of png, pdf, svg (pictures), html (a page to explore) and csv (the table).

        Returns:
            The files, in the order of the formats.

        Raises:
            UnknownNameError: There is no such format.
            ResultError: The folder can't be written to.

        Example:
            >>> tia2.analysis.power(tables).save("figures", formats=["pdf"])  # doctest: +SKIP
        """
        return write(self.figure, self.table, Path(folder), self.name, formats)
