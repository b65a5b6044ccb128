"""The Fine-tuning tab: runs that were validated, or what will be here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from ...data.boards import Live
from ...views.rendering import macro
from ..parts import Tab

LONGEST = 1 << 20
TEMPLATE = "finetune.html"


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    page = gr.HTML()

    def render(benchmark: str) -> list[str]:
        del benchmark
        runs = runs_of(Path(live.store.folder))
        return [Markup().join(map(_run, runs)) if runs else macro(TEMPLATE, "empty")]

    return Tab("finetune", [], render, [page])


def runs_of(folder: Path) -> list[dict[str, Any]]:
    """Return what the store's `finetune/*.json` say, those that can be read.

    Args:
        folder: Folder of the store.
    """
    runs = []
    for path in sorted((folder / "finetune").glob("*.json")):
        try:
            if path.stat().st_size > LONGEST:
                continue
            run = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(run, dict):
            runs.append(run)
    return runs


def _run(run: dict[str, Any]) -> Markup:
    pairs = [(str(key), str(value)) for key, value in run.items() if isinstance(value, (str, int, float))]
    return macro(TEMPLATE, "run", str(run.get("name", "a run")), pairs)
