"""A study's figures and tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.figures import write

from .figures import choice_figure, forecast_figure, gold_figure, proxy_figure
from .tables import choice_table, curve_table, forecast_table, outcome_table

if TYPE_CHECKING:
    from .results import StudyResults


def write_study(results: StudyResults, folder: Path) -> list[Path]:
    """Write what a study has come to: four figures as pictures and pages, each with its table, and the outcomes.

    Args:
        results: Results of the runs that are done.
        folder: Folder to write to, made as needed.

    Returns:
        The files.

    Raises:
        ResultError: The folder can't be written to.
    """
    files = []
    if results.curves:
        curves = curve_table(results)
        files += write(gold_figure(results), curves, folder, "gold")
        files += write(proxy_figure(results), outcome_table(results), folder, "outcomes")
    if results.choices:
        files += write(choice_figure(results), choice_table(results), folder, "best_of_n")
    if results.curves and results.choices:
        files += write(forecast_figure(results), forecast_table(results), folder, "forecast")
    return files
