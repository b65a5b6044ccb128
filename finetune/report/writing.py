"""A report as files: a page, pictures, and its numbers."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

from tia2.errors import FinetuneError
from tia2.figures import FigureSpec
from tia2.figures.page import plot
from tia2.figures.picture import save_picture
from tia2.files import replacing, write_atomically

from ..runner.state import RunFolder
from .content import Report, make_report
from .figures import overview, statistics
from .grids import sample_sheet

NAMES = ("report.html", "report.json", "curves.png", "samples.png")


def write_report(folder: RunFolder) -> tuple[Report, list[Path]]:
    """Compute a run's report and write it into the run's folder.

    Args:
        folder: The run's folder.

    Returns:
        The report and the files: a page that works offline, the numbers as JSON, the curves and the images as PNG.

    Raises:
        FinetuneError: There is no evaluation, a file is damaged, or the folder can't be written to.

    Example:
        >>> report, files = tia2.finetune.write_report(RunFolder(Path("runs/mini-ddpo")))  # doctest: +SKIP
        >>> report.peaks[0].verdict  # doctest: +SKIP
        'over-optimised'
    """
    report = make_report(folder)
    page, numbers, curves, samples = (folder.path / name for name in NAMES)
    sheet = sample_sheet(folder, report)
    report.save(numbers)
    with replacing(samples, FinetuneError) as unfinished:
        sheet.save(unfinished, format="PNG")
    with replacing(curves, FinetuneError) as unfinished:
        save_picture(overview(report), unfinished, suffix=".png")
    write_atomically(page, _page(report, _data_url(sheet)).encode(), FinetuneError)
    return report, [page, numbers, curves, samples]


def _page(report: Report, grid: str) -> str:
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    templates = Environment(loader=PackageLoader("tia2.finetune.report"), autoescape=True)
    templates.filters |= {"number": _number, "signed": _signed, "span": _span, "between": _between}
    return templates.get_template("report.html.j2").render(
        report=report,
        grid=grid,
        # Plotly escapes the texts that it was given; the first figure brings the library, the second shares it.
        overview=Markup(_plot(overview(report), library=True)),
        statistics=Markup(_plot(statistics(report), library=False)),
        settings=json.dumps(report.settings, indent=1, ensure_ascii=False),
    )


def _plot(figure: FigureSpec, library: bool) -> str:
    html: str = plot(figure).to_html(
        full_html=False, include_plotlyjs=library, config={"displaylogo": False, "responsive": True}
    )
    return html


def _data_url(sheet: Any) -> str:
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float) -> str:
    # Adding 0 after rounding spares the reader a "-0.000".
    return "–" if math.isnan(value) else f"{round(value, 3) + 0.0:+.3f}"


def _span(ends: tuple[float, float]) -> str:
    return "–" if math.isnan(ends[0]) else f"{_signed(ends[0])} to {_signed(ends[1])}"


def _between(ends: tuple[float, float]) -> str:
    return "–" if math.isnan(ends[0]) else f"{ends[0]:.3f}–{ends[1]:.3f}"
