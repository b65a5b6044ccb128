"""What stands in the page's head: a description, and a script that fetches ahead what other tabs take long to start."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import gradio as gr

from ..views.rendering import render, source

HEAVY = "PlotlyPlot-*.js"
"""Gradio's script that draws figures: 4.6 MB, which take more than a second to fetch and start."""


def icon() -> str:
    """Return the path of the page's icon."""
    return os.fspath(Path(str(files("tia2.leaderboard"))) / "templates" / "icon.svg")


def head() -> str:
    """Return the HTML of the page's head."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    modules = [f"./assets/{path.name}" for path in sorted(folder.glob(HEAVY))]
    return render("head.html", modules=modules, script=source("page.js"))
