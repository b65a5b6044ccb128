"""Buttons that make a file when they're clicked, and hand it over."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from ..data.boards import Live
from ..exports.formats import FORMATS, export
from .markup import heading

FETCH = """
(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name || "";
  document.body.append(link);
  link.click();
  link.remove();
}
"""
HERE = "(view) => [view, location.origin + location.pathname]"
"""Exports name the page that they were made on."""


@cache
def folder() -> Path:
    """Return this process's own folder for files to hand over."""
    return Path(tempfile.mkdtemp(prefix="tia2-exports-"))


def hand_over(name: str, content: str | bytes) -> str:
    """Write a file under its name into a folder of its own, the same for the same content; return its path."""
    encoded = content if isinstance(content, bytes) else content.encode()
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    path = folder() / digest / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encoded)
    return os.fspath(path)


def export_buttons(live: Live, state: Any) -> None:
    """Make one button a format.

    Args:
        live: The boards.
        state: Holds benchmark, scope and metric.
    """
    gr.HTML(heading("Export"))
    with gr.Row(elem_classes="tia2-exports"):
        buttons = {kind: gr.Button(row.title, size="sm", min_width=90, scale=0) for kind, row in FORMATS.items()}
        file, page = gr.DownloadButton(visible=False), gr.Textbox(visible=False)
    for kind, button in buttons.items():

        def make(view: dict[str, Any], page: str, kind: str = kind) -> str | None:
            if not view:
                return None
            board = live.board(view["benchmark"])
            return hand_over(*export(board, kind, view["scope"], view["metric"], str(page)))

        written = button.click(make, [state, page], [file], js=HERE, api_visibility="private", concurrency_limit=2)
        written.success(None, [file], None, js=FETCH, api_visibility="private")
