"""A joint report as files: a page, pictures, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tia2.errors import FinetuneError
from tia2.figures.picture import save_picture
from tia2.files import replacing, write_atomically

from ..runner.state import RunFolder
from .filling import KeptImageScorer
from .joint import JointReport, make_joint_report
from .joint_figures import end_blocks, matrix, overlay
from .pages import render, shown_blocks

NAMES = ("joint.html", "joint.json", "joint_curves.png", "joint_matrix.png")


def write_joint_report(
    folders: Sequence[RunFolder], out: Path, scorer: KeptImageScorer | None = None
) -> tuple[JointReport, list[Path]]:
    """Compare runs that evaluated the same images, and write the comparison into a folder.

    Args:
        folders: The runs' folders, at least two.
        out: Folder for the files, made as needed.
        scorer: Scores kept images by judges that only other runs had; None leaves those cells empty.

    Returns:
        The report and the files: a page that works offline, the numbers as JSON, the curves and the matrix as PNG.

    Raises:
        FinetuneError: The runs can't be compared, a file is damaged, or the folder can't be written to.

    Example:
        >>> runs = [RunFolder(Path("runs/vivid")), RunFolder(Path("runs/web"))]
        >>> report, files = tia2.finetune.write_joint_report(runs, Path("runs/joint"))  # doctest: +SKIP
    """
    report = make_joint_report(folders, scorer)
    page, numbers, curves, cells = (out / name for name in NAMES)
    figures = {curves: overlay(report), cells: matrix(report)}
    report.save(numbers)
    for path, figure in figures.items():
        with replacing(path, FinetuneError) as unfinished:
            save_picture(figure, unfinished, suffix=".png")
    text = render(
        "joint.html.j2",
        report=report,
        curves=figures[curves],
        matrix=figures[cells],
        samples=shown_blocks(end_blocks(report, folders)),
    )
    write_atomically(page, text.encode(), FinetuneError)
    return report, [page, numbers, curves, cells]
