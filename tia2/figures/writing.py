"""Figures and their tables as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ResultError, unknown_name
from tia2.figures.page import save_page
from tia2.figures.picture import SUFFIXES, save_picture
from tia2.files import replacing

if TYPE_CHECKING:
    import pandas as pd

    from tia2.figures.spec import FigureSpec

FORMATS = ("png", "pdf", "svg", "html", "csv")
"""Formats of an analysis: three of pictures, a page to explore, and the table."""

USUAL_FORMATS = ("png", "html", "csv")


def save_figure(figure: FigureSpec, path: Path) -> None:
    """Write a figure as a picture or as a page to explore, by the file's suffix; it is whole or absent at any time.

    Args:
        figure: Figure to draw.
        path: File to write, .png, .pdf, .svg or .html.

    Raises:
        ResultError: Another suffix, or the file can't be written.
    """
    check_suffix(path)
    with replacing(path, ResultError) as unfinished:
        _drawer(figure, path.suffix)(unfinished)


def check_suffix(path: Path) -> None:
    """Raise unless a file's name ends like a figure that can be drawn.

    Args:
        path: File to write later.

    Raises:
        ResultError: Another suffix than .png, .pdf, .svg or .html.
    """
    allowed = (*SUFFIXES, ".html")
    if path.suffix not in allowed:
        raise ResultError(f"Expected a file ending in {', '.join(allowed)} for the figure, got {str(path)!r}.")


def write(
    figure: FigureSpec, table: pd.DataFrame, folder: Path, name: str, formats: Sequence[str] = USUAL_FORMATS
) -> list[Path]:
    """Write a figure and its table as NAME.png, NAME.html, NAME.csv and so on; each is whole or absent at any time.

    Args:
        figure: Figure to draw.
        table: Numbers behind it.
        folder: Folder to write to, made as needed.
        name: Name of the files, without a suffix.
        formats: Any of png, pdf, svg, html and csv.

    Returns:
        The files, in the order of the formats.

    Raises:
        UnknownNameError: There is no such format.
        ResultError: There are no formats, or the folder can't be written to.
    """
    check_formats(formats)
    paths = {suffix: folder / f"{name}.{suffix}" for suffix in dict.fromkeys(formats)}
    with ExitStack() as stack:
        # All files move into place at the end, so that a figure and its table always belong together.
        unfinished = {suffix: stack.enter_context(replacing(path, ResultError)) for suffix, path in paths.items()}
        for suffix, path in unfinished.items():
            if suffix == "csv":
                table.to_csv(path, index=False, float_format="%.6g")
            else:
                _drawer(figure, f".{suffix}")(path)
    return list(paths.values())


def check_formats(formats: Sequence[str]) -> None:
    """Raise unless all formats are known ones, and there is one.

    Args:
        formats: Names of formats.

    Raises:
        UnknownNameError: There is no such format.
        ResultError: There are no formats.
    """
    if not formats:
        raise ResultError(f"Expected at least one format of {', '.join(FORMATS)}, got none.")
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS)


def _drawer(figure: FigureSpec, suffix: str) -> Callable[[Path], None]:
    return partial(save_page, figure) if suffix == ".html" else partial(save_picture, figure, suffix=suffix)
