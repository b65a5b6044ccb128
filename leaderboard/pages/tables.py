"""Tables and headings that several tabs show."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
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


def heading(text: str) -> str:
    """Return a heading within a tab."""
    return f'<h2 class="tia2-h2">{escape(text)}</h2>'


def answer(text: str) -> str:
    """Return the sentence that answers a tab's question; screen readers say it when it changes."""
    return f'<p class="tia2-answer" role="status">{escape(text)}</p>'


def text_table(label: str, height: int) -> gr.Dataframe:
    """Return an empty table. Its cells are text and nothing else, whatever stands in them.

    Args:
        label: For screen readers.
        height: At most, in pixels.
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
        sheet: What it shows.
        widths: Of the columns, in pixels; the last holds for all further ones.
    """
    own = [widths[min(place, len(widths) - 1)] for place in range(len(sheet.headers))]
    return gr.update(value=sheet.payload(), column_widths=[f"{width}px" for width in own])
