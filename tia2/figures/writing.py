"""A figure and its table as files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ResultError
from tia2.figures.page import save_page
from tia2.figures.picture import save_picture
from tia2.files import replacing

if TYPE_CHECKING:
    import pandas as pd

    from tia2.figures.spec import Figure


def write(figure: Figure, table: pd.DataFrame, folder: Path, name: str) -> list[Path]:
    """Write NAME.png, NAME.html and NAME.csv; each is whole or absent at any time.

    Args:
        figure: What to draw.
        table: The numbers behind it.
        folder: Where to; it is made if needed.
        name: The files' name.

    Returns:
        The files.

    Raises:
        ResultError: The folder can't be written to.
    """
    paths = [folder / f"{name}{suffix}" for suffix in (".png", ".html", ".csv")]
    with ExitStack() as stack:
        picture, page, csv = (stack.enter_context(replacing(path, ResultError)) for path in paths)
        save_picture(figure, picture)
        save_page(figure, page)
        table.to_csv(csv, index=False, float_format="%.6g")
    return paths
