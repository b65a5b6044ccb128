"""A board as a file: which formats there are, and what each file is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from tia2.errors import unknown_name

from ..data.board import Board
from ..data.store import slug
from .bibtex import to_bibtex
from .latex import to_latex
from .page import static_html
from .picture import to_picture
from .tables import to_csv, to_json


class Format(NamedTuple):
    """One format.

    Attributes:
        title: Text of its button.
        ending: Ending of its files.
        write: Returns a file's content for a board, a scope, a metric and the address of the page.
        focused: Whether the content is about that one scope and metric, so that the file's name gives them.
    """

    title: str
    ending: str
    write: Callable[[Board, str, str, str], str | bytes]
    focused: bool = False


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("CSV", "csv", lambda board, _, __, page: to_csv(board, page=page)),
        "json": Format("JSON", "json", lambda board, _, __, page: to_json(board, page)),
        "latex": Format(
            "LaTeX", "tex", lambda board, scope, metric, page: to_latex(board, scope, metric, page=page), focused=True
        ),
        "bibtex": Format("BibTeX", "bib", lambda board, *_: to_bibtex(board)),
        "html": Format("HTML page", "html", lambda board, _, metric, page: static_html(board, metric, page)),
        **{
            ending: Format(ending.upper(), ending, partial(to_picture, ending), focused=True)
            for ending in ("svg", "pdf", "png")
        },
    }
)
"""The formats by name, in the order of buttons; a new one is one row here."""


def export(
    board: Board, kind: str, scope: str | None = None, metric: str = "auroc", page: str = ""
) -> tuple[str, str | bytes]:
    """Return a file's name and content.

    Args:
        board: The board.
        kind: Name of one of `FORMATS`.
        scope: A subset, or `overall`; the one that is shown first if None.
        metric: Name of the metric to rank by.
        page: Address of the board's page, if known.

    Raises:
        UnknownNameError: There is no such format, scope or metric.

    Example:
        >>> export(board, "latex", "counting", "kendall")[0]  # doctest: +SKIP
        'tia2-mini-counting-kendall.tex'
    """
    if kind not in FORMATS:
        raise unknown_name("format", kind, FORMATS)
    scope, metric = scope or board.usual_scope, board.metric_called(metric)
    board.check(scope, metric)
    chosen = FORMATS[kind]
    part = f"-{slug(scope)}-{metric}" if chosen.focused else ""
    return f"tia2-{slug(board.benchmark.name)}{part}.{chosen.ending}", chosen.write(board, scope, metric, page)
