"""What stands in the page's head: a description, and a script that fetches ahead what other tabs take long to start."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ..views.rendering import render

HEAVY = "PlotlyPlot-*.js"
"""Gradio's script that draws figures: 4.6 MB, which take more than a second to fetch and start."""


def head() -> str:
    """Return the HTML of the page's head."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    modules = [f"./assets/{path.name}" for path in sorted(folder.glob(HEAVY))]
    return render("head.html", modules=modules)
