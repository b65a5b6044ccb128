"""Tables that several tabs show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..views.sheets import Sheet

STYLE = """<style>
.tia2-gallery .grid-container { grid-template-columns: repeat(auto-fill, minmax(98px, 1fr)) !important; }
.tia2-gallery .caption-label { position: static; max-width: none; white-space: normal; text-align: left;
  background: none; border: 0; padding: 4px 6px; font-size: 12px; line-height: 1.35; }
.tia2-gallery .thumbnail-lg { aspect-ratio: auto; height: auto; flex-direction: column; }
.tia2-gallery .thumbnail-lg img { aspect-ratio: 1; height: auto; }
</style>"""
"""Whole captions below the pictures of a gallery, as many in a row as there is room for."""


def text_table(label: str, height: int) -> gr.Dataframe:
    """Return an empty table. Its cells are text and nothing else, whatever stands in them.

    Args:
        label: Name for screen readers.
        height: Largest height, in pixels.
    """
    return gr.Dataframe(
        interactive=False,
        datatype="str",
        label=label,
        show_label=False,
        max_height=height,
        elem_classes="tia2-sheet",
        buttons=["fullscreen", "copy"],
    )


def filled(sheet: Sheet, widths: Sequence[int]) -> Any:
    """Return an update of such a table.

    Args:
        sheet: Rows and headings.
        widths: Widths of the columns, in pixels; the last holds for all further ones.
    """
    last = len(widths) - 1
    return gr.update(
        value=sheet.payload(),
        column_widths=[f"{widths[min(column, last)]}px" for column in range(len(sheet.headers))],
    )
