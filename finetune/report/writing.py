"""A report as files: a page, pictures, and its numbers."""

from __future__ import annotations

import json
from pathlib import Path

from tia2.errors import FinetuneError
from tia2.figures.picture import save_picture
from tia2.files import replacing, write_atomically

from ..runner.state import RunFolder
from ..sheets import image_sheet
from .content import make_report
from .figures import divergence, judges, overview, statistics
from .frontier import frontier
from .grids import sample_blocks
from .pages import render, shown_blocks
from .records import Report

NAMES = ("report.html", "report.json", "curves.png", "samples.png", "details.png", "statistics.png")
FRONTIER = "frontier.png"
"""The figure of a run that was swept over scales."""


def write_report(folder: RunFolder) -> tuple[Report, list[Path]]:
    """Compute a run's report and write it into the run's folder.

    Args:
        folder: The run's folder.

    Returns:
        The report and the files: a page that works offline, the numbers as JSON, and as PNG the main figure, the
        images, all judges with the diversity, the image statistics, and the sweep over scales if there is one.

    Raises:
        FinetuneError: There is no evaluation, a file is damaged, or the folder can't be written to.

    Example:
        >>> report, files = tia2.finetune.write_report(RunFolder(Path("runs/mini-ddpo")))  # doctest: +SKIP
        >>> report.peaks[0].verdict  # doctest: +SKIP
        'over-optimised'
    """
    report = make_report(folder)
    page, numbers, curves, samples, details, alarms = (folder.path / name for name in NAMES)
    gold, proxy = report.curve("gold"), report.curve("proxy")
    swept = [sweep for sweep in report.sweeps if sweep.gold]
    scaling = frontier(swept, report.kl, proxy.mean, gold.mean) if swept and gold and proxy else None
    figures = {curves: overview(report), details: judges(report), alarms: statistics(report)}
    if scaling is not None:
        figures[folder.path / FRONTIER] = scaling
    report.save(numbers)
    with replacing(samples, FinetuneError) as unfinished:
        image_sheet(sample_blocks(folder, report, seeds=6, epochs=3), per_line=2).save(unfinished, format="PNG")
    for path, figure in figures.items():
        with replacing(path, FinetuneError) as unfinished:
            save_picture(figure, unfinished, suffix=".png")
    text = render(
        "report.html.j2",
        report=report,
        samples=shown_blocks(sample_blocks(folder, report)),
        gold=gold,
        proxy=proxy,
        frontier=scaling,
        figures=[figures[curves], figures[details], divergence(report), figures[alarms]],
        settings=json.dumps(report.settings, indent=1, ensure_ascii=False),
    )
    write_atomically(page, text.encode(), FinetuneError)
    return report, [page, numbers, curves, samples, *list(figures)[1:]]
