"""A board as a file: which formats there are, and what each file is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tia2.errors import unknown_name
from tia2.evaluation.summary import OVERALL

from ..data.board import Board
from ..data.store import slug


class Format(NamedTuple):
    """One format.

    Attributes:
        title: What buttons call it.
        ending: Of its files.
        write: Takes board, scope and metric, returns the file's content.
        focused: Whether scope and metric make a difference.
    """

    title: str
    ending: str
    write: Callable[[Board, str, str], str]
    focused: bool


def _csv(board: Board, scope: str, metric: str) -> str:
    from . import to_csv

    del scope, metric
    return to_csv(board)


def _json(board: Board, scope: str, metric: str) -> str:
    from . import to_json

    del scope, metric
    return to_json(board)


def _latex(board: Board, scope: str, metric: str) -> str:
    from . import to_latex

    return to_latex(board, scope, metric)


def _bibtex(board: Board, scope: str, metric: str) -> str:
    from . import to_bibtex

    del scope, metric
    return to_bibtex(board)


def _html(board: Board, scope: str, metric: str) -> str:
    from . import static_html

    del scope
    return static_html(board, metric)


FORMATS = {
    "csv": Format("CSV", "csv", _csv, False),
    "json": Format("JSON", "json", _json, False),
    "latex": Format("LaTeX", "tex", _latex, True),
    "bibtex": Format("BibTeX", "bib", _bibtex, False),
    "html": Format("HTML page", "html", _html, False),
}


def export(board: Board, kind: str, scope: str | None = None, metric: str = "auroc") -> tuple[str, str]:
    """Return a file's name and content.

    Args:
        board: The board.
        kind: One of `FORMATS`.
        scope: A subset, or `overall`; the one that is shown first if None.
        metric: The one to rank by.

    Raises:
        UnknownNameError: There is no such format, scope or metric.

    Example:
        >>> export(board, "latex", "counting", "kendall")[0]  # doctest: +SKIP
        'tia2-mini-counting-kendall.tex'
    """
    if kind not in FORMATS:
        raise unknown_name("format", kind, FORMATS)
    scope = scope or (OVERALL if OVERALL in board.scopes else board.scopes[0])
    board.check(scope, metric)
    made = FORMATS[kind]
    part = f"-{slug(scope)}-{metric}" if made.focused else ""
    return f"tia2-{slug(board.benchmark.name)}{part}.{made.ending}", made.write(board, scope, metric)
