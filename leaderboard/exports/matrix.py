"""Every model on every benchmark of a leaderboard: a figure with its interval per cell, and an overall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..data.board import Board
from ..views.formats import NO_VALUE, interval

NORMAL = 1.959964
"""Standard errors on either side that a 95 % interval of a normal distribution covers."""
WORDS = (
    "The usual figure on each benchmark: AUROC within prompts, or the accuracy on pairs; both say how often two images "
    "are in people's order, 0.5 by chance. Overall: the mean of the benchmarks' figures, each benchmark counted alike, "
    "for entries that are on all of them; its 95 % interval combines the benchmarks' standard errors and says nothing "
    "of benchmarks that aren't here."
)
ALONE = "This leaderboard has one benchmark. With several, each model's figures stand side by side here."


@dataclass(frozen=True)
class MatrixFigure:
    """A figure with its 95 % interval; NaN where there is none.

    Attributes:
        mean: The figure.
        low: Lower end.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """The figure as a table has it."""
        return NO_VALUE if math.isnan(self.mean) else interval(self.mean, self.low, self.high)


UNKNOWN = MatrixFigure(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class MatrixRow:
    """One entry on every benchmark.

    Attributes:
        entry: Name of the entry, which is one wherever it is called so.
        cells: Figures, one per benchmark.
        overall: Mean over the benchmarks; unknown where one is missing.
        model: Name of its model, which its variants share.
        ids: Ids of the entry on the benchmarks; empty where it isn't.
    """

    entry: str
    cells: tuple[MatrixFigure, ...]
    overall: MatrixFigure
    model: str = ""
    ids: tuple[str, ...] = ()


def matrix(boards: Mapping[str, Board]) -> list[MatrixRow]:
    """Return every ranked entry's figure on every benchmark, best overall first.

    Entries that aren't on all of them have no overall and follow: those on more benchmarks first, then in the order of
    the first benchmark that they are on, by their figure there. Figures on different benchmarks aren't compared.

    Args:
        boards: The boards, by benchmark.

    Example:
        >>> matrix(live.boards)[0].overall.text  # doctest: +SKIP
        '0.78 [0.75, 0.81]'
    """
    figures: dict[str, dict[str, MatrixFigure]] = {}
    ids: dict[str, dict[str, str]] = {}
    models: dict[str, str] = {}
    for name, board in boards.items():
        columns = [board.estimate(board.usual_scope, board.usual_metric, what) for what in ("mean", "low", "high")]
        for position in board.ranked:
            entry, cell = board.entries[position], MatrixFigure(*(float(column[position]) for column in columns))
            if not math.isnan(cell.mean):
                figures.setdefault(entry.name, {})[name] = cell
                ids.setdefault(entry.name, {})[name] = entry.id
                models.setdefault(entry.name, entry.listing.card.name if entry.listing else entry.name)
    rows = [
        MatrixRow(
            entry,
            tuple(of.get(name, UNKNOWN) for name in boards),
            overall_of(list(of.values()), len(boards)),
            models[entry],
            tuple(ids[entry].get(name, "") for name in boards),
        )
        for entry, of in figures.items()
    ]
    return sorted(rows, key=_order)


def by_model(rows: Sequence[MatrixRow]) -> list[list[MatrixRow]]:
    """Return the rows of each model together, in the order of the models' first rows.

    Args:
        rows: Rows of a matrix, in its order.

    Example:
        >>> raw, norm = (MatrixRow(name, (), UNKNOWN, "A") for name in ("A", "A + TextNorm"))
        >>> [len(group) for group in by_model([raw, MatrixRow("B", (), UNKNOWN, "B"), norm])]
        [2, 1]
    """
    groups: dict[str, list[MatrixRow]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    return list(groups.values())


def overall_of(cells: list[MatrixFigure], benchmarks: int) -> MatrixFigure:
    """Return the mean of an entry's figures on all benchmarks, whose samples of prompts are independent.

    Args:
        cells: Figures on the benchmarks that the entry is on.
        benchmarks: Number of benchmarks; unknown if the entry is on fewer.

    Example:
        >>> overall_of([MatrixFigure(0.7, 0.6, 0.8), MatrixFigure(0.9, 0.9, 0.9)], 2).mean
        0.8
    """
    if len(cells) < benchmarks or benchmarks < 2:
        return UNKNOWN
    mean = math.fsum(cell.mean for cell in cells) / benchmarks
    errors = [(cell.high - cell.low) / (2 * NORMAL) for cell in cells]
    half = NORMAL * math.sqrt(math.fsum(error**2 for error in errors)) / benchmarks
    return MatrixFigure(mean, mean - half, mean + half)


def headers(boards: Mapping[str, Board]) -> list[str]:
    """Return the headings of the matrix: entry, the benchmarks with their figures, and overall.

    Args:
        boards: The boards, by benchmark.
    """
    titles = []
    for board in boards.values():
        votes = ", simulated votes" if board.benchmark.simulated else ""
        titles.append(f"{board.benchmark.title} ({board.metric_titles[board.usual_metric]}{votes})")
    return ["entry", *titles, "overall"]


def _order(row: MatrixRow) -> tuple[bool, float, int, int, float]:
    there = [column for column, cell in enumerate(row.cells) if not math.isnan(cell.mean)]
    incomplete = math.isnan(row.overall.mean)
    return incomplete, -(0.0 if incomplete else row.overall.mean), -len(there), there[0], -row.cells[there[0]].mean
