"""The Submit tab: how a submission is made, and a place to upload one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tia2.files import cache_dir

from ...data.boards import Live
from ...data.store import Store
from ...submissions.limits import LIMITS, MIB
from ...submissions.web import receive_upload
from ...views.rendering import macro
from ..parts import Tab

TEMPLATE = "submit.html"
COMMANDS = """\
tia2 score --reward my_reward.py:Mine --benchmark BENCHMARK --out runs/mine
tia2 submit runs/mine --name "My model" --licence MIT --training-data "LAION-400M" \\
    --contact https://example.org/me --out mine.zip
"""


def build(live: Live) -> Tab:
    """Make the tab's components, inside the tab that is being built.

    Args:
        live: The boards.
    """
    gr.HTML(macro(TEMPLATE, "how"))
    commands = gr.Code(
        COMMANDS,
        language=None,
        label="Commands",
        interactive=False,
        show_line_numbers=False,
        wrap_lines=True,
        buttons=["copy"],
    )
    gr.HTML(macro(TEMPLATE, "rules", LIMITS.upload // MIB, LIMITS.an_hour))
    if is_copy(live.store):
        gr.HTML(macro(TEMPLATE, "elsewhere"))
    else:
        _form(live)

    def render(benchmark: str) -> list[Any]:
        return [COMMANDS.replace("BENCHMARK", benchmark)]

    return Tab("submit", [], render, [commands])


def is_copy(store: Store) -> bool:
    """Return whether a store was downloaded from the Hub, so that what is written there stays unseen."""
    return Path(store.folder).resolve().is_relative_to((cache_dir() / "leaderboards").resolve())


def _form(live: Live) -> None:
    file = gr.File(
        label="Submission, a zip that tia2 submit made", file_types=[".zip"], height=140, elem_classes="tia2-upload"
    )
    send = gr.Button("Submit for review", variant="primary", interactive=False, scale=0, min_width=180)
    said = gr.Textbox(label="What the checks found", interactive=False, lines=3, max_lines=20, visible=False)

    def receive(path: str | None, request: gr.Request) -> list[Any]:
        if not path:
            return [gr.update(visible=True, value="Choose a file first."), gr.skip(), gr.skip()]
        outcome = receive_upload(live.store, path, sender(request), filename=Path(path).name)
        Path(path).unlink(missing_ok=True)
        return [gr.update(visible=True, value="\n".join(outcome.lines)), None, gr.update(interactive=False)]

    quiet: Any = {"api_visibility": "private"}
    for event in (file.upload, file.clear):
        event(lambda path: gr.update(interactive=bool(path)), [file], [send], show_progress="hidden", **quiet)
    send.click(receive, [file], [said, file, send], concurrency_limit=1, show_progress_on=[said, send], **quiet)


def sender(request: gr.Request) -> str:
    """Return what tells visitors apart: an account's name if they are logged in, else where they come from."""
    if request.username:
        return f"account {request.username}"
    return f"visitor from {request.client.host}" if request.client else "a visitor"
