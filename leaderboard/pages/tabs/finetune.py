"""The Fine-tuning tab: runs that were validated, or what will be here."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ...data.boards import Live
from ..markup import facts, note
from ..parts import Tab

LONGEST = 1 << 20
EMPTY = """
<div class="tia2-prose">
<h2>No validated runs yet</h2>
<p>A reward model that agrees with people on a benchmark can still be exploited by a diffusion model that is fine-tuned
against it. This tab shows, for entries that were validated, when that happens:</p>
<ul>
<li>over-optimisation curves: the proxy reward, which is optimised, and the gold judge, which is trusted, against the
distance from the model that fine-tuning began with;</li>
<li>sample grids: images of the same prompts along the way.</li>
</ul>
<h3>How a run gets here</h3>
<p>A maintainer validates it: the reward model's score tables are on the board, the settings and seeds are given, the
gold judge was never optimised nor used to choose a checkpoint, and the curves are recomputed from the kept samples.</p>
</div>
"""


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    page = gr.HTML()

    def render(benchmark: str) -> list[str]:
        del benchmark
        runs = runs_of(Path(live.store.folder))
        return ["".join(map(_run, runs)) if runs else EMPTY]

    return Tab("finetune", [], render, [page])


def runs_of(folder: Path) -> list[dict[str, Any]]:
    """Return what the store's `finetune/*.json` say, those that can be read.

    Args:
        folder: The store's.
    """
    found = []
    for path in sorted((folder / "finetune").glob("*.json")):
        try:
            if path.stat().st_size > LONGEST:
                continue
            run = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(run, dict):
            found.append(run)
    return found


def _run(run: dict[str, Any]) -> str:
    title = escape(str(run.get("name", "a run")))
    plain = [(str(key), escape(str(value))) for key, value in run.items() if isinstance(value, (str, int, float))]
    return (
        f'<section><h2 class="tia2-h2">{title}</h2>{facts(plain) if plain else note("No details are given.")}</section>'
    )
