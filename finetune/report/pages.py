"""Pages that hold all they need: figures that fit any width, images, and numbers as a reader writes them."""

from __future__ import annotations

import base64
import html
import io
import math
from typing import TYPE_CHECKING, Any

from tia2.figures import FigureSpec
from tia2.figures.page import plot_panels

from ..sheets import SheetBlock, thumbnail
from .grids import BAD, GOOD

if TYPE_CHECKING:
    from PIL import Image

_SIDE = 160
"""Pixels of an image on a page at most, twice what it is shown with: a page of hundreds stays small."""


def render(template: str, *, package: str = "", **values: Any) -> str:
    """Return a page.

    Args:
        template: File name of a template of this package.
        package: A package whose templates come before this one's, which they may extend.
        **values: Values that the template shows; everything that isn't marked as safe is escaped.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader

    packages = [name for name in (package, "tia2.finetune.report") if name]
    templates = Environment(loader=ChoiceLoader([PackageLoader(name) for name in packages]), autoescape=True)
    templates.filters |= {
        "number": _number,
        "signed": _signed,
        "span": _span,
        "between": _between,
        "image": _data_url,
    }
    templates.globals |= {"figure": _figure_writer()}
    return templates.get_template(template).render(**values)


def _figure_writer() -> Any:
    """Return a function that writes figures of one page: the first brings Plotly's library, the others share it."""
    from markupsafe import Markup

    library = iter([True])

    def write(figure: FigureSpec) -> Any:
        colours = figure.colours()
        keys = "".join(
            f'<span class="key"><i style="background:{colours[line.name]}"></i>{html.escape(line.name)}</span>'
            for line in figure.series()
        )
        cells = [
            f'<div class="panel"><h3>{html.escape(panel.title)}</h3>'
            # Plotly escapes the texts that it was given.
            + canvas.to_html(
                full_html=False,
                include_plotlyjs=next(library, False),
                config={"displayModeBar": False, "responsive": True},
            )
            + "</div>"
            for panel, canvas in zip(figure.panels, plot_panels(figure), strict=True)
        ]
        legend = f'<p class="legend">{keys}</p>' if len(colours) > 1 else ""
        caption = f'<figcaption class="muted">{html.escape(figure.note)}</figcaption>' if figure.note else ""
        least = {1: "36rem", 4: "15rem", 5: "12rem"}.get(len(cells), "20rem")
        panels = f'<div class="panels" style="--least: {least}">{"".join(cells)}</div>'
        return Markup(f"<figure>{legend}{panels}{caption}</figure>")

    return write


def shown_blocks(blocks: list[SheetBlock]) -> list[dict[str, Any]]:
    """Return blocks of images as a template shows them.

    Args:
        blocks: Rows of images under titles.
    """
    verdicts: dict[str | None, str] = {GOOD: "good", BAD: "bad"}
    return [
        {
            "title": block.title,
            "rows": [
                {
                    "label": row.label.replace("\n", ": "),
                    "cells": [
                        {
                            "url": _data_url(thumbnail(image, min(_SIDE, max(image.size)))),
                            "verdict": verdicts.get(frame, ""),
                        }
                        for image, frame in zip(row.images, row.frames, strict=True)
                    ],
                }
                for row in block.rows
            ],
        }
        for block in blocks
    ]


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float) -> str:
    # Adding 0 after rounding spares the reader a "-0.000".
    return "–" if math.isnan(value) else f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def _span(ends: tuple[float, float]) -> str:
    return "–" if math.isnan(ends[0]) else f"{_signed(ends[0])} to {_signed(ends[1])}"


def _between(ends: tuple[float, float]) -> str:
    return "–" if math.isnan(ends[0]) else f"{ends[0]:.3f}–{ends[1]:.3f}"
