"""The Submit tab: how a submission is made, a place to upload one, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from pathlib import Path
from typing import Any

import gradio as gr

from tia2.errors import Tia2Error
from tia2.files import cache_dir, without_folders

from ...data.boards import Live
from ...data.store import Store
from ...submissions.limits import LIMITS
from ...submissions.web import receive_upload, status_of, withdraw
from ...views.rendering import macro
from ..entrance.guard import UPLOADS
from ..entrance.uploads import visitor_of
from ..parts import Tab

TEMPLATE = "submit.html"
COMMANDS = """\
tia2 score --reward my_reward.py:Mine --benchmark BENCHMARK --out runs/mine
tia2 submit runs/mine --name "My model" --licence MIT --training-data "LAION-400M" \\
    --contact https://example.org/me --out mine.zip
"""
TICK = 1.0
"""Seconds between two signs of life."""
FOUND, STATUS, SEND = "tia2-found", "tia2-status", "tia2-send"
ANSWERED = "() => window.tia2Answered('{}')"
"""Brings an answer into view, and to those who can't see it."""
CHOSEN = f"() => window.tia2Refocus('#{SEND}')"
"""The button that chose the file is gone by then, and with it the place of whoever pressed it by key."""


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
    gr.HTML(macro(TEMPLATE, "rules", LIMITS))
    if is_copy(live.store):
        gr.HTML(macro(TEMPLATE, "elsewhere"))
    else:
        receipt = gr.Textbox(
            label="Id of a submission; to withdraw it, its receipt",
            max_lines=1,
            max_length=100,
            scale=3,
            min_width=300,
            render=False,
        )
        _form(live, receipt)
        _status(live, receipt)

    def render(benchmark: str) -> list[Any]:
        return [COMMANDS.replace("BENCHMARK", benchmark)]

    return Tab("submit", [], render, [commands])


def is_copy(store: Store) -> bool:
    """Return whether a store was downloaded from the Hub, so that what is written there stays unseen."""
    return Path(store.folder).resolve().is_relative_to((cache_dir() / "leaderboards").resolve())


def _form(live: Live, receipt: Any) -> None:
    file = gr.File(
        label="Submission, a zip that tia2 submit made", file_types=[".zip"], height=140, elem_classes="tia2-upload"
    )
    replaces = gr.Textbox(
        label="Receipt of the submission that this is a new version of (may be empty)", max_lines=1, max_length=100
    )
    send = gr.Button("Submit for review", variant="primary", interactive=False, scale=0, min_width=180, elem_id=SEND)
    checking = gr.HTML(visible=False)
    said = gr.Textbox(
        label="What the checks found", interactive=False, lines=3, max_lines=20, visible=False, elem_id=FOUND
    )

    def receive(path: str | None, before: str, request: gr.Request) -> Iterator[list[Any]]:
        if not path or not _is_own(request, path):
            yield [
                gr.update(visible=False),
                _answer("Choose a file first."),
                None,
                gr.update(interactive=False),
                gr.skip(),
            ]
            return
        name, sent_by = Path(path).name, sender(request)
        with ThreadPoolExecutor(1) as executor:
            running = executor.submit(
                receive_upload, live.store, path, sent_by, filename=name, replaces=before.strip() or None
            )
            seconds = 0
            while True:
                shown = gr.update(value=macro(TEMPLATE, "checking", seconds), visible=True)
                yield [shown, gr.update(value="", visible=False), gr.skip(), gr.update(interactive=False), gr.skip()]
                try:
                    outcome = running.result(TICK)
                    break
                except NotYetError:
                    seconds += 1
        Path(path).unlink(missing_ok=True)
        # What is asked next is what became of it, so its receipt needn't be copied for that.
        key = f"{outcome.id}.{outcome.key}" if outcome.id else gr.skip()
        yield [gr.update(visible=False), _answer("\n".join(outcome.lines)), None, gr.update(interactive=False), key]

    def choose(path: str | None) -> list[Any]:
        # An answer about the file before is none about this one.
        return [gr.update(interactive=bool(path)), gr.update(value="", visible=False), gr.update(visible=False)]

    quiet: Any = {"api_visibility": "private"}
    chosen = file.upload(choose, [file], [send, said, checking], show_progress="hidden", **quiet)
    chosen.then(None, None, None, js=CHOSEN, **quiet)
    file.clear(lambda: gr.update(interactive=False), None, [send], show_progress="hidden", **quiet)
    sent = send.click(
        receive,
        [file, replaces],
        [checking, said, file, send, receipt],
        concurrency_limit=2,
        show_progress="hidden",
        **quiet,
    )
    sent.then(None, None, None, js=ANSWERED.format(FOUND), **quiet)


def _status(live: Live, receipt: Any) -> None:
    gr.HTML(macro(TEMPLATE, "afterwards"))
    with gr.Row(elem_classes="tia2-controls"):
        receipt.render()
        ask = gr.Button("Show its status", scale=0, min_width=180)
        back = gr.Button("Withdraw it", scale=0, min_width=140)
    state = gr.Textbox(label="Status", interactive=False, lines=2, visible=False, elem_id=STATUS)

    def show(text: str) -> Any:
        return _answer(_said(lambda: status_of(live.store, text.partition(".")[0]), live.store))

    def take_back(text: str) -> Any:
        return _answer(_said(lambda: withdraw(live.store, text), live.store))

    quiet: Any = {"api_visibility": "private", "show_progress": "hidden"}
    for event, answer in ((ask.click, show), (receipt.submit, show), (back.click, take_back)):
        answered = event(answer, [receipt], [state], **quiet)
        answered.then(None, None, None, js=ANSWERED.format(STATUS), **quiet)


def _said(ask: Any, store: Store) -> str:
    try:
        return str(ask().sentence)
    except Tia2Error as error:
        return without_folders(str(error), store.folder, store.folder.resolve())


def sender(request: gr.Request) -> str:
    """Return what tells visitors apart: an account's name if they are logged in, else where they come from."""
    if request.username:
        return f"account {request.username}"
    return f"visitor from {visitor_of(request.client.host)}" if request.client else "a visitor"


def _is_own(request: gr.Request, path: str) -> bool:
    """Return whether a file is one that this visitor uploaded: a request can name any that Gradio keeps."""
    uploads = getattr(request.request, "scope", {}).get(UPLOADS)
    host = request.client.host if request.client else None
    return uploads is not None and bool(uploads.belongs(visitor_of(host), path))


def _answer(text: str) -> Any:
    return gr.update(value=text, visible=True)
