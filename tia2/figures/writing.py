"""A figure and its table as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ResultError
from tia2.figures.page import save_page
from tia2.figures.picture import save_picture

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
    unfinished = [folder / f".{path.name}.part" for path in paths]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from None
    try:
        save_picture(figure, unfinished[0])
        save_page(figure, unfinished[1])
        table.to_csv(unfinished[2], index=False, float_format="%.6g")
        for part, path in zip(unfinished, paths, strict=True):
            part.replace(path)
    except OSError as error:
        raise _refused(folder, error) from None
    finally:
        for part in unfinished:
            part.unlink(missing_ok=True)
    return paths


def _refused(folder: Path, error: OSError) -> ResultError:
    return ResultError(f"{folder} can't be written to: {error.strerror or error}.")
